use super::client::client_of_request;
use super::failure::Failure;
use super::messages::Patience;
use super::policy::{HttpPolicy, ProxyHeaderKind, Trust};
use super::routed::RoutedRequest;
use super::service::{ClientRequest, HttpService, Served};
use super::stream_body::StreamBody;
use crate::admission::{AdmittedSource, RefusedRequests, admit_source};
use crate::limits::ROOM;
use crate::now::Now;
use crate::shard::Shard;
use crate::ws::{WebSocketClient, WebSocketPolicy};
use core::net::IpAddr;
use core::ops::Range;
use guard::{OverLimit, Source};
use http_protocol::{
    Connection, Framing, HeadSearch, Incoming, KeyInPath, ProxiedSource, ProxyHeader, Request, Route, Status,
    Upgrade, read_proxy_header, read_request, write_status, write_upgrade,
};
use metrics::HttpOutcome;
use primitives::{AddressFamily, ShardId, canonical_ip};
use ws_protocol::accept_key;

/// The HTTP state of one connection. It interprets the input and does no IO.
#[derive(Debug)]
pub struct HttpExchange {
    /// The remote address of the socket, or the one that a trusted proxy reported with the PROXY protocol.
    opened_by: IpAddr,
    /// Whether that is a trusted proxy. A client that a proxy reported is not one.
    trust: Trust,
    search: HeadSearch,
    requests_left: u32,
    /// Of the request at the front.
    patience: Patience,
    /// Of the request at the front, while it waits for its owner.
    admitted: Option<AdmittedSource>,
    refused: RefusedRequests,
}

/// The result of serving the request at the front of the input. `consumed` is its length in bytes, and `connection`
/// says what happens to the connection after the answer.
#[derive(Debug)]
pub enum HttpStep {
    /// The input is empty, or ends within a request.
    Incomplete,
    /// The answer is in the buffer at `written`.
    Answered {
        consumed: usize,
        written: Range<usize>,
        connection: Connection,
    },
    /// The request goes to this owner first.
    Routed {
        consumed: usize,
        owner: ShardId,
        routed: Box<RoutedRequest>,
        connection: Connection,
    },
    /// The owner has as many of this core's routed requests as it may. The request is to be served again when one of
    /// them is back, or after [`HttpExchange::stop_waiting`].
    OwnerBusy(ShardId),
    /// The beginning of the answer is in the buffer at `written`, and pieces of the body follow.
    Stream {
        consumed: usize,
        written: Range<usize>,
        body: StreamBody,
        connection: Connection,
    },
    /// The answer in the buffer opens a WebSocket. The rest of the input is frames.
    Upgraded {
        consumed: usize,
        written: Range<usize>,
        client: Box<WebSocketClient>,
    },
    /// The answer in the buffer is an HTTP error status. The rest of the input is not read.
    Refused(Range<usize>),
    NotHttp,
}

/// The result of reading the PROXY protocol header at the front of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyStep {
    /// The input is empty, or ends within the header.
    Incomplete,
    /// The header has this many bytes.
    Complete(usize),
    Invalid,
}

impl HttpExchange {
    /// Returns the state of a new connection from `remote`.
    #[must_use]
    pub fn new(policy: &HttpPolicy, remote: IpAddr) -> Self {
        Self {
            opened_by: canonical_ip(remote),
            trust: policy.proxy.trust(remote),
            search: HeadSearch::default(),
            requests_left: policy.requests_per_connection_max,
            patience: Patience::Left,
            admitted: None,
            refused: RefusedRequests::NONE,
        }
    }

    /// Returns whether the connection has to begin with a PROXY protocol header, which precedes TLS.
    #[must_use]
    pub fn expects_proxy_header(&self, policy: &HttpPolicy) -> bool {
        self.trust == Trust::Proxy && policy.proxy.header == ProxyHeaderKind::ProxyProtocol
    }

    /// Returns whether the connection may make no more requests. The client does not know it and may send more.
    #[must_use]
    pub const fn is_used_up(&self) -> bool {
        self.requests_left == 0
    }

    /// Ends the wait of the request at the front: if its owner is still busy, it is answered with a failure.
    pub const fn stop_waiting(&mut self) {
        self.patience = Patience::Over;
    }

    /// Reads the PROXY protocol header at the front of `bytes`. To be called until it is complete.
    pub fn read_proxy_header(&mut self, bytes: &[u8]) -> ProxyStep {
        match read_proxy_header(bytes) {
            ProxyHeader::Incomplete => ProxyStep::Incomplete,
            ProxyHeader::Invalid => ProxyStep::Invalid,
            ProxyHeader::Complete { source, bytes } => {
                if let ProxiedSource::Client(address) = source {
                    (self.opened_by, self.trust) = (canonical_ip(address.ip()), Trust::Stranger);
                }
                ProxyStep::Complete(bytes)
            }
        }
    }

