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
