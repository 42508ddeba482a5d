//! What the cores and the forwarder exchange about torrents that are announced to upstream trackers.

use crate::{CompactIpv4, CompactIpv6, InfoHash, Second};

/// The local peer that is announced to upstream trackers for all local peers of its torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Representative {
    /// TCP or uTP port where the peer listens.
    pub port: u16,
    /// Bytes uploaded since `started`.
    pub uploaded: u64,
    /// Bytes downloaded since `started`.
    pub downloaded: u64,
    /// Bytes left to download. 1 for a leecher whose figures are not known.
    pub left: u64,
}

/// A change of a torrent's local peers that upstream trackers have to learn of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwarmChange {
    /// The torrent has its first local peer.
    Started(InfoHash, Representative),
    /// A local peer has completed the torrent.
    Completed(InfoHash, Representative),
    /// The torrent's last local peer is gone.
    Stopped(InfoHash),
}

/// Peers of a torrent that an upstream tracker returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalPeers {
    pub info_hash: InfoHash,
    /// Which upstream tracker returned them: each has its share of the room.
    pub upstream: u16,
    pub v4: Vec<CompactIpv4>,
    pub v6: Vec<CompactIpv6>,
    pub counts: ExternalCounts,
    /// When the peers are to be forgotten, if no later answer contains them.
    pub expires: Second,
    /// When the counts are to be forgotten.
    pub counts_expire: Second,
}

/// The largest counts of a torrent that upstream trackers returned, without the representative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExternalCounts {
    pub seeders: u32,
    pub leechers: u32,
}
