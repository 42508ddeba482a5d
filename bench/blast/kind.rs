/// The kind of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Connect,
    Announce,
    Scrape,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Connect, Self::Announce, Self::Scrape];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Announce => "announce",
            Self::Scrape => "scrape",
        }
    }
}