    /// Reads and serves the request at the front of `bytes`, which begin with the same byte until one is consumed.
    ///
    /// # Panics
    /// When `out` is shorter than [`http_protocol::RESPONSE_BYTES_MAX`].
    pub fn advance(
        &mut self,
        service: &mut HttpService,
        shard: &mut Shard,
        now: Now,
        bytes: &[u8],
        out: &mut [u8],
    ) -> HttpStep {
        match read_request(bytes, &mut self.search) {
            Incoming::Incomplete => HttpStep::Incomplete,
            Incoming::NotHttp => HttpStep::NotHttp,
            Incoming::Refused(status) => {
                shard.statistics_mut().count_http(self.family(), HttpOutcome::BadRequest);
                HttpStep::Refused(write_status(out, Framing::FINAL, status).expect(ROOM))
            }
            Incoming::Request(request) => self.serve(service, shard, now, request, out),
        }
    }

    fn serve(
        &mut self,
        service: &mut HttpService,
        shard: &mut Shard,
        now: Now,
        mut request: Request<'_>,
        out: &mut [u8],
    ) -> HttpStep {
        let client = client_of_request(service.policy(), self.opened_by, self.trust, request.headers);
        let admitted = self.admit(shard, now, client);
        let requests_left = self.requests_left();
        let asked_for = request.framing.connection;
        request.framing.connection =
            if requests_left == 0 { Connection::Close } else { service.persistence().of(asked_for) };
        let (consumed, connection) = (request.bytes, request.framing.connection);
        let asked = ClientRequest { client, family: self.family(), admitted, request: &request };
        if request.upgrade != Upgrade::None
            && let Some(policy) = &service.policy().web_socket
        {
            self.requests_left = requests_left;
            return open_web_socket(policy, shard, asked, out);
        }
        let step = match service.serve(shard, now, asked, out) {
            Served::OwnerBusy(owner, routed) if self.patience == Patience::Left => {
                service.take_back(routed);
                self.admitted = admitted.ok();
                return HttpStep::OwnerBusy(owner);
            }
            Served::OwnerBusy(_, routed) => {
                let written = service.give_up(shard, routed, out);
                HttpStep::Answered { consumed, written, connection }
            }
            Served::Written(written) => HttpStep::Answered { consumed, written, connection },
            Served::Stream(written, body) => {
                let connection = body.connection(connection);
                HttpStep::Stream { consumed, written, body, connection }
            }
            Served::Routed(owner, routed) => HttpStep::Routed { consumed, owner, routed, connection },
        };
        (self.requests_left, self.patience) = (requests_left, Patience::Left);
        step
    }

    /// Admits the source of the request at the front, which takes a token only once.
    fn admit(
        &mut self,
        shard: &mut Shard,
        now: Now,
        client: Option<IpAddr>,
    ) -> Result<AdmittedSource, Failure<'static>> {
        if let Some(admitted) = self.admitted.take() {
            return Ok(admitted);
        }
        let client = client.ok_or(Failure::UnknownClient)?;
        let admitted = admit_source(shard, now, Source::of(client), || Ok(()));
        self.refused.note(admitted);
        Ok(admitted?)
    }

    /// Returns how many requests the connection may make after this one. A trusted proxy's has requests of other clients
    /// than the one that was refused.
    fn requests_left(&self) -> u32 {
        let is_last = self.trust == Trust::Stranger && self.refused.are_too_many();
        if is_last { 0 } else { self.requests_left.saturating_sub(1) }
    }

    /// Returns the family of the address that opened the connection.
    #[must_use]
    pub const fn family(&self) -> AddressFamily {
        AddressFamily::of(self.opened_by)
    }
}

/// Opens a WebSocket (RFC 6455, 4.2.2), or refuses it. A refused client may send another request.
fn open_web_socket(
    policy: &WebSocketPolicy,
    shard: &mut Shard,
    asked: ClientRequest<'_>,
    out: &mut [u8],
) -> HttpStep {
    let ClientRequest { client, family, admitted, request } = asked;
    let (consumed, connection) = (request.bytes, request.framing.connection);
    let opened = match (asked.over_limit(), request.upgrade, client, request.headers.web_socket_key()) {
        (Some(OverLimit { retry_s, .. }), ..) => Err(Status::TooManyRequests { retry_s }),
        (None, Upgrade::WebSocket, Some(client), Some(key)) => {
            let is_admitted = admitted.is_ok() && policy.origins.admit(request.headers.origin());
            if is_admitted { Ok((client, accept_key(key))) } else { Err(Status::Forbidden) }
        }
        (None, Upgrade::OtherVersion, ..) => Err(Status::UpgradeRequired),
        _ => Err(Status::BadRequest),
    };
    let outcome = match opened {
        Ok(_) => HttpOutcome::Upgraded,
        Err(Status::TooManyRequests { .. }) => HttpOutcome::OverLimit,
        Err(_) => HttpOutcome::UpgradeRefused,
    };
    shard.statistics_mut().count_http(client.map_or(family, AddressFamily::of), outcome);
    match opened {
        Ok((source, accept)) => {
            let key = if let Route::Announce(key) = request.route { key } else { KeyInPath::Absent };
            let client = Box::new(WebSocketClient::new(source, key));
            HttpStep::Upgraded { consumed, written: write_upgrade(out, &accept).expect(ROOM), client }
        }
        Err(status) => {
            let written = write_status(out, request.framing, status).expect(ROOM);
            HttpStep::Answered { consumed, written, connection }
        }
    }
}
