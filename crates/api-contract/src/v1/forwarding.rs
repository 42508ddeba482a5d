use super::Nothing;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A tracker to which torrents of local peers are announced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Upstream {
    /// Unique among the upstream trackers.
    pub name: String,
    /// Scheme, host and port of its URI. The rest, which may contain a passkey, is never shown.
    pub origin: String,
    /// The address announced to it in place of that of this host.
    pub ip: Option<String>,
    pub state: UpstreamState,
    /// Seconds until it is asked again, if it is paused or failing.
    pub retry_in_s: Option<u64>,
    /// Torrents with local peers, the same number for each upstream tracker: all are announced to it, except those that it refuses.
    pub torrents: u64,
    /// Announces that are due and wait.
    pub waiting: u64,
    /// Announces under way.
    pub in_flight: u64,
    /// Mean time of its last answers in milliseconds.
    pub latency_ms: Option<f64>,
    /// Seconds between two announces of a torrent, as in its last answer.
    pub interval_s: Option<u32>,
    /// Why the last announce that failed did.
    pub last_failure: Option<String>,
    /// Announces by their outcome: `answered`, or the kind of failure.
    pub announces: BTreeMap<String, u64>,
    /// Announces put off because too many waited.
    pub shed: u64,
    /// Peers in its answers.
    pub peers: u64,
    /// Peers in its answers for which the core of their torrent had no time.
    pub peers_dropped: u64,
}

/// Whether an upstream tracker is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum UpstreamState {
    Active,
    /// It asked for fewer announces.
    Paused,
    /// It failed several times in a row.
    Failing,
    /// An operator suspended it.
    Suspended,
}

/// An upstream tracker to add.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpstreamForm {
    /// A URI with the scheme `udp`, `http` or `https`, such as `udp://tracker.example.org:6969`.
    pub uri: String,
    /// Its name in logs, figures and this API; default: scheme, host and port.
    pub name: Option<String>,
    /// The address to announce in place of that of this host.
    pub ip: Option<String>,
    /// The value of the HTTP header `Host`, if it is not the host of the URI.
    pub host: Option<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    pub nothing: Nothing,
}
