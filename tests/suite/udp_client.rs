//! A UDP client, based on the tracker's own protocol types.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use primitives::InfoHash;
pub(crate) use ringtrack_tests::client::{Announced, Answer, TorrentCounts};
use udp_protocol::{AnnounceRequest, ConnectRequest, ConnectionId, ScrapeRequest, TransactionId};
use zerocopy::IntoBytes;

use crate::patience::PATIENCE;

/// Requests in flight at the same time: fewer than fit into any buffer.
const WINDOW: usize = 64;

/// A client at one port, which receives only from the tracker's address.
pub(crate) struct Client {
    socket: UdpSocket,
    connection_id: ConnectionId,
}

impl Client {
    /// A client of `tracker` that has a connection id.
    pub(crate) fn new(tracker: SocketAddr) -> Self {
        let mut client = Self::unconnected(tracker);
        client.connect();
        client
    }

    /// A client that has no connection id yet.
    pub(crate) fn unconnected(tracker: SocketAddr) -> Self {
        let loopback: IpAddr =
            if tracker.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
        Self::unconnected_from(loopback, tracker)
    }

    /// A client at an address of the loopback network that has a connection id.
    pub(crate) fn from(source: impl Into<IpAddr>, tracker: SocketAddr) -> Self {
        let mut client = Self::unconnected_from(source.into(), tracker);
        client.connect();
        client
    }

    fn unconnected_from(source: IpAddr, tracker: SocketAddr) -> Self {
        let socket = UdpSocket::bind((source, 0)).expect("a port of a loopback address");
        socket.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
        let client = Self { socket, connection_id: ConnectionId([0; 8]) };
        client.turn_to(tracker);
        client
    }

    /// Switches to a tracker at another address, with the same port and the same connection id.
    pub(crate) fn turn_to(&self, tracker: SocketAddr) {
        self.socket.connect(tracker).expect("a loopback address can be reached");
    }

    pub(crate) fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Asks for a connection id and keeps it.
    pub(crate) fn connect(&mut self) {
        self.send(ConnectRequest::new(transaction(0)).as_bytes());
        match self.receive() {
            (0, Answer::Connected(id)) => self.connection_id = id,
            other => panic!("not the answer to a connect: {other:?}"),
        }
    }

    /// An announce of a leecher at `port`, ready to be changed and sent.
    pub(crate) fn leecher(&self, info_hash: InfoHash, port: u16) -> AnnounceRequest {
        AnnounceRequest::new(self.connection_id, transaction(0), info_hash).with_port(port).with_left(1)
    }

    pub(crate) fn announce(&self, request: AnnounceRequest) -> Announced {
        self.announce_all(&[request]).remove(0)
    }

    /// Sends many announces and returns the answers in their order.
    pub(crate) fn announce_all(&self, requests: &[AnnounceRequest]) -> Vec<Announced> {
        let mut answers = vec![None; requests.len()];
        let mut sent = 0;
        for received in 0..requests.len() {
            while sent < requests.len().min(received + WINDOW) {
                let mut request = requests[sent];
                request.transaction_id = transaction(sent);
                self.send(request.as_bytes());
                sent += 1;
            }
            match self.receive() {
                (number, Answer::Announced(announced)) => answers[number] = Some(announced),
                other => panic!("not the answer to an announce: {other:?}"),
            }
        }
        answers.into_iter().map(|answer| answer.expect("each request is answered once")).collect()
    }

    pub(crate) fn scrape(&self, info_hashes: &[InfoHash]) -> Vec<TorrentCounts> {
        self.send(&self.scrape_request(info_hashes));
        match self.receive() {
            (0, Answer::Scraped(counts)) => counts,
            other => panic!("not the answer to a scrape: {other:?}"),
        }
    }

    pub(crate) fn scrape_request(&self, info_hashes: &[InfoHash]) -> Vec<u8> {
        let head = ScrapeRequest::new(self.connection_id, transaction(0));
        [head.as_bytes(), info_hashes.as_bytes()].concat()
    }

    pub(crate) fn send(&self, request: &[u8]) {
        self.socket.send(request).expect("the kernel takes a datagram");
    }

    /// Waits for an answer and returns it with the number of its request.
    #[track_caller]
    pub(crate) fn receive(&self) -> (usize, Answer) {
        let mut buffer = [0; 2048];
        let length = uninterrupted(|| self.socket.recv(&mut buffer)).expect("an answer");
        let local = self.socket.local_addr().expect("a bound socket has an address");
        let (TransactionId(number), answer) = Answer::decode(local, &buffer[..length]);
        (u32::from_be_bytes(number) as usize, answer)
    }
}

/// Retries a call that was interrupted: one with a timeout is not restarted by itself after a machine or a container
/// was frozen for a moment.
pub(crate) fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn transaction(number: usize) -> TransactionId {
    TransactionId(u32::try_from(number).expect("few requests").to_be_bytes())
}
