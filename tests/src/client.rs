//! A client of a simulated tracker: it writes requests as clients do and reads replies as they do.

mod answer;
mod options;

pub use self::answer::{Announced, Answer, TorrentCounts};
pub use self::options::{unknown_option, url_data};

use crate::simulator::{Datagram, Reply, Simulator};
use primitives::InfoHash;
use std::net::SocketAddr;
use udp_protocol::{AnnounceRequest, ConnectRequest, ConnectionId, ScrapeRequest, TransactionId};
use zerocopy::IntoBytes;

/// Every request of these clients has it, and so must every reply.
pub const TRANSACTION: TransactionId = TransactionId([0xa1, 0xb2, 0xc3, 0xd4]);

/// One client at its address. It listens for peers on the port that it sends from.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    /// Where its datagrams come from.
    pub source: SocketAddr,
    /// What the tracker gave it last; zeros before.
    pub connection_id: ConnectionId,
}

impl Client {
    /// A client that has not asked for a connection id.
    ///
    /// # Panics
    /// When `source` is no address with a port.
    #[must_use]
    pub fn stranger(source: &str) -> Self {
        let source = source.parse().expect("an address with a port");
        Self { source, connection_id: ConnectionId([0; 8]) }
    }

    /// A client with a connection id.
    pub fn connected(tracker: &mut Simulator, source: &str) -> Self {
        let mut client = Self::stranger(source);
        client.connect(tracker);
        client
    }

    /// Asks for a connection id.
    ///
    /// # Panics
    /// When it gets none.
    pub fn connect(&mut self, tracker: &mut Simulator) {
        match self.send(tracker, ConnectRequest::new(TRANSACTION).as_bytes()) {
            Some(Answer::Connected(connection_id)) => self.connection_id = connection_id,
            other => panic!("a connect is answered with an id, not {other:?}"),
        }
    }

    /// The announce of a leecher of this torrent.
    #[must_use]
    pub const fn leeching(&self, torrent: InfoHash) -> AnnounceRequest {
        self.seeding(torrent).with_left(1)
    }

    /// The announce of a seeder of this torrent.
    #[must_use]
    pub const fn seeding(&self, torrent: InfoHash) -> AnnounceRequest {
        AnnounceRequest::new(self.connection_id, TRANSACTION, torrent).with_port(self.source.port())
    }

    /// A scrape of these torrents, however many.
    #[must_use]
    pub fn scraping(&self, torrents: &[InfoHash]) -> Vec<u8> {
        let mut bytes = ScrapeRequest::new(self.connection_id, TRANSACTION).as_bytes().to_vec();
        bytes.extend_from_slice(torrents.as_bytes());
        bytes
    }

    /// Announces.
    ///
    /// # Panics
    /// When the answer is not that to an announce.
    pub fn announce(&self, tracker: &mut Simulator, request: &AnnounceRequest) -> Announced {
        match self.send(tracker, request.as_bytes()) {
            Some(Answer::Announced(announced)) => announced,
            other => panic!("an announce is answered with peers, not {other:?}"),
        }
    }

    /// Asks for the counts of these torrents.
    ///
    /// # Panics
    /// When the answer is not that to a scrape.
    pub fn scrape(&self, tracker: &mut Simulator, torrents: &[InfoHash]) -> Vec<TorrentCounts> {
        match self.send(tracker, &self.scraping(torrents)) {
            Some(Answer::Scraped(counts)) => counts,
            other => panic!("a scrape is answered with counts, not {other:?}"),
        }
    }

    /// Sends any bytes, steered; gives what comes back.
    pub fn send(&self, tracker: &mut Simulator, bytes: &[u8]) -> Option<Answer> {
        self.send_raw(tracker, bytes).map(|reply| Answer::read(self.source, &reply.bytes))
    }

    /// Sends any bytes, steered; gives the datagram that comes back.
    ///
    /// # Panics
    /// When there are several, or it goes elsewhere.
    pub fn send_raw(&self, tracker: &mut Simulator, bytes: &[u8]) -> Option<Reply> {
        let mut replies = tracker.exchange(&[Datagram::steered(self.source, bytes)]);
        assert!(replies.len() <= 1, "one reply at most to a request: {replies:?}");
        let reply = replies.pop()?;
        assert_eq!(reply.destination, self.source, "a reply goes to where the request came from");
        Some(reply)
    }
}
