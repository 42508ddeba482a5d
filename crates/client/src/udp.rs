//! UDP trackers (BEP 15): requests and responses between one socket and one address.

#[cfg(test)]
mod tests;

use crate::endpoint::TorrentCounts;
use crate::error::TrackerError;
use crate::limits::{
    CONNECTION_ID_AGE_MAX, DATAGRAM_BYTES_MAX, DATAGRAMS_PER_TURN_MAX, RETRANSMIT_DOUBLINGS_MAX, SENT_IDS_MAX,
};
use crate::lock;
use crate::text::readable;
use primitives::{CompactAddress, CompactIpv4, CompactIpv6, InfoHash};
use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::iter::successors;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};
use udp_protocol::{
    AnnounceRequest, AnnounceResponse, ConnectRequest, ConnectionId, Response, ResponseError, ScrapeEntry,
    ScrapeRequest, TransactionId, decode_response,
};
use zerocopy::IntoBytes;

/// A socket that is connected to a tracker, so that the kernel drops the datagrams of all others. Whichever request is polled
/// first after a datagram arrived passes it to the one that waits for it. Nothing is read while no request waits.
#[derive(Debug)]
pub struct UdpSession {
    pub address: SocketAddr,
    /// The address that the tracker may see.
    pub own_ip: IpAddr,
    socket: UdpSocket,
    retransmit_after: Duration,
    /// Locked while a connection id is requested, so that requests share it.
    connection: tokio::sync::Mutex<Option<(ConnectionId, Instant)>>,
    /// The requests that wait for their response, by transaction id.
    waiting: Mutex<WaitingRequests>,
    /// The transaction ids of the last requests, the newest first.
    sent: Mutex<VecDeque<[u8; 4]>>,
    /// Datagrams that answered no request.
    strays: AtomicU32,
}

type WaitingRequests = HashMap<[u8; 4], oneshot::Sender<Result<Reply, TrackerError>>>;

/// A response of the tracker.
#[derive(Debug)]
enum Reply {
    Connected(ConnectionId),
    Announced(UdpAnswer),
    Scraped(Vec<TorrentCounts>),
    Refused(String),
}

/// An answer to an announce over one family.
#[derive(Debug)]
pub struct UdpAnswer {
    pub interval_s: u32,
    pub leechers: u32,
    pub seeders: u32,
    pub peers: Vec<SocketAddr>,
    /// Whether there are bytes after the last whole peer.
    pub has_partial_peer: bool,
}

const WRONG_ACTION: TrackerError = TrackerError::Malformed("the response is to another request");

