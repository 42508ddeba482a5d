//! An HTTP client of a simulated tracker. It encodes requests and parses responses as real clients do.

mod answer;
mod bencode;

pub use self::answer::{HttpAnnounced, HttpAnswer};
pub use self::bencode::Value;

use crate::client::TorrentCounts;
use crate::simulator::{HttpLine, Simulator};
use primitives::InfoHash;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

/// A client with its connection.
#[derive(Debug)]
pub struct HttpClient {
    line: HttpLine,
}

impl HttpClient {
    /// Creates a client at `ip` that is connected to a core.
    ///
    /// # Panics
    /// If `ip` is not an address.
    #[must_use]
    pub fn new(tracker: &Simulator, core: usize, ip: &str) -> Self {
        let ip: IpAddr = ip.parse().expect("an address");
        Self { line: tracker.accept(core, ip) }
    }

    /// Returns the response to a `GET` with these additional header lines.
    pub fn get_with(&mut self, tracker: &mut Simulator, target: &str, headers: &str) -> HttpAnswer {
        HttpAnswer::read(&tracker.ask(&mut self.line, &request(target, headers)))
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

    /// Returns its connection.
    pub const fn line(&mut self) -> &mut HttpLine {
        &mut self.line
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
