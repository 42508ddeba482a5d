use crate::limits::{STAMPS_READ_TURNS, TIMER_MS};
use crate::sockets::ReceiveTimestamps;
use core_link::KernelSampling;
use std::num::NonZeroU32;

#[expect(clippy::cast_possible_truncation, reason = "at most 1000")]
const TURNS_PER_S: NonZeroU32 = NonZeroU32::new((1000 / TIMER_MS) as u32).expect("several turns a second");

/// The turn by which every stamped datagram has been read.
const STAMPS_READ_END_TURN: u32 = 1 + STAMPS_READ_TURNS;

const _: () = assert!(STAMPS_READ_END_TURN < TURNS_PER_S.get(), "a window ends before the next begins");

/// The windows in which the kernel stamps datagrams, in timer turns. Stamped datagrams that still wait at the end of a
/// window have waited longest, so stamps are read for some more turns.
#[derive(Debug)]
pub(crate) struct SampleWindows {
    /// From one window to the next; `None` without sampling.
    period_turns: Option<NonZeroU32>,
    turn: u32,
}

impl SampleWindows {
    pub(crate) fn new(sampling: KernelSampling) -> Self {
        let period_turns = match sampling {
            KernelSampling::Off => None,
            KernelSampling::EveryS(seconds) => Some(seconds.saturating_mul(TURNS_PER_S)),
        };
        Self { period_turns, turn: 0 }
    }

    pub(crate) fn has_period_of(&self, other: &Self) -> bool {
        self.period_turns == other.period_turns
    }

    /// Counts a timer turn and returns the new setting, if it changes.
    pub(crate) fn turn(&mut self) -> Option<ReceiveTimestamps> {
        let period = self.period_turns?.get();
        let turn = self.turn;
        self.turn = (turn + 1) % period;
        match turn {
            0 => Some(ReceiveTimestamps::On),
            1 => Some(ReceiveTimestamps::ReadOnly),
            STAMPS_READ_END_TURN => Some(ReceiveTimestamps::Off),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_made_for_one_turn_of_each_period_and_read_for_some_more() {
        let mut windows = SampleWindows::new(KernelSampling::EveryS(NonZeroU32::MIN));
        let switches: Vec<_> = (0..20).map(|_| windows.turn()).collect();
        for period in switches.chunks(10) {
            let mut expected = [None; 10];
            expected[0] = Some(ReceiveTimestamps::On);
            expected[1] = Some(ReceiveTimestamps::ReadOnly);
            expected[1 + STAMPS_READ_TURNS as usize] = Some(ReceiveTimestamps::Off);
            assert_eq!(period, expected);
        }
    }

    #[test]
    fn without_sampling_nothing_is_switched() {
        let mut windows = SampleWindows::new(KernelSampling::Off);
        assert!((0..20).all(|_| windows.turn().is_none()));
    }
}
