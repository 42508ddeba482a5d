//! Latencies: collected from the cores, dumped to logs, and reported by the management API.

mod collector;
mod distribution;
mod dumps;
mod log;
mod percentile_table;
mod snapshot;

pub use distribution::LatencyDistribution;
pub use dumps::LatencyDumps;
pub(crate) use dumps::{Dumps, finish};
pub use snapshot::LatencySnapshot;

use crate::management::Answer;

/// The management of the latencies.
pub trait LatencyManagement: Send + Sync {
    /// Returns how long replies took since the start.
    fn latencies(&self) -> Answer<'_, Vec<LatencyInfo>>;

    /// Returns the distributions of the latencies since the start, also of what has not been recorded yet.
    fn distributions(&self) -> Answer<'_, Vec<LatencyDistribution>>;

    /// Returns the latencies since the start as an HdrHistogram log.
    fn log(&self) -> Answer<'_, Vec<u8>>;
}

/// How long one kind of reply took since the start.
#[derive(Debug, Clone, PartialEq)]
pub struct LatencyInfo {
    /// The kind, such as `announce-ipv4`.
    pub name: String,
    /// Number of replies.
    pub count: u64,
    /// Median in microseconds.
    pub p50_us: f64,
    pub p90_us: f64,
    pub p99_us: f64,
    /// 99.9th percentile.
    pub p999_us: f64,
    pub max_us: f64,
}
