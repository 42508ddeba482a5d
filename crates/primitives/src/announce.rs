/// The event that a client reports in an announce (BEP 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AnnounceEvent {
    /// A regular announce at the end of an interval.
    #[default]
    None,
    /// The client has downloaded the last missing piece.
    Completed,
    Started,
    /// The client leaves the swarm.
    Stopped,
}

/// Whether a peer counts as a seeder or a leecher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PeerStatus {
    /// Nothing is left to download.
    Seeder,
    /// Something is left to download.
    Leecher,
}

impl PeerStatus {
    /// Returns the status of a peer with `bytes_left` to download: a seeder has 0 (BEP 3, BEP 15).
    pub const fn from_bytes_left(bytes_left: u64) -> Self {
        if bytes_left == 0 { Self::Seeder } else { Self::Leecher }
    }
}

/// The number of peers that a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numwant {
    Default,
    /// At most this many. Clients that need no more connections send 0.
    AtMost(u32),
}

/// The kind of a request in a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// Asks for a connection id (BEP 15).
    Connect,
    Announce,
    /// Asks for the counts of torrents.
    Scrape,
    /// None of these. Clients do not send such datagrams.
    Unknown,
}

impl RequestKind {
    /// All kinds, in the order used by the statistics.
    pub const ALL: [Self; 4] = [Self::Connect, Self::Announce, Self::Scrape, Self::Unknown];
}
