//! An announce to an upstream tracker and its result, independent of the protocol.

use ::client::TrackerError;
use futures_util::future::BoxFuture;
use primitives::{AnnounceEvent, CompactIpv4, CompactIpv6, ExternalCounts, InfoHash, Representative};

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

/// Announces to one upstream tracker.
pub(crate) trait Announces: Send + Sync {
    /// Sends an announce and returns its result, however long that takes.
    fn announce<'a>(
        &'a self,
        announce: &'a UpstreamAnnounce,
    ) -> BoxFuture<'a, Result<UpstreamAnswer, TrackerError>>;
}
