//! Requests and responses between one socket and one address of a tracker.

use crate::announce::AnnounceError;
use crate::client::readable;
use crate::forwarder::lock;
use crate::limits::{
    CONNECTION_ID_AGE_MAX, DATAGRAM_BYTES_MAX, DATAGRAMS_PER_TURN_MAX, RETRANSMIT_DOUBLINGS_MAX,
};
use primitives::{CompactAddress, CompactIpv4, CompactIpv6};
use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::iter::successors;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::Mutex;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};
use udp_protocol::{
    AnnounceRequest, AnnounceResponse, ConnectRequest, ConnectionId, Response, ResponseError, TransactionId,
    decode_response,
};
use zerocopy::IntoBytes;

/// A socket that is connected to the tracker, so that the kernel drops the datagrams of all others. Whichever announce is polled
/// first after a datagram arrived passes it to the one that waits for it. Nothing is read while no announce waits.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) address: SocketAddr,
    /// The address that the tracker may see.
    pub(super) own_ip: IpAddr,
    socket: UdpSocket,
    retransmit_after: Duration,
    /// Locked while a connection id is requested, so that announces share it.
    connection: tokio::sync::Mutex<Option<(ConnectionId, Instant)>>,
    /// The requests that wait for their response, by transaction id.
    waiting: Mutex<WaitingRequests>,
}

type WaitingRequests = HashMap<[u8; 4], oneshot::Sender<Result<Reply, AnnounceError>>>;

/// A response of the tracker.
#[derive(Debug)]
enum Reply {
    Connected(ConnectionId),
    Announced(Heard),
    Refused(String),
}

/// An answer to an announce over one family.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) interval_s: u32,
    pub(super) leechers: u32,
    pub(super) seeders: u32,
    pub(super) peers: Vec<SocketAddr>,
}

const WRONG_ACTION: AnnounceError = AnnounceError::Malformed("the response is to another request");

impl Session {
    /// Opens a socket. Must be called on a tokio runtime.
    pub(super) fn open(address: SocketAddr, retransmit_after: Duration) -> io::Result<Self> {
        let any = match address {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let socket = std::net::UdpSocket::bind(any)?;
        socket.connect(address)?;
        socket.set_nonblocking(true)?;
        let own_ip = socket.local_addr()?.ip();
        let socket = UdpSocket::from_std(socket)?;
        let (connection, waiting) = Default::default();
        Ok(Self { address, own_ip, socket, retransmit_after, connection, waiting })
    }

    /// Announces until there is a response, with ids in place of those of `request`.
    pub(super) async fn announce(
        &self,
        request: AnnounceRequest,
        options: &[u8],
    ) -> Result<Heard, AnnounceError> {
        let start = Instant::now();
        match self.announce_once(request, options).await? {
            Reply::Refused(reason) if is_about_connection_id(&reason) => {
                self.forget_connection_of(start).await;
                self.announce_once(request, options).await?
            }
            reply => reply,
        }
        .into_heard()
    }

    async fn announce_once(
        &self,
        mut request: AnnounceRequest,
        options: &[u8],
    ) -> Result<Reply, AnnounceError> {
        let waiting = self.wait()?;
        request.transaction_id = waiting.transaction_id;
        let sending = self.send_announces(request, options);
        self.receive_while(sending, waiting).await
    }

    async fn send_announces(
        &self,
        mut request: AnnounceRequest,
        options: &[u8],
    ) -> Result<Infallible, AnnounceError> {
        let mut waits = self.retransmissions();
        loop {
            request.connection_id = self.connection_id().await?;
            let sent = Instant::now();
            self.send(&[request.as_bytes(), options].concat()).await?;
            sleep(waits.next().unwrap_or_default()).await;
            // A tracker that was restarted does not respond to connection ids from before.
            self.forget_connection_of(sent).await;
        }
    }

    async fn connection_id(&self) -> Result<ConnectionId, AnnounceError> {
        let mut connection = self.connection.lock().await;
        if let Some((id, received)) = *connection
            && received.elapsed() < CONNECTION_ID_AGE_MAX
        {
            return Ok(id);
        }
        let waiting = self.wait()?;
        let sending = self.send_connects(ConnectRequest::new(waiting.transaction_id));
        match self.receive_while(sending, waiting).await? {
            Reply::Connected(id) => {
                *connection = Some((id, Instant::now()));
                Ok(id)
            }
            reply => Err(reply.into_heard().err().unwrap_or(WRONG_ACTION)),
        }
    }

    /// Forgets the connection id that was in use at `time`, if it has not been replaced.
    async fn forget_connection_of(&self, time: Instant) {
        self.connection.lock().await.take_if(|(_, received)| *received <= time);
    }

    async fn send_connects(&self, request: ConnectRequest) -> Result<Infallible, AnnounceError> {
        let mut waits = self.retransmissions();
        loop {
            self.send(request.as_bytes()).await?;
            sleep(waits.next().unwrap_or_default()).await;
        }
    }

    /// Returns the times between the transmissions of a request.
    fn retransmissions(&self) -> impl Iterator<Item = Duration> {
        let longest = self.retransmit_after.saturating_mul(1 << RETRANSMIT_DOUBLINGS_MAX);
        successors(Some(self.retransmit_after), move |wait| Some(wait.saturating_mul(2).min(longest)))
    }

    async fn send(&self, datagram: &[u8]) -> Result<(), AnnounceError> {
        match self.socket.send(datagram).await {
            Ok(_) => Ok(()),
            Err(error) => {
                self.fail_all(&error);
                Err(connection_error(&error))
            }
        }
    }

    /// Returns a place for the response to a request, under a transaction id that no one else can guess.
    fn wait(&self) -> Result<Waiting<'_>, AnnounceError> {
        let mut bytes = [0; 4];
        getrandom::fill(&mut bytes).map_err(|error| AnnounceError::Connection(error.to_string()))?;
        let (sender, outcome) = oneshot::channel();
        lock(&self.waiting).insert(bytes, sender);
        Ok(Waiting { session: self, transaction_id: TransactionId(bytes), outcome })
    }

