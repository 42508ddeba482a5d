/// The kind of a request, or of a message that the tracker passes on to another peer (WebSocket).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Connect,
    Announce,
    Scrape,
    /// Only over WebSocket, in an announce. Answered when it is delivered. Its latency counts from its announce.
    Offer,
    /// Only over WebSocket. Answered when it is delivered. Its latency counts from the announce of its offer.
    Answer,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] =
        [Self::Connect, Self::Announce, Self::Scrape, Self::Offer, Self::Answer];
    pub(crate) const REQUESTS: [Self; 3] = [Self::Connect, Self::Announce, Self::Scrape];
    pub(crate) const OVER_WEBSOCKET: [Self; 4] = [Self::Announce, Self::Scrape, Self::Offer, Self::Answer];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Announce => "announce",
            Self::Scrape => "scrape",
            Self::Offer => "offer",
            Self::Answer => "answer",
        }
    }
}
