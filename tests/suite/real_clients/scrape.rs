//! The test's own eye on the tracker: a UDP scrape, written from BEP 15 and not with the tracker's own code.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use super::torrent::InfoHash;

const PROTOCOL_MAGIC: u64 = 0x0417_2710_1980;
const CONNECT: u32 = 0;
const SCRAPE: u32 = 2;
const TRANSACTION: u32 = 0x5eed_0001;

/// How many peers the tracker knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Peers {
    pub(super) seeders: u32,
    pub(super) leechers: u32,
}

/// Asks a tracker about one torrent.
pub(super) struct Scraper {
    socket: UdpSocket,
    tracker: SocketAddr,
}

impl Scraper {
    pub(super) fn new(socket: UdpSocket, tracker: SocketAddr) -> Self {
        // Short, because whoever asks will ask again.
        socket.set_read_timeout(Some(Duration::from_millis(500))).expect("a read timeout");
        Self { socket, tracker }
    }

    /// What the tracker says; nothing where it does not answer in time or not as it should.
    pub(super) fn scrape(&self, info_hash: &InfoHash) -> Option<Peers> {
        let connection = self.exchange(&request(PROTOCOL_MAGIC, CONNECT, &[]), CONNECT)?;
        let connection = u64::from_be_bytes(connection.get(..8)?.try_into().ok()?);
        let body = self.exchange(&request(connection, SCRAPE, info_hash), SCRAPE)?;
        Some(Peers { seeders: number(&body, 0)?, leechers: number(&body, 8)? })
    }

    /// Sends a request and returns the body of its answer.
    fn exchange(&self, request: &[u8], action: u32) -> Option<Vec<u8>> {
        self.socket.send_to(request, self.tracker).ok()?;
        let mut answer = [0; 64];
        let length = self.socket.recv(&mut answer).ok()?;
        let answer = answer.get(..length)?;
        let fits = number(answer, 0)? == action && number(answer, 4)? == TRANSACTION;
        fits.then(|| answer.get(8..).map(<[u8]>::to_vec))?
    }
}

fn request(connection: u64, action: u32, body: &[u8]) -> Vec<u8> {
    [&connection.to_be_bytes()[..], &action.to_be_bytes(), &TRANSACTION.to_be_bytes(), body].concat()
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
