use crate::{AnnounceEvent, InfoHash, PeerId, PeerStatus};
use core::net::SocketAddr;

/// What is known of a torrent, both families together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TorrentInfo {
    /// The torrent.
    pub info_hash: InfoHash,
    /// Peers that have everything.
    pub seeders: u32,
    /// Peers that still want pieces.
    pub leechers: u32,
    /// Completed events.
    pub completed: u64,
}

/// What is known of a peer of a torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerInfo {
    /// Where other peers reach it.
    pub address: SocketAddr,
    /// Whether it still wants pieces.
    pub status: PeerStatus,
    /// Seconds since its last announce.
    pub heard_s_ago: u32,
    /// What it said of itself, where that is kept.
    pub details: Option<PeerDetails>,
}

/// What a peer said of itself in its last announce. Nothing proves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerDetails {
    /// What it calls itself by.
    pub peer_id: PeerId,
    /// Bytes uploaded since `started`.
    pub uploaded: u64,
    /// Bytes downloaded since `started`.
    pub downloaded: u64,
    /// Bytes left to download.
    pub left: u64,
    /// What has happened.
    pub event: AnnounceEvent,
}
