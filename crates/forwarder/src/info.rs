//! What operators see of an upstream tracker.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The state and figures of an upstream tracker.
#[derive(Debug, Clone, PartialEq)]
pub struct UpstreamInfo {
    /// Unique among the upstream trackers.
    pub name: Arc<str>,
    /// The URI without user, path and query, which may contain a passkey.
    pub origin: String,
    pub announced_ip: Option<IpAddr>,
    pub state: UpstreamState,
    /// Torrents with local peers, the same number for each upstream tracker: all are announced to it, except those that it
    /// refuses.
    pub torrents: u64,
    /// Announces that are due and wait.
    pub waiting: u64,
    /// Announces under way.
    pub in_flight: u64,
    /// Mean time of an answer over the last ones.
    pub latency: Option<Duration>,
    /// The interval of the last answer in seconds.
    pub interval_s: Option<u32>,
    /// Text of the last failure.
    pub last_failure: Option<String>,
    pub figures: UpstreamFigures,
}

/// Whether an upstream tracker is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamState {
    Active,
    /// It asked for a pause, of which this much is left.
    Paused(Duration),
    /// Its circuit is open after repeated failures: it is tried again after this time.
    Failing(Duration),
    /// An operator suspended it.
    Suspended,
}

/// Counters since the upstream tracker was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UpstreamFigures {
    /// Announces that were answered with peers.
    pub answered: u64,
    /// Failed announces by [`FailureKind`].
    pub failed: [u64; FailureKind::ALL.len()],
    /// Announces put off because too many waited, while it was active.
    pub shed: u64,
    /// Peers in answers.
    pub peers: u64,
    /// Peers in answers for which the owner of the torrent had no time.
    pub peers_dropped: u64,
}

/// Why an announce to an upstream tracker failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    Timeout,
    Name,
    Connection,
    Status,
    Malformed,
    Refused,
    Overloaded,
}

impl FailureKind {
    /// All kinds, in the order of the figures.
    pub const ALL: [Self; 7] = [
        Self::Timeout,
        Self::Name,
        Self::Connection,
        Self::Status,
        Self::Malformed,
        Self::Refused,
        Self::Overloaded,
    ];

    /// Returns the label of the figure.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Name => "name",
            Self::Connection => "connection",
            Self::Status => "status",
            Self::Malformed => "malformed",
            Self::Refused => "refused",
            Self::Overloaded => "overloaded",
        }
    }
}
