use engine::{RoutedAnnounce, RoutedRequest, RoutedScrape};
use primitives::ShardId;
use std::time::Instant;
use udp_socket::Path;

/// The listener that a request came to: the owner replies from its own socket of the same address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListenerIndex(pub(crate) u8);

impl ListenerIndex {
    pub(crate) const fn get(self) -> usize {
        self.0 as usize
    }
}

/// Where a reply goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReplyTo {
    pub(crate) listener: ListenerIndex,
    pub(crate) path: Path,
    /// When the core that it came to received the request.
    pub(crate) received: Instant,
}

/// A UDP announce for the owner of its torrent.
#[derive(Debug)]
pub(crate) struct AnnounceMessage {
    pub(crate) reply_to: ReplyTo,
    pub(crate) announce: RoutedAnnounce,
}

/// A UDP scrape for the owner of its next torrent.
#[derive(Debug)]
pub(crate) struct ScrapeMessage {
    /// The core whose pool it returns to.
    pub(crate) home: ShardId,
    /// The owner that it went to first.
    pub(crate) first_owner: ShardId,
    pub(crate) reply_to: ReplyTo,
    pub(crate) scrape: RoutedScrape,
}

/// A request on its way to another core. Large ones are boxed, and the box returns to its home.
#[derive(Debug)]
pub(crate) enum MeshRequest {
    Announce(AnnounceMessage),
    Scrape(Box<ScrapeMessage>),
    Http(Box<RoutedRequest>),
}

/// A box on its way home.
#[derive(Debug)]
pub(crate) enum MeshReturn {
    /// The scrape was answered or dropped.
    Scrape(Box<ScrapeMessage>),
    /// With the result of the request.
    Http(Box<RoutedRequest>),
}
