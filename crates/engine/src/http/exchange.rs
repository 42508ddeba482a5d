use super::client::client_of_request;
use super::full_scrape::FullScrape;
use super::policy::{HttpPolicy, ProxyHeaderKind, Trust};
use super::routed::RoutedRequest;
use super::service::{ClientRequest, HttpService, Served};
use crate::limits::ROOM;
use crate::now::Now;
use crate::shard::Shard;
use core::net::IpAddr;
use core::ops::Range;
use http_protocol::{
    Connection, Framing, HeadSearch, Incoming, ProxiedSource, ProxyHeader, Request, read_proxy_header,
    read_request, write_status,
};
use primitives::{AddressFamily, HttpOutcome, ShardId, canonical_ip};

/// What is known of one HTTP connection. Its bytes are its owner's: this decides what they mean.
#[derive(Debug)]
pub struct HttpExchange {
    /// Whose it is: the socket's other end, or whom a trusted proxy named with the PROXY protocol.
    opened_by: IpAddr,
    /// Whether that is a proxy. Where a client was named, the connection is the client's, who is not believed.
    trust: Trust,
    search: HeadSearch,
    requests_left: u32,
    /// Whether the request at the front has waited for its owner long enough.
    has_waited: bool,
}

/// What the bytes at the front of a connection are.
#[derive(Debug)]
pub enum HttpStep {
    /// The beginning of a request, or nothing.
    Incomplete,
    /// A request of so many bytes, whose answer is written.
    Answered {
        /// Bytes that it took.
        consumed: usize,
        /// Where in the buffer its answer lies.
        written: Range<usize>,
        /// What becomes of the connection then.
        connection: Connection,
    },
    /// A request of so many bytes, whose routed request begins.
    Routed {
        /// Bytes that it took.
        consumed: usize,
        /// The routed request's first stop.
        owner: ShardId,
        /// It.
        routed: Box<RoutedRequest>,
        /// What becomes of the connection when it is answered.
        connection: Connection,
    },
    /// A request whose owner has as many of this core's routed requests as it may: it is given again when one of them is back, or
    /// behind [`HttpExchange::stop_waiting`].
    OwnerBusy(ShardId),
    /// A request of so many bytes for all torrents. The head of its answer is written, and pieces follow.
    Stream {
        /// Bytes that it took.
        consumed: usize,
        /// Where in the buffer the head lies.
        head: Range<usize>,
        /// The pieces.
        scrape: Box<FullScrape>,
        /// What becomes of the connection then.
        connection: Connection,
    },
    /// Something that is answered with the status of an error; what follows is not read any more.
    Refused(Range<usize>),
    /// Something else than HTTP.
    NotHttp,
}

/// What the bytes at the front of a proxy's connection are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyStep {
    /// The beginning of its header, or nothing.
    Incomplete,
    /// Its header of so many bytes.
    Complete(usize),
    /// No header.
    Invalid,
}

impl HttpExchange {
    /// A connection from `remote` that nothing has come by yet.
    #[must_use]
    pub fn new(policy: &HttpPolicy, remote: IpAddr) -> Self {
        Self {
            opened_by: canonical_ip(remote),
            trust: policy.proxy.trust(remote),
            search: HeadSearch::default(),
            requests_left: policy.requests_per_connection_max,
            has_waited: false,
        }
    }

    /// Whether it has to begin with a header of the PROXY protocol, before TLS.
    #[must_use]
    pub fn expects_proxy_header(&self, policy: &HttpPolicy) -> bool {
        self.trust == Trust::Proxy && policy.proxy.header == ProxyHeaderKind::ProxyProtocol
    }

    /// Whether it has had as many requests as it may. Its client, which cannot know that, may have sent more.
    #[must_use]
    pub const fn is_used_up(&self) -> bool {
        self.requests_left == 0
    }

    /// The request at the front is answered in any case: with a failure if its owner is still busy.
    pub const fn stop_waiting(&mut self) {
        self.has_waited = true;
    }

    /// Reads the header of the PROXY protocol at the front of `bytes`. Asked once, until it is complete.
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

    /// Reads and serves the request at the front of `bytes`. They begin with the same byte each time until something
    /// is consumed.
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
            Incoming::NotHttp(_) => HttpStep::NotHttp,
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
        let requests_left = self.requests_left.saturating_sub(1);
        if requests_left == 0 {
            request.framing.connection = Connection::Close;
        }
        let (consumed, connection) = (request.bytes, request.framing.connection);
        let client = client_of_request(service.policy(), self.opened_by, self.trust, request.headers);
        let asked = ClientRequest { client, family: self.family(), request: &request };
        let step = match service.serve(shard, now, asked, out) {
            Served::OwnerBusy(owner, routed) if !self.has_waited => {
                service.take_back(routed);
                return HttpStep::OwnerBusy(owner);
            }
            Served::OwnerBusy(_, routed) => {
                let written = service.give_up(shard, routed, out);
                HttpStep::Answered { consumed, written, connection }
            }
            Served::Written(written) => HttpStep::Answered { consumed, written, connection },
            Served::Stream(head, scrape) => {
                HttpStep::Stream { consumed, head, connection: scrape.response.framing.connection, scrape }
            }
            Served::Routed(owner, routed) => HttpStep::Routed { consumed, owner, routed, connection },
        };
        (self.requests_left, self.has_waited) = (requests_left, false);
        step
    }

    const fn family(&self) -> AddressFamily {
        AddressFamily::of(self.opened_by)
    }
}
