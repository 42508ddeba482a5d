use crate::limits::{BUSY_PERMILLE_MIN, LOAD_STEP_PERMILLE};
use std::time::Duration;

/// How far the load of a core stretches the intervals of its announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    permille: u32,
}

impl Load {
    pub(crate) const NONE: Self = Self { permille: 0 };

    /// Takes note of the processor time that the core used while some time passed. The stretch follows in small steps, so
    /// that neither a burst nor a pause moves it far.
    pub(crate) fn note(&mut self, used: Duration, passed: Duration) {
        let busy_permille = used.as_micros().saturating_mul(1000) / passed.as_micros().max(1);
        let busy_permille = u32::try_from(busy_permille).unwrap_or(u32::MAX).min(1000);
        let wanted = busy_permille.saturating_sub(BUSY_PERMILLE_MIN) * 1000 / (1000 - BUSY_PERMILLE_MIN);
        let lowest = self.permille.saturating_sub(LOAD_STEP_PERMILLE);
        self.permille = wanted.clamp(lowest, self.permille + LOAD_STEP_PERMILLE);
    }

    /// Returns the part of `seconds` by which the load stretches an interval.
    pub(crate) fn part_of(self, seconds: u32) -> u32 {
        (u64::from(seconds) * u64::from(self.permille) / 1000).try_into().unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(load: &mut Load, busy_percent: u64, turns: u32) -> u32 {
        for _ in 0..turns {
            load.note(Duration::from_millis(busy_percent), Duration::from_millis(100));
        }
        load.part_of(1000)
    }

    #[test]
    fn intervals_grow_from_seven_tenths_of_the_core_to_all_of_it_and_shrink_again() {
        let mut load = Load::NONE;
        for (busy_percent, expected) in
            [(0, 0), (70, 0), (85, 500), (100, 1000), (130, 1000), (73, 100), (10, 0)]
        {
            assert_eq!(note(&mut load, busy_percent, 250), expected, "{busy_percent} %");
        }
    }

    #[test]
    fn a_second_of_load_moves_them_by_a_twentieth() {
        let mut load = Load::NONE;
        assert_eq!(note(&mut load, 100, 10), 50);
        assert_eq!(note(&mut load, 0, 4), 30);
        load.note(Duration::from_secs(1), Duration::ZERO);
        assert_eq!(load.part_of(1000), 35);
    }
}