impl UdpSession {
    /// Opens a socket. Must be called on a tokio runtime. A request waits for `retransmit_after` before it is sent again, and then
    /// twice as long each time.
    ///
    /// # Errors
    /// If the computer has no route to the address.
    pub fn open(address: SocketAddr, retransmit_after: Duration) -> io::Result<Self> {
        let any = match address {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let socket = std::net::UdpSocket::bind(any)?;
        socket.connect(address)?;
        socket.set_nonblocking(true)?;
        let own_ip = socket.local_addr()?.ip();
        let socket = UdpSocket::from_std(socket)?;
        let (connection, waiting, sent, strays) = Default::default();
        Ok(Self { address, own_ip, socket, retransmit_after, connection, waiting, sent, strays })
    }

    /// Announces until there is a response, with ids in place of those of `request`. How long that may take is limited by whoever
    /// drops the future, which is safe at any time.
    ///
    /// # Errors
    /// If the tracker refuses, its response is malformed, or the connection fails.
    pub async fn announce(
        &self,
        request: AnnounceRequest,
        options: &[u8],
    ) -> Result<UdpAnswer, TrackerError> {
        let write = |connection_id, transaction_id| {
            let mut request = request;
            request.connection_id = connection_id;
            request.transaction_id = transaction_id;
            [request.as_bytes(), options].concat()
        };
        match self.exchange(write).await? {
            Reply::Announced(answer) => Ok(answer),
            reply => Err(reply.into_error()),
        }
    }

    /// Scrapes at most [`udp_protocol::SCRAPE_HASHES_MAX`] torrents, and returns their counts in the same order.
    ///
    /// # Errors
    /// As for [`Self::announce`].
    pub async fn scrape(&self, info_hashes: &[InfoHash]) -> Result<Vec<TorrentCounts>, TrackerError> {
        let write = |connection_id, transaction_id| {
            [ScrapeRequest::new(connection_id, transaction_id).as_bytes(), info_hashes.as_bytes()].concat()
        };
        match self.exchange(write).await? {
            Reply::Scraped(counts) => Ok(counts),
            reply => Err(reply.into_error()),
        }
    }

    /// Returns the number of datagrams with a transaction id of none of the last requests. A late response, or a second one to a
    /// request that was sent twice, is none of them.
    pub fn strays(&self) -> u32 {
        self.strays.load(Ordering::Relaxed)
    }

    async fn exchange(
        &self,
        write: impl Fn(ConnectionId, TransactionId) -> Vec<u8>,
    ) -> Result<Reply, TrackerError> {
        let start = Instant::now();
        match self.exchange_once(&write).await? {
            Reply::Refused(reason) if is_about_connection_id(&reason) => {
                self.forget_connection_of(start).await;
                self.exchange_once(&write).await
            }
            reply => Ok(reply),
        }
    }

    async fn exchange_once(
        &self,
        write: &impl Fn(ConnectionId, TransactionId) -> Vec<u8>,
    ) -> Result<Reply, TrackerError> {
        let waiting = self.wait()?;
        let sending = self.send_requests(write, waiting.transaction_id);
        self.receive_while(sending, waiting).await
    }

    async fn send_requests(
        &self,
        write: &impl Fn(ConnectionId, TransactionId) -> Vec<u8>,
        transaction_id: TransactionId,
    ) -> Result<Infallible, TrackerError> {
        let mut waits = self.retransmissions();
        loop {
            let connection_id = self.connection_id().await?;
            let sent = Instant::now();
            self.send(&write(connection_id, transaction_id)).await?;
            sleep(waits.next().unwrap_or_default()).await;
            // A tracker that was restarted does not respond to connection ids from before.
            self.forget_connection_of(sent).await;
        }
    }

    async fn connection_id(&self) -> Result<ConnectionId, TrackerError> {
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
            reply => Err(reply.into_error()),
        }
    }

    /// Forgets the connection id that was in use at `time`, if it has not been replaced.
    async fn forget_connection_of(&self, time: Instant) {
        self.connection.lock().await.take_if(|(_, received)| *received <= time);
    }

    async fn send_connects(&self, request: ConnectRequest) -> Result<Infallible, TrackerError> {
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

    async fn send(&self, datagram: &[u8]) -> Result<(), TrackerError> {
        match self.socket.send(datagram).await {
            Ok(_) => Ok(()),
            Err(error) => {
                self.fail_all(&error);
                Err(connection_error(&error))
            }
        }
    }

    /// Returns a place for the response to a request, under a transaction id that no one else can guess.
    fn wait(&self) -> Result<Waiting<'_>, TrackerError> {
        let mut bytes = [0; 4];
        getrandom::fill(&mut bytes).map_err(|error| TrackerError::Connection(error.to_string()))?;
        let (sender, outcome) = oneshot::channel();
        lock(&self.waiting).insert(bytes, sender);
        let mut sent = lock(&self.sent);
        sent.truncate(SENT_IDS_MAX - 1);
        sent.push_front(bytes);
        Ok(Waiting { session: self, transaction_id: TransactionId(bytes), outcome })
    }

    /// Receives for all, until the response for `waiting` has arrived or `sending` has failed.
    async fn receive_while(
        &self,
        sending: impl Future<Output = Result<Infallible, TrackerError>>,
        mut waiting: Waiting<'_>,
    ) -> Result<Reply, TrackerError> {
        let mut sending = pin!(sending);
        loop {
            tokio::select! {
                biased;
                outcome = &mut waiting.outcome => return outcome.unwrap_or(Err(WRONG_ACTION)),
                Err(error) = &mut sending => return Err(error),
                ready = self.socket.ready(Interest::READABLE | Interest::ERROR) => match ready {
                    Ok(_) => self.receive(),
                    Err(error) => return Err(connection_error(&error)),
                },
            }
        }
    }

