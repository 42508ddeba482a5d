use super::distribution::distributions;
use super::log::log_of_run;
use super::percentile_table::value_us;
use super::{LatencyDistribution, LatencyInfo, LatencyManagement};
use crate::limits::LATENCY_ANSWER_MS_MAX;
use crate::management::{Answer, ManagementError};
use crate::shared::lock;
use hdrhistogram::Histogram;
use latency::LatencySet;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

/// How long replies took since the start, including everything collected for dumps.
#[derive(Debug)]
pub struct LatencySnapshot {
    /// When the tracker started.
    begun: SystemTime,
    /// What the cores have recorded and returned.
    pub(super) since_start: Mutex<LatencySet>,
    /// Notified when fresh latencies are requested.
    pub(super) wanted: Notify,
    /// How often the cores have been asked.
    pub(super) gathered: watch::Sender<u64>,
}

impl Default for LatencySnapshot {
    fn default() -> Self {
        Self {
            begun: SystemTime::now(),
            since_start: Mutex::default(),
            wanted: Notify::new(),
            gathered: watch::Sender::new(0),
        }
    }
}

impl LatencySnapshot {
    /// Has the cores asked, and returns all latencies once they have replied or their time is over.
    async fn fresh(&self) -> LatencySet {
        let mut gathered = self.gathered.subscribe();
        self.wanted.notify_one();
        // Before supervision starts and after it ends, the cores are not asked.
        let _late = timeout(Duration::from_millis(2 * LATENCY_ANSWER_MS_MAX), gathered.changed()).await;
        let mut copy = LatencySet::default();
        copy.merge(&lock(&self.since_start));
        copy
    }
}

impl LatencyManagement for LatencySnapshot {
    fn latencies(&self) -> Answer<'_, Vec<LatencyInfo>> {
        Box::pin(async {
            let latencies = self.fresh().await;
            Ok(latencies.recorded().map(|(name, histogram)| info(name, histogram)).collect())
        })
    }

    fn distributions(&self) -> Answer<'_, Vec<LatencyDistribution>> {
        Box::pin(async { Ok(distributions(&self.fresh().await)) })
    }

    fn log(&self) -> Answer<'_, Vec<u8>> {
        Box::pin(async {
            let log = log_of_run(self.begun, &self.fresh().await);
            log.map_err(|error| ManagementError::File(error.to_string()))
        })
    }
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
