//! Times at which something is repeated, in whole seconds.

use fastrand::Rng;
use primitives::Second;
use std::time::Duration;

/// Returns the second in which at least this many seconds have passed. One more is needed because `now` is rounded down.
pub(crate) const fn later(now: Second, seconds: u32) -> Second {
    now.after(seconds.saturating_add(1))
}

/// Returns `first_s`, doubled this often, at most `longest_s`, times a random factor from 0.5 to 1.5: what failed together is not
/// repeated together.
pub(crate) fn backoff_s(first_s: u32, doublings: u32, longest_s: u32, rng: &mut Rng) -> u32 {
    let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
    let seconds = first_s.saturating_mul(factor).min(longest_s);
    seconds / 2 + rng.u32(0..=seconds)
}

/// Returns a duration in seconds, rounded up and clamped.
pub(crate) fn clamped_s(duration: Duration, (shortest, longest): (u32, u32)) -> u32 {
    let seconds = duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0));
    u32::try_from(seconds).unwrap_or(u32::MAX).clamp(shortest, longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_back_off_doubles_up_to_its_limit_and_is_scattered() {
        let mut rng = Rng::with_seed(1);
        for (doublings, seconds) in
            [(0, 15), (1, 30), (6, 960), (7, 1800), (31, 1800), (32, 1800), (99, 1800)]
        {
            let drawn: Vec<u32> = (0..200).map(|_| backoff_s(15, doublings, 1800, &mut rng)).collect();
            assert!(drawn.iter().all(|drawn| (seconds / 2..=seconds * 3 / 2).contains(drawn)), "{drawn:?}");
            let (least, most) = (drawn.iter().min().unwrap(), drawn.iter().max().unwrap());
            assert!(most - least > seconds / 2, "{least}..{most} of {seconds}");
        }
    }

    #[test]
    fn a_duration_is_rounded_up_and_clamped() {
        for (duration, seconds) in [
            (Duration::ZERO, 5),
            (Duration::from_millis(5001), 6),
            (Duration::from_secs(86_400), 86_400),
            (Duration::MAX, 86_400),
        ] {
            assert_eq!(clamped_s(duration, (5, 86_400)), seconds, "{duration:?}");
        }
    }
}
