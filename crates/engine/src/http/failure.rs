use crate::refusal::Refusal;
use access::TorrentRefusal;
use core::fmt::Display;
use core::ops::Range;
use http_protocol::{FailureResponse, Framing, QueryError, Retry};
use metrics::{Counter, HttpOutcome, Statistics};
use primitives::AddressFamily;
use thiserror::Error;

/// Minutes after which a client that found the tracker busy tries again, the shortest time in BEP 31. Because that is
/// long, a request waits for some seconds before it fails.
const BUSY_RETRY_MINUTES: u32 = 1;

/// Why a request is answered with a failure. The client shows the text to its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum Failure<'a> {
    #[error(transparent)]
    Query(QueryError<'a>),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Torrent(#[from] TorrentRefusal),
    /// Worded as existing tools expect it.
    #[error(
        "missing or invalid the right most X-Forwarded-For IP (mandatory on reverse proxy tracker configuration)"
    )]
    UnknownClient,
    #[error("the tracker is busy")]
    Busy,
    #[error("a scrape has to name torrents by info_hash")]
    NoFullScrape,
    #[error("a scrape of all torrents was made a short time ago")]
    FullScrapeTooSoon { minutes: u32 },
}

impl Failure<'_> {
    /// When the client may try again (BEP 31).
    const fn retry(&self) -> Retry {
        match self {
            Self::Refused(Refusal::MalformedKey | Refusal::Network(_)) | Self::NoFullScrape => Retry::Never,
            Self::Refused(Refusal::OverLimit(over)) => Retry::InMinutes(over.retry_s.div_ceil(60)),
            Self::Query(_) | Self::Refused(_) | Self::Torrent(_) | Self::UnknownClient => Retry::Unsaid,
            Self::Busy => Retry::InMinutes(BUSY_RETRY_MINUTES),
            Self::FullScrapeTooSoon { minutes } => Retry::InMinutes(*minutes),
        }
    }
}

/// A request that fails, and how it is counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failed {
    pub(super) family: AddressFamily,
    pub(super) outcome: HttpOutcome,
    pub(super) framing: Framing,
}

impl Failed {
    /// Counts the failure, writes it and returns its place in `out`.
    pub(super) fn because(
        self,
        statistics: &mut Statistics,
        failure: &Failure<'_>,
        out: &mut [u8],
    ) -> Range<usize> {
        statistics.count_http(self.family, self.outcome);
        match failure {
            Failure::Refused(refusal) => refusal.count(statistics),
            Failure::Torrent(_) => statistics.add(Counter::RefusedTorrents, 1),
            _ => {}
        }
        let reason: &dyn Display = failure;
        let response = FailureResponse { reason, retry: failure.retry() };
        response.write(out, self.framing).expect(crate::limits::ROOM)
    }
}
