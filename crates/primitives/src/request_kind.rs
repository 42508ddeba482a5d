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
