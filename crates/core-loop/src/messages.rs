use engine::{AnnouncedPeer, ConnectionToken, RoutedAnnounce, RoutedRequest, RoutedScrape};
use primitives::ShardId;
use std::time::Instant;

/// The UDP listener that a request came to: the owner replies from its own socket of the same address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenerIndex(pub u8);

impl ListenerIndex {
    /// Returns its position among the listeners.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

/// Where a reply goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReplyTo<P> {
    pub(crate) listener: ListenerIndex,
    pub(crate) path: P,
    /// When the core that it came to received the request.
    pub(crate) received: Instant,
}

/// A UDP announce for the owner of its torrent.
#[derive(Debug)]
pub(crate) struct AnnounceMessage<P> {
    pub(crate) reply_to: ReplyTo<P>,
    pub(crate) announce: RoutedAnnounce,
}

/// A UDP scrape for the owner of its next torrent.
#[derive(Debug)]
pub(crate) struct ScrapeMessage<P> {
    /// The core whose pool it returns to.
    pub(crate) home: ShardId,
    /// The owner that it went to first.
    pub(crate) first_owner: ShardId,
    pub(crate) reply_to: ReplyTo<P>,
    pub(crate) scrape: RoutedScrape,
}

/// A request on its way to another core. Large ones are boxed, and the box returns to its home.
#[derive(Debug)]
pub(crate) enum MeshRequest<P> {
    Announce(AnnounceMessage<P>),
    Scrape(Box<ScrapeMessage<P>>),
    Http(Box<RoutedRequest>),
    /// The connection has ended, so the peer leaves its swarm.
    Leave(AnnouncedPeer, ConnectionToken),
}

/// An offer or an answer for a connection.
#[derive(Debug)]
pub(crate) struct SignalMessage {
    pub(crate) to: ConnectionToken,
    pub(crate) frame: Box<[u8]>,
}

/// A box on its way home, or something for a connection.
#[derive(Debug)]
pub(crate) enum MeshReturn<P> {
    /// The scrape was answered or dropped.
    Scrape(Box<ScrapeMessage<P>>),
    /// With the result of the request.
    Http(Box<RoutedRequest>),
    Signal(Box<SignalMessage>),
}
