use crate::{InfoHash, TorrentInfo};

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
