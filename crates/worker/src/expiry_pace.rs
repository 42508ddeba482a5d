use crate::limits::{EXPIRY_TURN_US, EXPIRY_WORK_FIRST, EXPIRY_WORK_MAX, EXPIRY_WORK_MIN};
use std::time::Duration;

/// How much a turn of expiry is given to do, so that it takes [`EXPIRY_TURN_US`] whatever a unit of work costs: with fifty
/// million peers, whose memory is far, several times of what it costs with one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExpiryPace {
    work: u32,
}

impl ExpiryPace {
    pub(crate) const fn new() -> Self {
        Self { work: EXPIRY_WORK_FIRST }
    }

    /// Units of work for the next turn.
    pub(crate) const fn work(self) -> u32 {
        self.work
    }

    /// Learns from a turn. One that had little to do tells little of what work costs. After one that took too long the
    /// next does less at once; more is tried in small steps.
    pub(crate) fn learn(&mut self, work: u32, taken: Duration) {
        if work < self.work / 2 {
            return;
        }
        let taken_ns = u64::try_from(taken.as_nanos()).unwrap_or(u64::MAX).max(1);
        let affordable = u64::from(work).saturating_mul(EXPIRY_TURN_US * 1000) / taken_ns;
        let step = self.work.saturating_add(self.work / 8);
        let next = u32::try_from(affordable).unwrap_or(u32::MAX).min(step);
        self.work = next.clamp(EXPIRY_WORK_MIN, EXPIRY_WORK_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Turns in which a unit costs so much.
    fn after_turns(pace: &mut ExpiryPace, turns: u32, unit_ns: u64) -> Duration {
        let turn = |pace: &mut ExpiryPace| {
            let work = pace.work();
            let taken = Duration::from_nanos(u64::from(work) * unit_ns);
            pace.learn(work, taken);
            taken
        };
        (0..turns).map(|_| turn(pace)).last().unwrap_or_default()
    }

    #[test]
    fn a_turn_takes_a_millisecond_whether_memory_is_near_or_far() {
        let mut pace = ExpiryPace::new();
        for unit_ns in [8, 40, 5] {
            let taken = after_turns(&mut pace, 50, unit_ns);
            assert!((900..=1001).contains(&taken.as_micros()), "{taken:?} at {unit_ns} ns a unit");
        }
    }

    #[test]
    fn a_turn_that_took_too_long_is_followed_by_a_shorter_one_at_once() {
        let mut pace = ExpiryPace::new();
        after_turns(&mut pace, 50, 5);
        after_turns(&mut pace, 1, 20);
        assert_eq!(after_turns(&mut pace, 1, 20).as_micros(), 1000);
    }

    #[test]
    fn a_turn_with_little_to_do_changes_nothing() {
        let mut pace = ExpiryPace::new();
        pace.learn(2, Duration::from_secs(1));
        pace.learn(0, Duration::ZERO);
        assert_eq!(pace.work(), 65_536);
    }

    #[test]
    fn expiry_goes_on_however_slow_the_machine_is_and_never_takes_more_than_its_bound() {
        let mut pace = ExpiryPace::new();
        after_turns(&mut pace, 50, 10_000);
        assert_eq!(pace.work(), 16_384);
        after_turns(&mut pace, 50, 0);
        assert_eq!(pace.work(), 262_144);
    }
}
