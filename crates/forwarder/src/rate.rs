use std::num::NonZeroU32;
use std::time::Duration;
use tokio::time::Instant;

/// A token bucket that is full at first. It is on tokio's clock, as everything that waits for it.
#[derive(Debug)]
pub(crate) struct Rate {
    /// Time in which one token is added.
    period: Duration,
    /// Time in which an empty bucket gets all tokens but one.
    burst: Duration,
    /// When the bucket is full again.
    full: Instant,
}

impl Rate {
    pub(crate) fn new(per_second_max: NonZeroU32, burst_max: NonZeroU32, now: Instant) -> Self {
        let period = Duration::from_secs(1) / per_second_max.get();
        Self { period, burst: period * (burst_max.get() - 1), full: now }
    }

    /// Replaces rate and burst. Tokens that were taken are still missing.
    pub(crate) fn use_limits(&mut self, per_second_max: NonZeroU32, burst_max: NonZeroU32) {
        let Self { period, burst, .. } = Self::new(per_second_max, burst_max, self.full);
        (self.period, self.burst) = (period, burst);
    }

    /// Returns from when there is a token.
    pub(crate) fn possible_from(&self) -> Instant {
        self.full.checked_sub(self.burst).unwrap_or(self.full)
    }

    /// Takes a token, which there is.
    pub(crate) fn take(&mut self, now: Instant) {
        self.full = self.full.max(now) + self.period;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_followed_by_the_rate_and_possible_again_after_a_pause() {
        let start = Instant::now();
        let (per_second, burst) = (NonZeroU32::new(50).unwrap(), NonZeroU32::new(200).unwrap());
        let mut rate = Rate::new(per_second, burst, start);
        let mut now = start;
        let mut taken_until = |end: Instant| {
            let mut taken = 0;
            while rate.possible_from() <= end {
                now = now.max(rate.possible_from());
                rate.take(now);
                taken += 1;
            }
            now = end;
            taken
        };
        assert_eq!(taken_until(start), 200);
        assert_eq!(taken_until(start + Duration::from_secs(1)), 50);
        assert_eq!(taken_until(start + Duration::from_secs(2)), 50);
        let pause = start + Duration::from_secs(100);
        assert_eq!(taken_until(pause), 98 * 50, "none is lost by looking late");
    }
}
