use crate::limits::{EXPIRY_TURN_US, EXPIRY_WORK_FIRST, EXPIRY_WORK_MAX, EXPIRY_WORK_MIN};
use std::time::Duration;

/// Chooses the work of an expiry turn so that it takes [`EXPIRY_TURN_US`], whatever a unit costs: with fifty million
/// peers, which miss the cache, several times as much as with few.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExpiryPace {
    work: u32,
}

impl ExpiryPace {
    pub(crate) const fn new() -> Self {
        Self { work: EXPIRY_WORK_FIRST }
    }

    pub(crate) const fn work(self) -> u32 {
        self.work
    }

    /// Adjusts the work after a turn. A turn with little to do is ignored, because it says little about the cost of a
    /// unit. After a turn that took too long the work is reduced at once; it is raised in small steps.
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

    /// Returns how long the last of several turns took, in which a unit costs `unit_ns`.
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
    fn a_turn_takes_a_millisecond_whatever_a_unit_of_work_costs() {
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
    fn expiry_continues_however_slow_the_machine_is_and_never_exceeds_its_limit() {
        let mut pace = ExpiryPace::new();
        after_turns(&mut pace, 50, 10_000);
        assert_eq!(pace.work(), 16_384);
        after_turns(&mut pace, 50, 0);
        assert_eq!(pace.work(), 262_144);
    }
}
