/// What happened at the client since its last announce (BEP 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AnnounceEvent {
    /// A regular announce, made because the interval has passed.
    #[default]
    None,
    /// The last missing piece has arrived.
    Completed,
    /// The client has begun with this torrent.
    Started,
    /// The client leaves the swarm.
    Stopped,
}

/// Whether a peer still wants pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PeerStatus {
    /// Has everything: nothing is left to download.
    Seeder,
    /// Still wants pieces.
    Leecher,
}

impl PeerStatus {
    /// A peer with zero bytes left is a seeder (BEP 3, BEP 15).
    #[must_use]
    pub const fn from_bytes_left(bytes_left: u64) -> Self {
        if bytes_left == 0 { Self::Seeder } else { Self::Leecher }
    }
}

/// How many peers a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numwant {
    /// As many as the tracker thinks right.
    Default,
    /// At most this many. 0 is none: clients with all the connections that they want send it.
    AtMost(u32),
}
