use crate::backoff::{backoff_s, later};
use crate::limits::{CIRCUIT_FIRST_S, CIRCUIT_S_MAX, FAILURES_MAX};
use fastrand::Rng;
use primitives::Second;

/// Whether an upstream tracker is worth an announce, judged by those before. A new circuit is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Circuit {
    /// It is announced to. It failed this many times in a row.
    Closed { failures: u32 },
    /// It is not announced to for a time. Before, it failed as many probes as the count says.
    Open { until: Second, failed_probes: u32 },
    /// One announce is under way, which decides.
    Probing { failed_probes: u32 },
}

impl Default for Circuit {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl Circuit {
    /// Returns from when an announce is possible, or `None` if the result of another one decides.
    pub(crate) const fn possible_from(&self) -> Option<Second> {
        match *self {
            Self::Closed { .. } => Some(Second(0)),
            Self::Open { until, .. } => Some(until),
            Self::Probing { .. } => None,
        }
    }

    /// Takes note of an announce, which was possible.
    pub(crate) const fn begin(&mut self) {
        if let Self::Open { failed_probes, .. } = *self {
            *self = Self::Probing { failed_probes };
        }
    }

    /// Takes note that the upstream tracker works. Returns whether that closes the circuit.
    pub(crate) fn succeed(&mut self) -> bool {
        let was = std::mem::take(self);
        !matches!(was, Self::Closed { .. })
    }

    /// Takes note of a failure. Returns whether it opens a circuit that was closed.
    pub(crate) fn fail(&mut self, now: Second, rng: &mut Rng) -> bool {
        let mut open = |failed_probes| Self::Open {
            until: later(now, backoff_s(CIRCUIT_FIRST_S, failed_probes, CIRCUIT_S_MAX, rng)),
            failed_probes,
        };
        match *self {
            Self::Closed { failures } if failures + 1 < FAILURES_MAX => {
                *self = Self::Closed { failures: failures + 1 };
                false
            }
            Self::Closed { .. } => {
                *self = open(0);
                true
            }
            // A failure of an announce from before says nothing new.
            Self::Open { .. } => false,
            Self::Probing { failed_probes } => {
                *self = open(failed_probes + 1);
                false
            }
        }
    }

    /// Takes note of an announce that did not take place: if it was the probe, another one can be.
    pub(crate) const fn give_up(&mut self, now: Second) {
        if let Self::Probing { failed_probes } = *self {
            *self = Self::Open { until: now, failed_probes };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(now: Second, rng: &mut Rng) -> Circuit {
        let mut circuit = Circuit::default();
        let opened = (1..).find(|_| circuit.fail(now, rng));
        assert_eq!(opened, Some(FAILURES_MAX));
        circuit
    }

    #[test]
    fn only_failures_in_a_row_open_a_circuit() {
        let mut rng = Rng::with_seed(1);
        let mut circuit = Circuit::default();
        for _ in 0..3 {
            assert!((1..FAILURES_MAX).all(|_| !circuit.fail(Second(7), &mut rng)));
            assert!(!circuit.succeed(), "it was closed");
        }
        assert_eq!(circuit.possible_from(), Some(Second(0)));
        let until = opened(Second(7), &mut rng).possible_from().unwrap();
        assert!((Second(7 + 15)..=Second(7 + 46)).contains(&until), "{until:?}");
    }

    #[test]
    fn an_open_circuit_is_probed_once_at_a_time_and_less_and_less_often() {
        let mut rng = Rng::with_seed(1);
        let (mut circuit, mut now) = (opened(Second(0), &mut rng), Second(0));
        for failed_probes in 0..20 {
            assert!(!circuit.fail(now, &mut rng), "announces from before change nothing");
            let until = circuit.possible_from().unwrap();
            let (first, longest) = (CIRCUIT_FIRST_S, CIRCUIT_S_MAX);
            let expected = first.saturating_mul(1_u32 << failed_probes).min(longest);
            let waited = until.0 - now.0;
            assert!(
                (expected / 2..=expected * 3 / 2 + 1).contains(&waited),
                "{waited} after {failed_probes}"
            );
            now = until;
            circuit.begin();
            assert_eq!(circuit.possible_from(), None);
            circuit.give_up(now);
            assert_eq!(circuit.possible_from(), Some(now));
            circuit.begin();
            assert!(!circuit.fail(now, &mut rng), "it was open");
        }
        circuit.begin();
        assert!(circuit.succeed());
        assert_eq!(circuit, Circuit::default());
    }
}