    fn receive(&self) {
        // An ICMP error comes without a datagram, and the kernel reports it once.
        let error = || self.socket.take_error()?.ok_or_else(|| io::ErrorKind::WouldBlock.into());
        if let Ok(error) = self.socket.try_io(Interest::ERROR, error) {
            self.fail_all(&error);
        }
        let mut datagram = vec![0; DATAGRAM_BYTES_MAX];
        for _ in 0..DATAGRAMS_PER_TURN_MAX {
            match self.socket.try_recv(&mut datagram) {
                Ok(length) => self.accept(datagram.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => return self.fail_all(&error),
            }
        }
    }

    /// Passes a response to the one that waits for it. Unknown ones are only counted.
    fn accept(&self, datagram: &[u8]) {
        let transaction_id = datagram.get(4..).and_then(<[u8]>::first_chunk);
        let sender = transaction_id.and_then(|id| lock(&self.waiting).remove(id));
        let Some(sender) = sender else {
            let is_late = transaction_id.is_some_and(|id| lock(&self.sent).contains(id));
            self.strays.fetch_add(u32::from(!is_late), Ordering::Relaxed);
            return;
        };
        let reply = match self.address {
            SocketAddr::V4(_) => decode::<CompactIpv4>(datagram),
            SocketAddr::V6(_) => decode::<CompactIpv6>(datagram),
        };
        let malformed = |_| TrackerError::Malformed("the datagram is not a response of BEP 15");
        // An error means that the request was dropped.
        drop(sender.send(reply.map_err(malformed)));
    }

    fn fail_all(&self, error: &io::Error) {
        for (_, sender) in lock(&self.waiting).drain() {
            drop(sender.send(Err(connection_error(error))));
        }
    }
}

fn connection_error(error: &io::Error) -> TrackerError {
    TrackerError::Connection(error.to_string())
}

fn decode<A: CompactAddress>(datagram: &[u8]) -> Result<Reply, ResponseError> {
    let mut has_partial_peer = false;
    let response = decode_response::<A>(datagram).or_else(|error| match error {
        ResponseError::CutOff => {
            has_partial_peer = true;
            decode_response(with_whole_peers::<A>(datagram))
        }
        _ => Err(error),
    });
    Ok(match response? {
        Response::Connect(response) => Reply::Connected(response.connection_id),
        Response::Announce(response, peers) => Reply::Announced(UdpAnswer {
            interval_s: response.interval_s.get(),
            leechers: response.leechers.get(),
            seeders: response.seeders.get(),
            peers: peers.iter().map(|&peer| peer.into().socket_address()).collect(),
            has_partial_peer,
        }),
        Response::Scrape(..) if has_partial_peer => return Err(ResponseError::CutOff),
        Response::Scrape(_, entries) => Reply::Scraped(entries.iter().map(counts_of).collect()),
        Response::Error(_, text) => Reply::Refused(readable(text)),
    })
}

fn counts_of(entry: &ScrapeEntry) -> TorrentCounts {
    TorrentCounts {
        seeders: entry.seeders.get(),
        completed: entry.downloaded.get(),
        leechers: entry.leechers.get(),
    }
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
    /// Returns why this is no answer to another request.
    fn into_error(self) -> TrackerError {
        match self {
            Self::Refused(reason) => TrackerError::Refused { reason, retry: None },
            _ => WRONG_ACTION,
        }
    }
}

/// A request that waits for its response.
struct Waiting<'a> {
    session: &'a UdpSession,
    transaction_id: TransactionId,
    outcome: oneshot::Receiver<Result<Reply, TrackerError>>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        lock(&self.session.waiting).remove(&self.transaction_id.0);
    }
}
