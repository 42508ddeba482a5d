use primitives::{AnnounceEvent, InfoHash, PeerStatus};

/// An announce of one peer, independent of the protocol it came over.
#[derive(Debug, Clone, Copy)]
pub struct Announce<A> {
    pub info_hash: InfoHash,
    /// What other peers reach this one by. A peer with an address is identified by it and its port, so that no other
    /// client can take its place by sending its peer id.
    pub peer: A,
    /// Seeder, or leecher that still wants pieces.
    pub status: PeerStatus,
    pub event: AnnounceEvent,
    pub listing: Listing,
    /// The most peers to return; the room in the output buffer is a limit too.
    pub peers_wanted: usize,
}

impl<A> Announce<A> {
    /// Whether the announcing peer is to be in the swarm afterwards.
    pub(crate) fn lists(&self) -> bool {
        self.event != AnnounceEvent::Stopped && self.listing == Listing::Listed
    }
}

/// Whether an announcing peer is added to the swarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// Others can connect to it.
    Listed,
    /// It does not listen for connections: it receives peers, but is not returned to others.
    Unlisted,
}

impl Listing {
    /// Returns the listing of a client that listens at `port`; 0 stands for one that does not listen.
    pub const fn at_port(port: u16) -> Self {
        if port == 0 { Self::Unlisted } else { Self::Listed }
    }
}

/// Result of an announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// Counts of the swarm after the announce.
    pub counts: SwarmCounts,
    /// Number of compact peers written.
    pub peers: usize,
    pub change: PeerChange,
    /// Whether its completed event was counted, which happens once for each peer that was a leecher before.
    pub completion: Completion,
}

impl Announced {
    /// The result for a torrent without a swarm.
    pub(crate) const fn of_no_swarm(change: PeerChange) -> Self {
        let counts = SwarmCounts { seeders: 0, leechers: 0, downloaded: 0 };
        Self { counts, peers: 0, change, completion: Completion::NotCounted }
    }
}

/// Whether an announce added to the downloads of the swarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completion {
    Counted,
    /// The announce reported no completed download, or one that does not count.
    NotCounted,
}

/// How an announce changed its peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerChange {
    Added,
    Refreshed,
    /// A known peer announced before the minimum interval was over, without a completed event that counts: its life is not
    /// prolonged, and it receives the same peers each time.
    Early,
    /// The peer stopped and was removed.
    Removed,
    /// The announce changed no peer: an unknown peer stopped, or the peer is unlisted.
    NotListed,
    /// A new peer was refused because this limit was reached.
    Refused(Bound),
    /// The torrent is not served.
    NotServed,
}

/// A limit that a new peer met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Swarms of the shard.
    Swarms,
    /// Peers of the shard.
    Peers,
    /// Peers of one swarm.
    SwarmPeers,
    /// Memory of the shard.
    Memory,
    /// Peers of one host in one swarm.
    Host,
    /// Torrents that the source of the announce may begin.
    SourceTorrents,
    /// Peers that the source of the announce may add.
    SourcePeers,
}

/// Peers that gave way to others since the start, by the limit that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Evicted([u64; Bound::SourcePeers as usize + 1]);

impl Evicted {
    /// Returns the peers that gave way at this limit.
    #[must_use]
    pub const fn at(&self, limit: Bound) -> u64 {
        self.0[limit as usize]
    }

    pub(crate) const fn count(&mut self, limit: Bound, peers: u64) {
        self.0[limit as usize] += peers;
    }
}

/// The counts of one swarm. Peers whose lifetime has passed count until the sweep removes them; they are never
/// returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SwarmCounts {
    pub seeders: u32,
    pub leechers: u32,
    /// Completed events, at most one per peer.
    pub downloaded: u64,
}

impl SwarmCounts {
    pub(crate) fn peers(self) -> u64 {
        u64::from(self.seeders) + u64::from(self.leechers)
    }

    pub(crate) const fn has_peers(self) -> bool {
        self.seeders > 0 || self.leechers > 0
    }
}
