use crate::{InfoHash, InfoHashPrefix, PeerInfo, TorrentInfo};
use core::fmt;
use std::sync::Arc;

/// A query or command of the control plane about a core's torrents. The core works on it in small steps between its
/// requests.
#[derive(Debug)]
pub enum Query {
    TorrentScan(TorrentScan),
    /// Returns the given torrents that have swarms on the core.
    Torrents(Arc<[InfoHash]>, Reply<Vec<TorrentInfo>>),
    /// Returns a torrent with at most this many of its peers.
    Peers(InfoHash, usize, Reply<Option<(TorrentInfo, Vec<PeerInfo>)>>),
    /// Removes a torrent's peers. Returns whether it had a swarm.
    Drop(InfoHash, Reply<bool>),
}

/// A query over all torrents of a core.
#[derive(Debug)]
pub enum TorrentScan {
    /// Selects the first torrents of an order. They are returned unsorted.
    First(FirstTorrents, Reply<Vec<TorrentInfo>>),
    /// Counts the torrents in each branch of a prefix.
    Count(InfoHashPrefix, Reply<Vec<u32>>),
}

/// Selects the first torrents of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstTorrents {
    pub order: TorrentOrder,
    /// Lowest info hash to include.
    pub from: InfoHash,
    pub torrents_max: usize,
}

/// The order in which torrents are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TorrentOrder {
    /// Lowest info hash first.
    InfoHash,
    /// Most seeders first.
    Seeders,
    /// Most leechers first.
    Leechers,
    /// Most peers first.
    Peers,
    /// Most completed events first.
    Completed,
}

impl TorrentOrder {
    /// Returns the value by which torrents are ordered, greatest first. Torrents with the same value are ordered
    /// by info hash.
    #[must_use]
    pub const fn rank(self, torrent: &TorrentInfo) -> u64 {
        match self {
            Self::InfoHash => 0,
            Self::Seeders => torrent.seeders as u64,
            Self::Leechers => torrent.leechers as u64,
            Self::Peers => torrent.seeders as u64 + torrent.leechers as u64,
            Self::Completed => torrent.completed,
        }
    }
}

/// Receives the result of a query. The callback runs on a core and must not block.
pub struct Reply<T>(Box<dyn FnOnce(T) + Send>);

impl<T> Reply<T> {
    /// Creates a reply that passes its value to `take`.
    pub fn new(take: impl FnOnce(T) + Send + 'static) -> Self {
        Self(Box::new(take))
    }

    /// Sends the result.
    pub fn send(self, value: T) {
        (self.0)(value);
    }
}

impl<T> fmt::Debug for Reply<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Reply")
    }
}
