use crate::limits::COALESCED_DATAGRAMS_MIN;
use std::time::{Duration, Instant};

/// Decides when a core lets datagrams gather before it receives them, as network cards do before they interrupt.
///
/// The datagrams that arrive during a wait share one wake-up, one receive and one send. At a rate at which hardly more than one
/// would arrive, the core waits for the next datagram instead and answers it at once.
#[derive(Debug)]
pub(crate) struct Coalescing {
    /// Zero if datagrams are not coalesced.
    wait: Duration,
    /// The datagrams of the last turns, of which older ones count less.
    datagrams: f32,
    /// The time in which they were received, in seconds.
    elapsed_s: f32,
    /// The end of that time.
    until: Instant,
}

/// The share of the earlier turns that each turn leaves: about the last eight turns count.
const REMAINING: f32 = 7.0 / 8.0;

impl Coalescing {
    pub(crate) const fn new(wait: Duration, now: Instant) -> Self {
        Self { wait, datagrams: 0.0, elapsed_s: 0.0, until: now }
    }

    pub(crate) const fn use_wait(&mut self, wait: Duration) {
        self.wait = wait;
    }

    /// Notes the number of datagrams that a turn has received.
    pub(crate) fn note(&mut self, datagrams: usize, now: Instant) {
        let elapsed = now.saturating_duration_since(self.until);
        self.datagrams = self.datagrams * REMAINING + datagrams as f32;
        self.elapsed_s = self.elapsed_s * REMAINING + elapsed.as_secs_f32();
        self.until = now;
    }

    /// Returns how long the core is to wait for more datagrams; none if it is to answer the next one at once.
    pub(crate) fn wait(&self) -> Option<Duration> {
        let expected = self.datagrams * self.wait.as_secs_f32();
        (expected > COALESCED_DATAGRAMS_MIN * self.elapsed_s).then_some(self.wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns whether a core that may wait for `wait_us` does, after it has received `datagrams` every `every_us`.
    fn wait(wait_us: u64, datagrams: usize, every_us: u64) -> Option<Duration> {
        let start = Instant::now();
        let mut coalescing = Coalescing::new(Duration::from_micros(wait_us), start);
        // After a second without datagrams.
        for turn in 0..200 {
            let now = start + Duration::from_secs(1) + Duration::from_micros(turn * every_us);
            coalescing.note(datagrams, now);
        }
        coalescing.wait()
    }

    #[test]
    fn a_core_waits_if_several_datagrams_will_arrive_meanwhile() {
        let hundred_us = Some(Duration::from_micros(100));
        let cases = [
            ("5,000/s", 1, 200, None),
            ("10,000/s", 1, 100, None),
            ("20,000/s", 1, 50, hundred_us),
            ("20,000/s in pairs", 2, 100, hundred_us),
            ("500,000/s in batches", 50, 100, hundred_us),
            ("none", 0, 100, None),
        ];
        for (rate, datagrams, every_us, expected) in cases {
            assert_eq!(wait(100, datagrams, every_us), expected, "{rate}");
        }
        assert_eq!(wait(0, 50, 100), None, "coalescing is off");
    }

    #[test]
    fn a_burst_that_has_ended_is_not_waited_for() {
        let start = Instant::now();
        let mut coalescing = Coalescing::new(Duration::from_micros(100), start);
        (1..100).for_each(|turn| coalescing.note(50, start + Duration::from_micros(100 * turn)));
        assert!(coalescing.wait().is_some());
        coalescing.note(1, start + Duration::from_secs(1));
        assert_eq!(coalescing.wait(), None);
    }
}
