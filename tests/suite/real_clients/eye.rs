//! A UDP client that inspects the tracker, written from BEP 15 without the tracker's own code.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use super::torrent::InfoHash;

const PROTOCOL_MAGIC: u64 = 0x0417_2710_1980;
const CONNECT: u32 = 0;
const ANNOUNCE: u32 = 1;

/// Asks a tracker about one torrent.
pub(super) struct Eye {
    socket: UdpSocket,
    tracker: SocketAddr,
    transaction: Cell<u32>,
}

impl Eye {
    pub(super) fn new(socket: UdpSocket, tracker: SocketAddr) -> Self {
        // Short, because requests are repeated.
        socket.set_read_timeout(Some(Duration::from_millis(500))).expect("a read timeout");
        Self { socket, tracker, transaction: Cell::new(0x5eed_0000) }
    }

    /// The addresses that the tracker returns to a leecher; `None` if it does not answer correctly in time.
    pub(super) fn peers(&self, info_hash: &InfoHash) -> Option<BTreeSet<SocketAddr>> {
        // A client at port 0 does not become a peer.
        let body = self.ask(ANNOUNCE, &announce_body(info_hash, 0, 1))?;
        let peers = body.get(12..)?;
        Some(if self.tracker.is_ipv4() { addresses::<4>(peers) } else { addresses::<16>(peers) })
    }

    /// Joins as a peer at `port` that lacks `left` bytes. Returns whether the tracker has answered.
    pub(super) fn join(&self, info_hash: &InfoHash, port: u16, left: u64) -> bool {
        self.ask(ANNOUNCE, &announce_body(info_hash, port, left)).is_some()
    }

    /// Whether the tracker answers a connect.
    pub(super) fn is_answered(&self) -> bool {
        self.exchange(PROTOCOL_MAGIC, CONNECT, &[]).is_some()
    }

    fn ask(&self, action: u32, body: &[u8]) -> Option<Vec<u8>> {
        let connection = self.exchange(PROTOCOL_MAGIC, CONNECT, &[])?;
        let connection = u64::from_be_bytes(connection.get(..8)?.try_into().ok()?);
        self.exchange(connection, action, body)
    }

    /// Sends a request and returns the body of its answer. Late answers to earlier ones are skipped.
    fn exchange(&self, connection: u64, action: u32, body: &[u8]) -> Option<Vec<u8>> {
        let transaction = self.transaction.get() + 1;
        self.transaction.set(transaction);
        let head = [action, transaction].map(u32::to_be_bytes).concat();
        let request = [&connection.to_be_bytes()[..], &head, body].concat();
        self.socket.send_to(&request, self.tracker).ok()?;
        let mut answer = [0; 256];
        loop {
            let length = self.socket.recv(&mut answer).ok()?;
            if let Some(body) = answer[..length].strip_prefix(&head[..]) {
                return Some(body.to_vec());
            }
        }
    }
}

fn announce_body(info_hash: &InfoHash, port: u16, left: u64) -> Vec<u8> {
    let (downloaded, uploaded) = (0_u64, 0_u64);
    let (event, ip, key, peers_wanted) = (0_u32, 0_u32, 0_u32, 10_u32);
    [
        &info_hash[..],
        b"-XX0001-the-test-eye",
        &[downloaded, left, uploaded].map(u64::to_be_bytes).concat(),
        &[event, ip, key, peers_wanted].map(u32::to_be_bytes).concat(),
        &port.to_be_bytes(),
    ]
    .concat()
}

/// The addresses of compact peers.
fn addresses<const IP_BYTES: usize>(peers: &[u8]) -> BTreeSet<SocketAddr> {
    let address = |peer: &[u8]| {
        let (ip, port) = peer.split_at(IP_BYTES);
        let ip: IpAddr = match <[u8; 4]>::try_from(ip) {
            Ok(v4) => Ipv4Addr::from(v4).into(),
            Err(_) => Ipv6Addr::from(<[u8; 16]>::try_from(ip).expect("4 or 16 bytes")).into(),
        };
        SocketAddr::new(ip, u16::from_be_bytes([port[0], port[1]]))
    };
    peers.chunks_exact(IP_BYTES + 2).map(address).collect()
}
