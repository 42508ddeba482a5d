use crate::refusal::Refusal;
use access::TorrentRefusal;
use metrics::{Counter, Statistics};
use thiserror::Error;
use ws_protocol::MessageFault;

/// Why a message is answered with a failure. The client shows the text to its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum MessageFailure {
    #[error(transparent)]
    Message(#[from] MessageFault),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Torrent(#[from] TorrentRefusal),
    #[error("this connection has announced as many peers as it may")]
    TooManyPeers,
    #[error("a scrape may name at most {0} torrents")]
    TooManyTorrents(usize),
    #[error("the tracker is busy")]
    Busy,
    #[error("WebSockets are off")]
    SwitchedOff,
}

impl MessageFailure {
    /// Counts the failure by its kind, in addition to the outcome of the message.
    pub(crate) fn count(&self, statistics: &mut Statistics) {
        match self {
            Self::Refused(refusal) => refusal.count(statistics),
            Self::Torrent(_) => statistics.add(Counter::RefusedTorrents, 1),
            Self::Message(_)
            | Self::TooManyPeers
            | Self::TooManyTorrents(_)
            | Self::Busy
            | Self::SwitchedOff => {}
        }
    }
}
