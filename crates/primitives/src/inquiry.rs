use crate::{InfoHash, PeerFacts, TorrentFacts};
use core::fmt;
use std::sync::Arc;

/// What the control plane wants to know of a core's torrents, or has done to them. The core does it a little at a time
/// beside its requests.
#[derive(Debug)]
pub enum Inquiry {
    /// To look through all torrents.
    Survey(Survey, Answer<SurveyResult>),
    /// These torrents, as far as the core has swarms of them.
    Torrents(Arc<[InfoHash]>, Answer<Vec<TorrentFacts>>),
    /// A torrent with so many of its peers at most.
    Peers(InfoHash, usize, Answer<Option<(TorrentFacts, Vec<PeerFacts>)>>),
    /// To forget a torrent's peers: whether it had a swarm.
    Drop(InfoHash, Answer<bool>),
}

/// What is to be found out about all torrents of a core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Survey {
    /// In which order.
    pub order: TorrentOrder,
    /// In the order of place: torrents that are passed over at the front.
    pub skip: u64,
    /// Torrents that are told at most.
    pub torrents_max: usize,
}

/// What a survey found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SurveyResult {
    /// The torrents: in the order of place, or the first ones by a count, in no order.
    pub torrents: Vec<TorrentFacts>,
    /// Torrents that were passed over or told of. A survey in order of place ends where it has as many as it may.
    pub seen: u64,
}

/// An order of torrents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TorrentOrder {
    /// As they lie in the cores' memory: it changes only where torrents come and go.
    Place,
    /// The most seeders first.
    Seeders,
    /// The most leechers first.
    Leechers,
    /// The most peers first.
    Peers,
    /// The most completed events first.
    Completed,
}

impl TorrentOrder {
    /// By what torrents are compared: the greatest is the first. Torrents with the same count stand in the order of
    /// their info hashes. In the order of place all are the same.
    #[must_use]
    pub const fn rank(self, torrent: &TorrentFacts) -> u64 {
        match self {
            Self::Place => 0,
            Self::Seeders => torrent.seeders as u64,
            Self::Leechers => torrent.leechers as u64,
            Self::Peers => torrent.seeders as u64 + torrent.leechers as u64,
            Self::Completed => torrent.completed,
        }
    }
}

/// Takes the answer to a question. It must not block: a core calls it.
pub struct Answer<T>(Box<dyn FnOnce(T) + Send>);

impl<T> Answer<T> {
    /// An answer that is given to `take`.
    pub fn new(take: impl FnOnce(T) + Send + 'static) -> Self {
        Self(Box::new(take))
    }

    /// Gives the answer.
    pub fn give(self, value: T) {
        (self.0)(value);
    }
}

impl<T> fmt::Debug for Answer<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Answer")
    }
}
