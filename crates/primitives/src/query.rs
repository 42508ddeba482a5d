use crate::{InfoHash, InfoHashPrefix, PeerInfo, TorrentInfo};
use core::fmt;
use std::sync::Arc;

/// What the control plane wants to know of a core's torrents, or has done to them. The core does it a little at a time
/// beside its requests.
#[derive(Debug)]
pub enum Query {
    /// To look through all torrents.
    TorrentScan(TorrentScan),
    /// These torrents, as far as the core has swarms of them.
    Torrents(Arc<[InfoHash]>, Reply<Vec<TorrentInfo>>),
    /// A torrent with so many of its peers at most.
    Peers(InfoHash, usize, Reply<Option<(TorrentInfo, Vec<PeerInfo>)>>),
    /// To forget a torrent's peers: whether it had a swarm.
    Drop(InfoHash, Reply<bool>),
}

/// What is to be found out about all torrents of a core.
#[derive(Debug)]
pub enum TorrentScan {
    /// The first torrents, which are told in no order.
    First(FirstTorrents, Reply<Vec<TorrentInfo>>),
    /// How many torrents each branch of a prefix has.
    Count(InfoHashPrefix, Reply<Vec<u32>>),
}

/// Which torrents are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstTorrents {
    /// The first in this order.
    pub order: TorrentOrder,
    /// None with a lower info hash.
    pub from: InfoHash,
    /// How many at most.
    pub torrents_max: usize,
}

/// An order of torrents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TorrentOrder {
    /// The lowest info hash first.
    InfoHash,
    /// The most seeders first.
    Seeders,
    /// The most leechers first.
    Leechers,
    /// The most peers first.
    Peers,
    /// The most completed events first.
    Completed,
}

impl TorrentOrder {
    /// By what torrents are compared: the greatest is the first. Torrents with the same count stand in the order of
    /// their info hashes.
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

/// Takes the answer to a question. It must not block: a core calls it.
pub struct Reply<T>(Box<dyn FnOnce(T) + Send>);

impl<T> Reply<T> {
    /// An answer that is given to `take`.
    pub fn new(take: impl FnOnce(T) + Send + 'static) -> Self {
        Self(Box::new(take))
    }

    /// Gives the answer.
    pub fn send(self, value: T) {
        (self.0)(value);
    }
}

impl<T> fmt::Debug for Reply<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Answer")
    }
}
