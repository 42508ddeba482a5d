use hdrhistogram::Histogram;

/// Latencies above a minute are recorded as a minute.
const LATENCY_NS_MAX: u64 = 60_000_000_000;

/// A histogram of latencies in nanoseconds, with an exact maximum.
#[derive(Debug, Clone)]
pub(crate) struct Latencies {
    histogram: Histogram<u64>,
    /// The maximum; the histogram knows only the upper end of its range.
    max_ns: u64,
}

impl Latencies {
    pub(crate) fn new() -> Self {
        let histogram =
            Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3).expect("bounds and digits are allowed");
        Self { histogram, max_ns: 0 }
    }

    pub(crate) fn record(&mut self, ns: u64) {
        let ns = ns.min(LATENCY_NS_MAX);
        self.histogram.saturating_record(ns);
        self.max_ns = self.max_ns.max(ns);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.histogram.add(&other.histogram).expect("histograms of the same bounds");
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    /// Returns the latency at a quantile; 0 if none is recorded.
    pub(crate) fn quantile_ns(&self, quantile: f64) -> u64 {
        self.histogram.value_at_quantile(quantile).min(self.max_ns)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.histogram.is_empty()
    }

    pub(crate) const fn histogram(&self) -> &Histogram<u64> {
        &self.histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_quantile_is_above_the_highest_latency() {
        let mut latencies = Latencies::new();
        for ns in [1_000_001, 2_000_001] {
            latencies.record(ns);
        }
        assert_eq!(latencies.quantile_ns(1.0), 2_000_001);
        assert_eq!(latencies.quantile_ns(0.99), 2_000_001);
    }

    #[test]
    fn the_highest_latency_of_two_threads_stays_exact() {
        let (mut mine, mut theirs) = (Latencies::new(), Latencies::new());
        mine.record(5);
        theirs.record(9_999_999);
        mine.merge(&theirs);
        assert_eq!(mine.quantile_ns(1.0), 9_999_999);
        assert_eq!(mine.quantile_ns(0.5), 5);
    }
}
