use crate::limits::RUNS_MAX;
use crate::set::LatencySet;
use crate::tag::ReplyTag;
use std::time::{Duration, Instant, SystemTime};

/// Measures the latency of one core's replies, from the receive call that completed the requests to the send call that
/// passed the replies to the kernel.
///
/// All replies of a batch have the same latency, so the cost of a batch does not depend on their number.
#[derive(Debug)]
pub struct ReplyTimer {
    set: Box<LatencySet>,
    /// Replies that have been written but not sent.
    runs: Vec<Run>,
    /// Those of them whose requests have a kernel time stamp.
    stamped: Vec<Stamped>,
}

#[derive(Debug, Clone, Copy)]
struct Run {
    tag: ReplyTag,
    received: Instant,
    replies: u64,
}

#[derive(Debug, Clone, Copy)]
struct Stamped {
    tag: ReplyTag,
    /// Since the Unix epoch.
    stamp: Duration,
}

impl ReplyTimer {
    /// Creates a timer for replies that are sent at most `replies_max` at a time.
    pub fn new(replies_max: usize) -> Self {
        Self {
            set: Box::default(),
            runs: Vec::with_capacity(replies_max.max(RUNS_MAX)),
            stamped: Vec::with_capacity(replies_max),
        }
    }

    /// Notes that these replies to a batch received at `received` have been written.
    pub fn batch_written(&mut self, received: Instant, replies: impl Iterator<Item = (ReplyTag, u64)>) {
        self.runs.extend(replies.map(|(tag, replies)| Run { tag, received, replies }));
    }

    /// Notes that a reply to a request that this or another core received at `received` has been written.
    pub fn reply_written(&mut self, tag: ReplyTag, received: Instant) {
        match self.runs.last_mut() {
            Some(run) if run.tag == tag && run.received == received => run.replies += 1,
            _ => self.runs.push(Run { tag, received, replies: 1 }),
        }
    }

    /// Notes that a reply has been written to a request that arrived at `stamp`, since the Unix epoch, by the kernel's
    /// clock.
    pub fn stamped_written(&mut self, tag: ReplyTag, stamp: Duration) {
        self.stamped.push(Stamped { tag, stamp });
    }

    /// Records that the kernel has received all written replies by `now`. The time of day is read only if it is needed.
    pub fn sent(&mut self, now: Instant, time_of_day: impl FnOnce() -> SystemTime) {
        for run in self.runs.drain(..) {
            self.set.record_replies(run.tag, now.saturating_duration_since(run.received), run.replies);
        }
        if !self.stamped.is_empty() {
            self.record_stamped(time_of_day());
        }
    }

    #[cold]
    fn record_stamped(&mut self, now: SystemTime) {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        for Stamped { tag, stamp } in self.stamped.drain(..) {
            match now.checked_sub(stamp) {
                Some(latency) => self.set.record_from_kernel(tag, latency),
                None => self.set.count_stamp_ahead(),
            }
        }
    }

    /// Records the processor time of a turn of expiry.
    pub fn expiry_turn(&mut self, processor_time: Duration) {
        self.set.record_expiry_turn(processor_time);
    }

    /// Returns the recorded set and continues with an empty one.
    #[must_use]
    pub fn take(&mut self, empty: Box<LatencySet>) -> Box<LatencySet> {
        std::mem::replace(&mut self.set, empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ReplyCounts, ReplyKind};
    use metrics::{Outcome, Statistics};
    use primitives::{AddressFamily, RequestKind};

    const ANNOUNCE: ReplyTag = ReplyTag::udp(ReplyKind::Announce, AddressFamily::V4);

    const DAY: SystemTime = SystemTime::UNIX_EPOCH;

    fn values(timer: &mut ReplyTimer) -> Vec<(String, u64, u64)> {
        let set = timer.take(Box::default());
        set.recorded().map(|(name, histogram)| (name, histogram.len(), histogram.max() / 1000)).collect()
    }

    #[test]
    fn the_latency_of_a_batch_is_measured_from_its_receive_to_its_send() {
        let (mut timer, mut statistics) = (ReplyTimer::new(64), Statistics::default());
        for _ in 0..3 {
            statistics.count(AddressFamily::V4, RequestKind::Announce, Outcome::Answered);
        }
        let received = Instant::now();
        timer.batch_written(received, ReplyCounts::of(&statistics).since(ReplyCounts::default()));
        timer.sent(received + Duration::from_micros(100), || unreachable!("nothing is stamped"));
        assert_eq!(values(&mut timer), [("announce-ipv4".to_owned(), 3, 100)]);
        timer.sent(received + Duration::from_micros(200), || unreachable!("nothing is stamped"));
        assert_eq!(values(&mut timer), [], "a reply is recorded once");
    }

    #[test]
    fn the_latency_of_a_routed_reply_is_measured_from_its_receive_on_the_other_core() {
        let mut timer = ReplyTimer::new(64);
        let first = Instant::now();
        for offset_us in [0, 0, 30, 0] {
            timer.reply_written(ANNOUNCE, first + Duration::from_micros(offset_us));
        }
        assert_eq!(timer.runs.len(), 3, "neighbours of one batch are one run");
        timer.sent(first + Duration::from_micros(100), || unreachable!("nothing is stamped"));
        assert_eq!(values(&mut timer), [("announce-ipv4".to_owned(), 4, 100)]);
    }

    #[test]
    fn a_stamp_starts_the_latency_and_one_ahead_of_the_clock_is_not_recorded() {
        let mut timer = ReplyTimer::new(64);
        timer.stamped_written(ANNOUNCE, Duration::from_secs(5));
        timer.stamped_written(ANNOUNCE, Duration::from_secs(7));
        timer.sent(Instant::now(), || DAY + Duration::from_secs(6));
        let set = timer.take(Box::default());
        let (name, histogram) = set.recorded().next().unwrap();
        assert_eq!((name.as_str(), histogram.len()), ("kernel-announce-ipv4", 1));
        assert!(histogram.equivalent(histogram.max(), 1_000_000_000));
        assert_eq!(set.stamps_ahead(), 1);
    }
}
