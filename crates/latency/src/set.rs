use crate::limits::{LATENCY_NS_MAX, SIGNIFICANT_DIGITS};
use crate::tag::ReplyTag;
use hdrhistogram::Histogram;
use std::time::Duration;

/// The latency histograms of one core, or the sum of several cores', in nanoseconds.
#[derive(Debug, Clone, PartialEq)]
pub struct LatencySet {
    /// From the receive call's return to the send call's return, by tag.
    replies: [Histogram<u64>; ReplyTag::COUNT],
    /// From the kernel's receive time stamp to the send call's return, by tag of UDP.
    from_kernel: [Histogram<u64>; ReplyTag::UDP],
    /// Processor time of each turn of expiry.
    expiry_turns: Histogram<u64>,
    stamps_ahead: u64,
}

impl Default for LatencySet {
    fn default() -> Self {
        Self {
            replies: std::array::from_fn(|_| empty_histogram()),
            from_kernel: std::array::from_fn(|_| empty_histogram()),
            expiry_turns: empty_histogram(),
            stamps_ahead: 0,
        }
    }
}

fn empty_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_NS_MAX, SIGNIFICANT_DIGITS)
        .expect("the limits are valid for a histogram")
}

impl LatencySet {
    pub(crate) fn record_replies(&mut self, tag: ReplyTag, latency: Duration, replies: u64) {
        self.replies[tag.slot()].saturating_record_n(nanoseconds(latency), replies);
    }

    pub(crate) fn record_from_kernel(&mut self, tag: ReplyTag, latency: Duration) {
        self.from_kernel[tag.slot()].saturating_record(nanoseconds(latency));
    }

    /// Records the processor time of a turn of expiry.
    pub fn record_expiry_turn(&mut self, processor_time: Duration) {
        self.expiry_turns.saturating_record(nanoseconds(processor_time));
    }

    /// Counts a kernel time stamp that is ahead of the clock, because the clock was set back after it.
    pub(crate) fn count_stamp_ahead(&mut self) {
        self.stamps_ahead += 1;
    }

    /// Returns the number of kernel time stamps that were not recorded because they were ahead of the clock.
    pub const fn stamps_ahead(&self) -> u64 {
        self.stamps_ahead
    }

    /// Adds another core's histograms.
    ///
    /// # Panics
    /// Never: all histograms have the same limits.
    pub fn merge(&mut self, other: &Self) {
        let pairs = self.histograms_mut().zip(other.histograms());
        for (mine, theirs) in pairs.filter(|(_, theirs)| !theirs.is_empty()) {
            mine.add(theirs).expect("all histograms have the same limits");
        }
        self.stamps_ahead += other.stamps_ahead;
    }

    /// Resets all histograms.
    pub fn clear(&mut self) {
        self.histograms_mut().filter(|histogram| !histogram.is_empty()).for_each(Histogram::reset);
        self.stamps_ahead = 0;
    }

    /// Returns the histograms that are not empty, each with its name in a log.
    pub fn recorded(&self) -> impl Iterator<Item = (String, &Histogram<u64>)> {
        names().zip(self.histograms()).filter(|(_, histogram)| !histogram.is_empty())
    }

    /// Returns the histograms of replies, empty ones too.
    pub fn replies(&self) -> impl Iterator<Item = (ReplyTag, &Histogram<u64>)> {
        ReplyTag::ALL.into_iter().zip(&self.replies)
    }

    /// Returns the histograms of replies from the kernel's time stamps on, empty ones too.
    pub fn from_kernel(&self) -> impl Iterator<Item = (ReplyTag, &Histogram<u64>)> {
        ReplyTag::ALL.into_iter().zip(&self.from_kernel)
    }

    /// Returns the histogram of the turns of expiry.
    pub const fn expiry_turns(&self) -> &Histogram<u64> {
        &self.expiry_turns
    }

    fn histograms(&self) -> impl Iterator<Item = &Histogram<u64>> {
        self.replies.iter().chain(&self.from_kernel).chain([&self.expiry_turns])
    }

    fn histograms_mut(&mut self) -> impl Iterator<Item = &mut Histogram<u64>> {
        self.replies.iter_mut().chain(&mut self.from_kernel).chain([&mut self.expiry_turns])
    }
}

/// The names in a log, in the order of the histograms.
fn names() -> impl Iterator<Item = String> {
    let from_kernel = ReplyTag::ALL[..ReplyTag::UDP].iter().map(|tag| format!("kernel-{}", tag.name()));
    ReplyTag::ALL.map(ReplyTag::name).into_iter().chain(from_kernel).chain(["expiry-turn".to_owned()])
}

fn nanoseconds(latency: Duration) -> u64 {
    u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ReplyKind;
    use primitives::AddressFamily;

    const ANNOUNCE: ReplyTag = ReplyTag::udp(ReplyKind::Announce, AddressFamily::V4);
    const ERROR: ReplyTag = ReplyTag::udp(ReplyKind::Error, AddressFamily::V6);

    fn counts(set: &LatencySet) -> Vec<(String, u64)> {
        set.recorded().map(|(name, histogram)| (name, histogram.len())).collect()
    }

    #[test]
    fn the_sum_of_two_cores_has_the_values_of_both() {
        let (mut one, mut two) = (LatencySet::default(), LatencySet::default());
        one.record_replies(ANNOUNCE, Duration::from_micros(50), 64);
        two.record_replies(ANNOUNCE, Duration::from_micros(70), 1);
        two.record_from_kernel(ERROR, Duration::from_micros(90));
        two.record_expiry_turn(Duration::from_micros(5));
        two.count_stamp_ahead();
        one.merge(&two);
        let expected = [("announce-ipv4", 65), ("kernel-error-ipv6", 1), ("expiry-turn", 1)];
        assert_eq!(counts(&one), expected.map(|(name, count)| (name.to_owned(), count)));
        assert_eq!(one.stamps_ahead(), 1);
        one.clear();
        assert_eq!(one, LatencySet::default());
    }

    #[test]
    fn a_value_is_accurate_to_one_percent_and_at_most_a_minute() {
        let mut set = LatencySet::default();
        for latency in [Duration::ZERO, Duration::from_nanos(123_456), Duration::MAX] {
            set.record_replies(ANNOUNCE, latency, 1);
        }
        let (_, histogram) = set.recorded().next().unwrap();
        assert_eq!(histogram.len(), 3);
        assert!(histogram.value_at_quantile(0.5).abs_diff(123_456) < 1_235);
        assert!(histogram.equivalent(histogram.max(), LATENCY_NS_MAX));
    }

    #[test]
    fn every_histogram_has_its_own_name() {
        let names: std::collections::HashSet<String> = names().collect();
        assert_eq!(names.len(), LatencySet::default().histograms().count());
    }
}
