use engine::{RoutedAnnounce, ScrapeJourney};
use primitives::ShardId;
use udp_socket::Path;

/// What the control plane asks of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerCommand {
    /// Take in no more requests, answer those that have arrived, and end.
    Stop,
}

/// What a worker tells the control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerEvent {
    /// It serves its sockets.
    Ready(ShardId),
}

/// Which listener a request came to: the owner answers from its own socket of the same address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListenerIndex(pub(crate) u8);

impl ListenerIndex {
    pub(crate) const fn get(self) -> usize {
        self.0 as usize
    }
}

/// Whom to answer, and through which listener.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReplyTo {
    pub(crate) listener: ListenerIndex,
    pub(crate) path: Path,
}

/// An announce for the owner of its torrent.
#[derive(Debug)]
pub(crate) struct AnnounceMessage {
    pub(crate) reply_to: ReplyTo,
    pub(crate) announce: RoutedAnnounce,
}

/// A scrape for the owner of its next torrent.
#[derive(Debug)]
pub(crate) struct ScrapeMessage {
    pub(crate) reply_to: ReplyTo,
    pub(crate) journey: ScrapeJourney,
}
