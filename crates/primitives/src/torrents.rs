//! What lists and queries say about torrents.

use crate::{AnnounceEvent, InfoHash, PeerId, PeerStatus};
use core::net::SocketAddr;

/// The counts of a torrent, both families together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TorrentInfo {
    pub info_hash: InfoHash,
    /// Peers that have nothing left to download.
    pub seeders: u32,
    /// Peers that have something left to download.
    pub leechers: u32,
    /// Number of completed events.
    pub completed: u64,
}

/// A peer of a torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerInfo {
    /// Address at which other peers can reach it.
    pub address: SocketAddr,
    pub status: PeerStatus,
    /// Seconds since its last announce.
    pub heard_s_ago: u32,
    /// What it reported of itself, if that is stored.
    pub details: Option<PeerDetails>,
}

/// What a peer reported of itself in its last announce. None of it is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerDetails {
    pub peer_id: PeerId,
    /// Bytes uploaded since `started`.
    pub uploaded: u64,
    /// Bytes downloaded since `started`.
    pub downloaded: u64,
    /// Bytes left to download.
    pub left: u64,
    pub event: AnnounceEvent,
}

/// A list that decides which torrents are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TorrentList {
    /// The whitelist: in the `listed` modes only its torrents are served.
    Allowed,
    /// The denylist: its torrents are never served.
    Denied,
}

impl TorrentList {
    /// Both lists.
    pub const ALL: [Self; 2] = [Self::Allowed, Self::Denied];
}

/// The source of a list's entry. A torrent stays on the list as long as at least one source lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListSource {
    /// The file of the list.
    File,
    /// The management API, whose lists are stored in the database.
    Api,
}

/// A change to a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListChange {
    Add,
    Remove,
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
