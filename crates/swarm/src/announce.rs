use primitives::{AnnounceEvent, InfoHash, PeerStatus};

/// An announce of one peer, whatever protocol brought it.
#[derive(Debug, Clone, Copy)]
pub struct Announce<A> {
    /// The torrent.
    pub info_hash: InfoHash,
    /// Where other peers reach this one. A peer is its address and port: nobody can take its place by
    /// sending its peer id.
    pub address: A,
    /// Whether it still wants pieces.
    pub status: PeerStatus,
    /// What has happened.
    pub event: AnnounceEvent,
    /// Whether others may be told of it.
    pub listing: Listing,
    /// The most peers that the answer may hold; the room for them bounds it too.
    pub peers_wanted: usize,
}

impl<A> Announce<A> {
    /// Whether the announcing peer is to be on the swarm's list afterwards.
    pub(crate) fn lists(&self) -> bool {
        self.event != AnnounceEvent::Stopped && self.listing == Listing::Listed
    }
}

/// Whether a peer is put on the swarm's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// Others can connect to it.
    Listed,
    /// It listens nowhere, so it is given peers but not given out.
    Unlisted,
}

/// What an announce found and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// The swarm afterwards.
    pub counts: SwarmCounts,
    /// Compact peers written.
    pub peers: usize,
    /// What became of the announcing peer.
    pub change: PeerChange,
    /// Whether its completed event was counted, which happens once for each peer that was a leecher before.
    pub completion: Completion,
}

impl Announced {
    /// The answer where there is no swarm.
    pub(crate) const fn of_no_swarm(change: PeerChange) -> Self {
        let counts = SwarmCounts { seeders: 0, leechers: 0, downloaded: 0 };
        Self { counts, peers: 0, change, completion: Completion::NotCounted }
    }
}

/// Whether an announce added to the swarm's downloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completion {
    /// It did.
    Counted,
    /// It said nothing of a completed download, or nothing new.
    NotCounted,
}

/// Whether a torrent may have a swarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Admitted,
    /// It may not.
    TurnedAway,
}

/// What became of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerChange {
    /// It is new.
    Added,
    /// It was known.
    Refreshed,
    /// It left.
    Removed,
    /// It was not known and is not listed.
    NotListed,
    /// It is new and found no place.
    Refused(Bound),
    /// Its torrent may not have a swarm.
    TurnedAway,
}

/// The bound at which a new peer was refused.
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
}

/// The counts of one swarm. Peers whose lifetime has passed count until the sweep has come by; they are
/// never given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SwarmCounts {
    /// Peers that have everything.
    pub seeders: u32,
    /// Peers that still want pieces.
    pub leechers: u32,
    /// Completed events, one per peer.
    pub downloaded: u64,
}
