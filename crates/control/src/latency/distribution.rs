//! Latencies by fixed boundaries, for Prometheus.

use hdrhistogram::Histogram;
use latency::{LatencySet, ReplyTag};
use metrics::{Distribution, Histogram as Figure, Label};
use std::iter::once;

/// The distribution of one histogram since the start, in seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct LatencyDistribution {
    pub histogram: Figure,
    pub labels: Vec<Label>,
    pub distribution: Distribution,
}

/// Boundaries in seconds, each 2 to 2.5 times the one before.
const BOUNDARIES_S: [f64; 19] = [
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1,
    0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

const NANOSECONDS_PER_S: f64 = 1e9;

/// Returns the distributions of all histograms.
pub(super) fn distributions(latencies: &LatencySet) -> Vec<LatencyDistribution> {
    let replies = latencies.replies().map(|(tag, histogram)| {
        let labels = once(("protocol", tag.protocol.name())).chain(labels(tag)).collect();
        (Figure::Reply, labels, histogram)
    });
    let from_kernel = latencies
        .from_kernel()
        .map(|(tag, histogram)| (Figure::ReplyFromKernel, labels(tag).to_vec(), histogram));
    let expiry = once((Figure::ExpiryTurn, Vec::new(), latencies.expiry_turns()));
    let all = replies.chain(from_kernel).chain(expiry);
    all.map(|(figure, labels, histogram)| LatencyDistribution {
        histogram: figure,
        labels,
        distribution: distribution(histogram),
    })
    .collect()
}

fn labels(tag: ReplyTag) -> [Label; 2] {
    [("kind", tag.kind.name()), ("family", tag.family_name())]
}

/// Returns the distribution of recorded nanoseconds. Values and their sum are as accurate as the histogram is.
fn distribution(histogram: &Histogram<u64>) -> Distribution {
    let (mut values_in, mut sum_s) = ([0; BOUNDARIES_S.len() + 1], 0.0);
    for step in histogram.iter_recorded() {
        let value_s = step.value_iterated_to() as f64 / NANOSECONDS_PER_S;
        let recorded = step.count_since_last_iteration();
        values_in[BOUNDARIES_S.partition_point(|&boundary| boundary < value_s)] += recorded;
        sum_s += value_s * recorded as f64;
    }
    Distribution::of_counts(&BOUNDARIES_S, &values_in, sum_s)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::set_with_expiry_turns;

    #[test]
    fn values_are_in_the_buckets_of_all_boundaries_above_them() {
        let mut histogram = Histogram::new_with_bounds(1, 60_000_000_000, 2).unwrap();
        histogram.record_n(20_000, 3).unwrap();
        histogram.record_n(4_000_000, 2).unwrap();
        histogram.record(30_000_000_000).unwrap();
        let distribution = distribution(&histogram);
        let at = |boundary| distribution.buckets.iter().find(|bucket| bucket.0 == boundary).unwrap().1;
        assert_eq!([0.000_01, 0.000_025, 0.002_5, 0.005, 10.0].map(at), [0, 3, 3, 5, 5]);
        assert_eq!(distribution.count, 6);
        assert!((distribution.sum - 30.008_06).abs() < 0.31, "{}", distribution.sum);
    }

    #[test]
    fn each_histogram_has_its_own_labels_even_if_it_is_empty() {
        let all = distributions(&set_with_expiry_turns(2));
        let labels: std::collections::HashSet<_> =
            all.iter().map(|one| (one.histogram as usize, &one.labels)).collect();
        assert_eq!(labels.len(), all.len());
        let recorded: Vec<_> = all.iter().filter(|one| one.distribution.count > 0).collect();
        assert!(matches!(recorded[..], [LatencyDistribution { histogram: Figure::ExpiryTurn, .. }]));
    }
}
