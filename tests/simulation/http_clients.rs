//! Clients over HTTP, with TLS and without: they send several requests at once, read late, and leave.

use super::control::announce_path;
use super::peers::Peers;
use primitives::InfoHash;
use ringtrack_tests::client::TorrentCounts;
use ringtrack_tests::codec::Codec;
use ringtrack_tests::http_client::{HttpAnswer, announce_target, request, scrape_target};
use ringtrack_tests::simulator::Client;
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

/// A client and what it has sent and received over one connection.
#[derive(Debug)]
pub(crate) struct HttpPeer {
    pub(crate) client: Client,
    remote: IpAddr,
    codec: Codec,
    asked: VecDeque<Asked>,
    received: Vec<u8>,
    pub(crate) has_left: bool,
    /// Whether the last answer said that the tracker closes the connection.
    pub(crate) is_closing: bool,
    /// Answers to announces that were carried out.
    pub(crate) announced: usize,
    /// The counts in the last answer to a scrape.
    pub(crate) scraped: BTreeMap<InfoHash, TorrentCounts>,
}

#[derive(Debug, Clone)]
enum Asked {
    Announce { torrent: InfoHash, peer: SocketAddr, at_ms: u64 },
    Scrape(Vec<InfoHash>),
}

impl HttpPeer {
    /// Creates the client of a connection.
    pub(crate) fn new(client: Client, remote: IpAddr, codec: Codec) -> Self {
        Self {
            client,
            remote,
            codec,
            asked: VecDeque::new(),
            received: Vec::new(),
            has_left: false,
            is_closing: false,
            announced: 0,
            scraped: BTreeMap::new(),
        }
    }

    /// Announces a peer at this port.
    pub(crate) fn announce(&mut self, torrent: InfoHash, port: u16, now_ms: u64, peers: &mut Peers) {
        let peer = SocketAddr::new(self.remote, port);
        peers.note_sent(torrent, peer);
        self.asked.push_back(Asked::Announce { torrent, peer, at_ms: now_ms });
        let target = announce_target(torrent, port, "&left=1").replacen("/announce", &announce_path(), 1);
        self.send(&request(&target, ""));
    }

    pub(crate) fn scrape(&mut self, torrents: &[InfoHash]) {
        self.asked.push_back(Asked::Scrape(torrents.to_vec()));
        let path = announce_path().replacen("announce", "scrape", 1);
        self.send(&request(&scrape_target(torrents).replacen("/scrape", &path, 1), ""));
    }

    fn send(&mut self, said: &[u8]) {
        let bytes = self.codec.send(said);
        self.client.send(&bytes);
    }

    /// Reads and checks what has come. Returns whether something has.
    pub(crate) fn receive(&mut self, peers: &mut Peers) -> bool {
        let bytes = self.client.read();
        if bytes.is_empty() {
            return false;
        }
        let told = self.codec.receive(&bytes);
        if !self.has_left {
            self.send(b"");
        }
        self.received.extend(told);
        while let Some((answer, rest)) = HttpAnswer::read_first(&self.received) {
            let rest = rest.to_vec();
            let asked = self.asked.pop_front().expect("an answer for each request");
            self.check(&asked, &answer, peers);
            self.is_closing = answer.header("Connection") == Some("close");
            self.received = rest;
        }
        true
    }

    fn check(&mut self, asked: &Asked, answer: &HttpAnswer, peers: &mut Peers) {
        let is_failure = answer.status != 200 || answer.reason().is_some();
        match asked {
            _ if is_failure => {}
            Asked::Announce { torrent, peer, at_ms } => {
                let found = answer.announced().common.peers;
                assert!(found.iter().all(|found| found.is_ipv4() == peer.is_ipv4()), "{found:?} for {peer}");
                peers.assert_may_live(torrent, &found, *at_ms);
                peers.note_answered(*torrent, *peer);
                self.announced += 1;
            }
            Asked::Scrape(torrents) => {
                self.scraped = answer.scraped();
                assert!(self.scraped.keys().all(|torrent| torrents.contains(torrent)));
            }
        }
        if let Asked::Announce { torrent, peer, .. } = asked {
            peers.note_announce(*torrent, *peer);
        }
    }

    /// Returns how many requests have no answer.
    pub(crate) fn unanswered(&self) -> usize {
        self.asked.len()
    }

    pub(crate) fn leave(&mut self) {
        let end = self.codec.send_end();
        self.client.send(&end);
        self.client.end();
        self.has_left = true;
    }
}
