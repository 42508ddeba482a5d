use super::TRANSACTION;
use primitives::{AddressFamily, CompactAddress, CompactIpv4, CompactIpv6};
use std::net::SocketAddr;
use udp_protocol::{ConnectionId, Response, TransactionId, decode_response};

/// A decoded reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The response to a connect.
    Connected(ConnectionId),
    /// The response to an announce.
    Announced(Announced),
    /// The response to a scrape, in the order of its info hashes.
    Scraped(Vec<TorrentCounts>),
    /// An error response with its text.
    Error(String),
}

/// The content of an announce response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// Seconds until the next announce.
    pub interval_s: u32,
    /// Seeders in the swarm.
    pub seeders: u32,
    /// Leechers in the swarm.
    pub leechers: u32,
    /// The peers, sorted because their order has no meaning.
    pub peers: Vec<SocketAddr>,
}

/// The counts of one torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TorrentCounts {
    /// Seeders in the swarm.
    pub seeders: u32,
    /// Number of completed events.
    pub downloaded: u64,
    /// Leechers in the swarm.
    pub leechers: u32,
}

impl Answer {
    /// Decodes a reply to a client at `source`.
    ///
    /// # Panics
    /// If `bytes` is not a response, or has another transaction id.
    #[must_use]
    pub fn read(source: SocketAddr, bytes: &[u8]) -> Self {
        let (transaction_id, answer) = Self::decode(source, bytes);
        assert_eq!(transaction_id, TRANSACTION, "a reply has its request's transaction id");
        answer
    }

    /// Decodes a reply to a client at `source`, and returns it with its transaction id.
    ///
    /// # Panics
    /// If `bytes` is not a response.
    #[must_use]
    pub fn decode(source: SocketAddr, bytes: &[u8]) -> (TransactionId, Self) {
        match AddressFamily::of(source.ip()) {
            AddressFamily::V4 => read_response(bytes, CompactIpv4::socket_address),
            AddressFamily::V6 => read_response(bytes, CompactIpv6::socket_address),
        }
    }
}

fn read_response<A: CompactAddress>(
    bytes: &[u8],
    socket_address: impl Fn(A) -> SocketAddr,
) -> (TransactionId, Answer) {
    match decode_response::<A>(bytes).expect("a response of BEP 15") {
        Response::Connect(head) => (head.transaction_id, Answer::Connected(head.connection_id)),
        Response::Announce(head, peers) => {
            let mut peers: Vec<SocketAddr> = peers.iter().copied().map(socket_address).collect();
            peers.sort_unstable();
            let (seeders, leechers) = (head.seeders.get(), head.leechers.get());
            let announced = Announced { interval_s: head.interval_s.get(), seeders, leechers, peers };
            (head.transaction_id, Answer::Announced(announced))
        }
        Response::Scrape(head, entries) => {
            let counts = entries.iter().map(|entry| TorrentCounts {
                seeders: entry.seeders.get(),
                downloaded: entry.downloaded.get().into(),
                leechers: entry.leechers.get(),
            });
            (head.transaction_id, Answer::Scraped(counts.collect()))
        }
        Response::Error(head, text) => {
            let text = str::from_utf8(text).expect("an error's text is UTF-8");
            (head.transaction_id, Answer::Error(text.to_owned()))
        }
    }
}
