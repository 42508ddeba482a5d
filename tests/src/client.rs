//! A UDP client of a simulated tracker. It encodes requests and decodes replies as real clients do.

mod answer;
mod options;

pub use self::answer::{Announced, Answer, TorrentCounts};
pub use self::options::{unknown_option, url_data};

use crate::simulator::{Datagram, Reply, Simulator};
use primitives::InfoHash;
use std::net::SocketAddr;
use udp_protocol::{AnnounceRequest, ConnectRequest, ConnectionId, ScrapeRequest, TransactionId};
use zerocopy::IntoBytes;

/// The transaction id of every request of these clients, and so of every reply.
pub const TRANSACTION: TransactionId = TransactionId([0xa1, 0xb2, 0xc3, 0xd4]);

/// A client at its address. It accepts peers on the port that it sends from.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    /// The source of its datagrams.
    pub source: SocketAddr,
    /// The connection id last issued to it; zeros before the first.
    pub connection_id: ConnectionId,
}

impl Client {
    /// Creates a client without a connection id.
    ///
    /// # Panics
    /// If `source` is not an address with a port.
    #[must_use]
    pub fn stranger(source: &str) -> Self {
        let source = source.parse().expect("an address with a port");
        Self { source, connection_id: ConnectionId([0; 8]) }
    }

    /// Creates a client and fetches a connection id.
    pub fn connected(tracker: &mut Simulator, source: &str) -> Self {
        let mut client = Self::stranger(source);
        client.connect(tracker);
        client
    }

    /// Fetches a connection id.
    ///
    /// # Panics
    /// If none is issued.
    pub fn connect(&mut self, tracker: &mut Simulator) {
        match self.send(tracker, ConnectRequest::new(TRANSACTION).as_bytes()) {
            Some(Answer::Connected(connection_id)) => self.connection_id = connection_id,
            other => panic!("a connect is answered with an id, not {other:?}"),
        }
    }

    /// Returns the announce of a leecher of `torrent`.
    #[must_use]
    pub const fn leeching(&self, torrent: InfoHash) -> AnnounceRequest {
        self.seeding(torrent).with_left(1)
    }

    /// Returns the announce of a seeder of `torrent`.
    #[must_use]
    pub const fn seeding(&self, torrent: InfoHash) -> AnnounceRequest {
        AnnounceRequest::new(self.connection_id, TRANSACTION, torrent).with_port(self.source.port())
    }

    /// Returns a scrape of `torrents`, of any number.
    #[must_use]
    pub fn scraping(&self, torrents: &[InfoHash]) -> Vec<u8> {
        let mut bytes = ScrapeRequest::new(self.connection_id, TRANSACTION).as_bytes().to_vec();
        bytes.extend_from_slice(torrents.as_bytes());
        bytes
    }

    /// Sends an announce and returns its response.
    ///
    /// # Panics
    /// If the response is not to an announce.
    pub fn announce(&self, tracker: &mut Simulator, request: &AnnounceRequest) -> Announced {
        match self.send(tracker, request.as_bytes()) {
            Some(Answer::Announced(announced)) => announced,
            other => panic!("an announce is answered with peers, not {other:?}"),
        }
    }

    /// Returns the counts of `torrents`, in their order.
    ///
    /// # Panics
    /// If the response is not to a scrape.
    pub fn scrape(&self, tracker: &mut Simulator, torrents: &[InfoHash]) -> Vec<TorrentCounts> {
        match self.send(tracker, &self.scraping(torrents)) {
            Some(Answer::Scraped(counts)) => counts,
            other => panic!("a scrape is answered with counts, not {other:?}"),
        }
    }

    /// Sends `bytes` to the core chosen by steering, and returns the decoded reply.
    pub fn send(&self, tracker: &mut Simulator, bytes: &[u8]) -> Option<Answer> {
        self.send_raw(tracker, bytes).map(|reply| Answer::read(self.source, &reply.bytes))
    }

    /// Sends `bytes` to the core chosen by steering, and returns the reply datagram.
    ///
    /// # Panics
    /// If there is more than one reply, or it goes to another address.
    pub fn send_raw(&self, tracker: &mut Simulator, bytes: &[u8]) -> Option<Reply> {
        let mut replies = tracker.exchange(&[Datagram::steered(self.source, bytes)]);
        assert!(replies.len() <= 1, "at most one reply to a request: {replies:?}");
        let reply = replies.pop()?;
        assert_eq!(reply.destination, self.source, "a reply goes to the source of its request");
        Some(reply)
    }
}
