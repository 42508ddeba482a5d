//! An announce to an upstream tracker and its result, independent of the protocol.

use futures_util::future::BoxFuture;
use primitives::{AnnounceEvent, CompactIpv4, CompactIpv6, ExternalCounts, InfoHash, Representative};
use std::time::Duration;

/// An announce to an upstream tracker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UpstreamAnnounce {
    pub(crate) info_hash: InfoHash,
    pub(crate) event: AnnounceEvent,
    pub(crate) representative: Representative,
}

/// The answer of an upstream tracker. Its peers are filtered, without duplicates, and at most [`PEERS_MAX`] of each family.
///
/// [`PEERS_MAX`]: crate::limits::PEERS_MAX
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct UpstreamAnswer {
    /// Seconds until the next announce of the torrent.
    pub(crate) interval_s: u32,
    /// The counts as returned, the representative included.
    pub(crate) counts: ExternalCounts,
    pub(crate) v4: Vec<CompactIpv4>,
    pub(crate) v6: Vec<CompactIpv6>,
}

/// Why an announce to an upstream tracker has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AnnounceError {
    #[error("no answer in time")]
    Timeout,
    /// The name has no address, or could not be resolved.
    #[error("{0}")]
    Name(String),
    /// The connection failed: refused, reset, TLS.
    #[error("{0}")]
    Connection(String),
    #[error("status {0}")]
    Status(u16),
    /// Not an answer to an announce, or longer than allowed.
    #[error("{0}")]
    Malformed(&'static str),
    /// The upstream tracker refused this announce with a reason (its text is short, in plain characters).
    #[error("refused: {reason}")]
    Refused { reason: String, retry: Option<Retry> },
    /// The upstream tracker asks for fewer requests: status 429, or 503 with Retry-After.
    #[error("too many requests")]
    Overloaded { retry_after: Option<Duration> },
}

/// When a refused announce may be repeated (BEP 31).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    After(Duration),
    Never,
}

/// Announces to one upstream tracker.
pub(crate) trait Announces: Send + Sync {
    /// Sends an announce and returns its result, however long that takes.
    fn announce<'a>(
        &'a self,
        announce: &'a UpstreamAnnounce,
    ) -> BoxFuture<'a, Result<UpstreamAnswer, AnnounceError>>;
}