    /// Receives for all, until the response for `waiting` has arrived or `sending` has failed.
    async fn receive_while(
        &self,
        sending: impl Future<Output = Result<Infallible, AnnounceError>>,
        mut waiting: Waiting<'_>,
    ) -> Result<Reply, AnnounceError> {
        let mut sending = pin!(sending);
        loop {
            tokio::select! {
                biased;
                outcome = &mut waiting.outcome => return outcome.unwrap_or(Err(WRONG_ACTION)),
                Err(error) = &mut sending => return Err(error),
                ready = self.socket.readable() => match ready {
                    Ok(()) => self.receive(),
                    Err(error) => return Err(connection_error(&error)),
                },
            }
        }
    }

    fn receive(&self) {
        let mut datagram = vec![0; DATAGRAM_BYTES_MAX];
        for _ in 0..DATAGRAMS_PER_TURN_MAX {
            match self.socket.try_recv(&mut datagram) {
                Ok(length) => self.accept(datagram.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // The kernel reports an ICMP error once.
                Err(error) => return self.fail_all(&error),
            }
        }
    }

    /// Passes a response to the one that waits for it. Late and unknown ones are ignored.
    fn accept(&self, datagram: &[u8]) {
        let transaction_id = datagram.get(4..).and_then(<[u8]>::first_chunk);
        let sender = transaction_id.and_then(|id| lock(&self.waiting).remove(id));
        if let Some(sender) = sender {
            let reply = match self.address {
                SocketAddr::V4(_) => decode::<CompactIpv4>(datagram),
                SocketAddr::V6(_) => decode::<CompactIpv6>(datagram),
            };
            let malformed = |_| AnnounceError::Malformed("the datagram is not a response of BEP 15");
            // An error means that the announce was dropped.
            drop(sender.send(reply.map_err(malformed)));
        }
    }

    fn fail_all(&self, error: &io::Error) {
        for (_, sender) in lock(&self.waiting).drain() {
            drop(sender.send(Err(connection_error(error))));
        }
    }
}

fn connection_error(error: &io::Error) -> AnnounceError {
    AnnounceError::Connection(error.to_string())
}

fn decode<A: CompactAddress>(datagram: &[u8]) -> Result<Reply, ResponseError> {
    let response = decode_response::<A>(datagram).or_else(|error| match error {
        ResponseError::CutOff => decode_response(with_whole_peers::<A>(datagram)),
        _ => Err(error),
    });
    Ok(match response? {
        Response::Connect(response) => Reply::Connected(response.connection_id),
        Response::Announce(response, peers) => Reply::Announced(Heard {
            interval_s: response.interval_s.get(),
            leechers: response.leechers.get(),
            seeders: response.seeders.get(),
            peers: peers.iter().map(|&peer| peer.into().socket_address()).collect(),
        }),
        Response::Error(_, text) => Reply::Refused(readable(text)),
        Response::Scrape(..) => return Err(ResponseError::UnknownAction),
    })
}

/// Returns a response to an announce without the bytes after its last whole peer.
fn with_whole_peers<A>(datagram: &[u8]) -> &[u8] {
    let peers_bytes = datagram.len().saturating_sub(size_of::<AnnounceResponse>());
    let (whole, _) = datagram.split_at(datagram.len() - peers_bytes % size_of::<A>());
    whole
}

/// Returns whether the tracker wants another connection id. The texts are "Connection ID missmatch", "invalid connection id",
/// "Connection ID expired" and the like.
fn is_about_connection_id(reason: &str) -> bool {
    let letters = reason.chars().filter(char::is_ascii_alphabetic);
    letters.collect::<String>().to_ascii_lowercase().contains("connectionid")
}

impl Reply {
    fn into_heard(self) -> Result<Heard, AnnounceError> {
        match self {
            Self::Announced(heard) => Ok(heard),
            Self::Refused(reason) => Err(AnnounceError::Refused { reason, retry: None }),
            Self::Connected(_) => Err(WRONG_ACTION),
        }
    }
}

/// A request that waits for its response.
struct Waiting<'a> {
    session: &'a Session,
    transaction_id: TransactionId,
    outcome: oneshot::Receiver<Result<Reply, AnnounceError>>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        lock(&self.session.waiting).remove(&self.transaction_id.0);
    }
}
