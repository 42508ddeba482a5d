use crate::limits::TIMER_MS;
use std::num::NonZeroU32;
use udp_socket::ReceiveTimestamps;

/// How often the kernel's receive time stamps are switched on, for one turn of the timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KernelSampling {
    /// Never.
    Off,
    /// Once in so many seconds.
    EveryS(NonZeroU32),
}

#[expect(clippy::cast_possible_truncation, reason = "at most 1000")]
const TURNS_PER_S: NonZeroU32 = NonZeroU32::new((1000 / TIMER_MS) as u32).expect("several turns a second");

/// The windows in which the kernel stamps datagrams, by turns of the timer.
#[derive(Debug)]
pub(crate) struct SampleWindows {
    /// From the beginning of a window to the next; `None`: there is no window.
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

    /// Counts a turn of the timer; gives what is to be switched, if anything is.
    pub(crate) fn turn(&mut self) -> Option<ReceiveTimestamps> {
        let period = self.period_turns?.get();
        let turn = self.turn;
        self.turn = (turn + 1) % period;
        match turn {
            0 => Some(ReceiveTimestamps::On),
            1 => Some(ReceiveTimestamps::Off),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_on_for_one_turn_of_each_period() {
        let mut windows = SampleWindows::new(KernelSampling::EveryS(NonZeroU32::MIN));
        let switches: Vec<_> = (0..20).map(|_| windows.turn()).collect();
        for period in switches.chunks(10) {
            assert_eq!(period[..2], [Some(ReceiveTimestamps::On), Some(ReceiveTimestamps::Off)]);
            assert_eq!(period[2..], [None; 8]);
        }
    }

    #[test]
    fn without_sampling_nothing_is_switched() {
        let mut windows = SampleWindows::new(KernelSampling::Off);
        assert!((0..20).all(|_| windows.turn().is_none()));
    }
}
