//! An HTTP client of a simulated tracker. It encodes requests and parses responses as real clients do.

mod answer;
mod bencode;

pub use self::answer::{HttpAnnounced, HttpAnswer};
pub use self::bencode::Value;

use crate::client::TorrentCounts;
use crate::simulator::{Client, Simulator};
use primitives::InfoHash;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

/// A client that connects to a core with its first request, and keeps the connection.
#[derive(Debug)]
pub struct HttpClient {
    core: usize,
    remote: IpAddr,
    connection: Option<Client>,
}

impl HttpClient {
    /// Creates a client at `ip` of a core, counted from 0, modulo the number of cores.
    ///
    /// # Panics
    /// If `ip` is not an address.
    #[must_use]
    pub fn new(core: usize, ip: &str) -> Self {
        Self { core, remote: ip.parse().expect("an address"), connection: None }
    }

    /// Sends bytes over the connection, or over a new one if that was closed, and returns the bytes that come back.
    pub fn exchange(&mut self, tracker: &mut Simulator, bytes: &[u8]) -> Vec<u8> {
        let connection = match self.connection.take() {
            Some(open) if !open.is_closed() => open,
            _ => tracker.connect(self.core, Client::with_room(usize::MAX).at(self.remote)),
        };
        connection.send(bytes);
        tracker.run_until_idle();
        self.connection.insert(connection).read()
    }

    /// Returns whether the tracker has closed the connection.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.connection.as_ref().is_some_and(Client::is_closed)
    }

    /// Returns the response to a `GET` with these additional header lines.
    pub fn get_with(&mut self, tracker: &mut Simulator, target: &str, headers: &str) -> HttpAnswer {
        HttpAnswer::read(&self.exchange(tracker, &request(target, headers)))
    }

    /// Returns the response to a `GET`.
    pub fn get(&mut self, tracker: &mut Simulator, target: &str) -> HttpAnswer {
        self.get_with(tracker, target, "")
    }

    /// Sends an announce and returns its response.
    pub fn announce(&mut self, tracker: &mut Simulator, target: &str) -> HttpAnnounced {
        self.get(tracker, target).announced()
    }

    /// Returns the counts of `torrents`.
    pub fn scrape(
        &mut self,
        tracker: &mut Simulator,
        torrents: &[InfoHash],
    ) -> BTreeMap<InfoHash, TorrentCounts> {
        self.get(tracker, &scrape_target(torrents)).scraped()
    }
}

impl Drop for HttpClient {
    fn drop(&mut self) {
        if let Some(connection) = &self.connection {
            connection.end();
        }
    }
}

/// Returns a whole request. Each line of `headers` ends with CRLF.
#[must_use]
pub fn request(target: &str, headers: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: tracker\r\n{headers}\r\n").into_bytes()
}

/// Returns the target of an announce with the required parameters, followed by `more`.
#[must_use]
pub fn announce_target(torrent: InfoHash, port: u16, more: &str) -> String {
    let hash = percent_encode(&torrent.0);
    format!("/announce?info_hash={hash}&peer_id=-XX0001-{port:012}&port={port}{more}")
}

/// Returns the target of a scrape of `torrents`.
#[must_use]
pub fn scrape_target(torrents: &[InfoHash]) -> String {
    let hashes: Vec<String> =
        torrents.iter().map(|torrent| format!("info_hash={}", percent_encode(&torrent.0))).collect();
    format!("/scrape?{}", hashes.join("&"))
}

/// Percent-encodes every byte.
#[must_use]
pub fn percent_encode(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _never_fails = write!(text, "%{byte:02x}");
        text
    })
}
