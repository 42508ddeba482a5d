//! Torrents that have swarms, across all cores, and the stored counts of their completed events.

mod completed;
mod page_start;
mod sorted;
mod store;

pub(crate) use store::Torrents;

use crate::management::Answer;
use primitives::{InfoHash, PeerInfo, TorrentInfo, TorrentOrder};

/// The management of the torrents that have swarms.
pub trait TorrentManagement: Send + Sync {
    /// Returns a torrent with at most `peers_max` of its peers; `None` if it has no swarm.
    fn torrent(&self, info_hash: InfoHash, peers_max: usize) -> Answer<'_, Option<TorrentWithPeers>>;

    /// Returns a page of torrents.
    fn page(&self, page: TorrentPage) -> Answer<'_, Vec<TorrentInfo>>;

    /// Returns the first torrents from this info hash on, in the order of the info hashes.
    fn first_from(&self, from: InfoHash, torrents_max: usize) -> Answer<'_, Vec<TorrentInfo>>;

    /// Returns those of the torrents that have swarms, in the given order.
    fn named(&self, info_hashes: Vec<InfoHash>) -> Answer<'_, Vec<TorrentInfo>>;

    /// Drops a torrent's peers. Returns whether it had a swarm.
    fn drop_torrent(&self, info_hash: InfoHash) -> Answer<'_, bool>;
}

/// A torrent with its peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TorrentWithPeers {
    pub info: TorrentInfo,
    /// Peers, IPv4 first.
    pub peers: Vec<PeerInfo>,
}

/// A request for a page of torrents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TorrentPage {
    /// Sort order. In an order by a count, the page may be up to ten seconds old.
    pub order: TorrentOrder,
    /// Torrents to skip. In an order by a count, `offset` plus `torrents_max` is at most
    /// [`crate::management::SORTED_TORRENTS_MAX`].
    pub offset: u64,
    pub torrents_max: usize,
}
