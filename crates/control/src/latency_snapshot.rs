use crate::limits::LATENCY_ANSWER_MS_MAX;
use crate::management::LatencyInfo;
use crate::percentile_table::value_us;
use hdrhistogram::Histogram;
use latency::LatencySet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

/// How long replies took since the start, for everybody who wants to know: what was gathered for dumps is here too.
#[derive(Debug)]
pub struct LatencySnapshot {
    since_start: Mutex<LatencySet>,
    wanted: Notify,
    /// How often the cores were asked.
    gathered: watch::Sender<u64>,
}

impl Default for LatencySnapshot {
    fn default() -> Self {
        Self { since_start: Mutex::default(), wanted: Notify::new(), gathered: watch::Sender::new(0) }
    }
}

impl LatencySnapshot {
    /// Adds what a core recorded.
    pub(crate) fn add(&self, latencies: &LatencySet) {
        self.since_start.lock().unwrap_or_else(PoisonError::into_inner).merge(latencies);
    }

    /// Waits until somebody wants to know what the cores have recorded.
    pub(crate) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// The cores have been asked.
    pub(crate) fn gathered(&self) {
        self.gathered.send_modify(|times| *times += 1);
    }

    /// Has the cores asked, and gives what there is when they have answered, or do not.
    pub(crate) async fn fresh(&self) -> LatencySet {
        let mut gathered = self.gathered.subscribe();
        gathered.mark_unchanged();
        self.wanted.notify_one();
        // Nobody gathers before the tracker is watched over, and after that.
        let _late = timeout(Duration::from_millis(2 * LATENCY_ANSWER_MS_MAX), gathered.changed()).await;
        let mut copy = LatencySet::default();
        copy.merge(&self.since_start.lock().unwrap_or_else(PoisonError::into_inner));
        copy
    }
}

/// The figures of each kind of reply that there was.
pub(crate) fn latency_info(latencies: &LatencySet) -> Vec<LatencyInfo> {
    latencies.recorded().map(|(name, histogram)| info(name, histogram)).collect()
}

fn info(name: String, histogram: &Histogram<u64>) -> LatencyInfo {
    let value = |quantile| value_us(histogram, quantile);
    LatencyInfo {
        name,
        count: histogram.len(),
        p50_us: value(0.5),
        p90_us: value(0.9),
        p99_us: value(0.99),
        p999_us: value(0.999),
        max_us: value(1.0),
    }
}
