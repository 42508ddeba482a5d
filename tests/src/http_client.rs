//! An HTTP client of a simulated tracker: it writes requests as clients do and reads answers as they do.

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

/// One client with its connection.
#[derive(Debug)]
pub struct HttpClient {
    line: HttpLine,
}

impl HttpClient {
    /// A client at `ip` that has connected to a core.
    ///
    /// # Panics
    /// When `ip` is no address.
    #[must_use]
    pub fn new(tracker: &Simulator, core: usize, ip: &str) -> Self {
        let ip: IpAddr = ip.parse().expect("an address");
        Self { line: tracker.accept(core, ip) }
    }

    /// The answer to a `GET` with these further lines of its head.
    pub fn get_with(&mut self, tracker: &mut Simulator, target: &str, headers: &str) -> HttpAnswer {
        HttpAnswer::read(&tracker.ask(&mut self.line, &request(target, headers)))
    }

    /// The answer to a `GET`.
    pub fn get(&mut self, tracker: &mut Simulator, target: &str) -> HttpAnswer {
        self.get_with(tracker, target, "")
    }

    /// Announces.
    pub fn announce(&mut self, tracker: &mut Simulator, target: &str) -> HttpAnnounced {
        self.get(tracker, target).announced()
    }

    /// Asks for the counts of these torrents.
    pub fn scrape(
        &mut self,
        tracker: &mut Simulator,
        torrents: &[InfoHash],
    ) -> BTreeMap<InfoHash, TorrentCounts> {
        self.get(tracker, &scrape_target(torrents)).scraped()
    }

    /// Its connection.
    pub const fn line(&mut self) -> &mut HttpLine {
        &mut self.line
    }
}

/// A whole request. The lines of `headers` end with CRLF.
#[must_use]
pub fn request(target: &str, headers: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: tracker\r\n{headers}\r\n").into_bytes()
}

/// The target of an announce with what has to be there; `more` stands behind it.
#[must_use]
pub fn announce_target(torrent: InfoHash, port: u16, more: &str) -> String {
    let hash = percent_encode(&torrent.0);
    format!("/announce?info_hash={hash}&peer_id=-XX0001-{port:012}&port={port}{more}")
}

/// The target of a scrape.
#[must_use]
pub fn scrape_target(torrents: &[InfoHash]) -> String {
    let hashes: Vec<String> =
        torrents.iter().map(|torrent| format!("info_hash={}", percent_encode(&torrent.0))).collect();
    format!("/scrape?{}", hashes.join("&"))
}

/// Every byte percent-encoded.
#[must_use]
pub fn percent_encode(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _never_fails = write!(text, "%{byte:02x}");
        text
    })
}
