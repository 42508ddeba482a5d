use crate::limits::{ALERT_MS, SAMPLE_WEIGHT, SAMPLED_TOKENS_MIN};

/// Which requests are counted.
///
/// While no source is over its limits, only one request in [`SAMPLE_WEIGHT`], drawn at random, is looked up and takes the
/// tokens of as many. Once a source was refused, every request is looked up for [`ALERT_MS`].
#[derive(Debug)]
pub(crate) struct Sampling {
    random: u64,
    alert_until_ms: u64,
}

impl Sampling {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { random: seed, alert_until_ms: 0 }
    }

    /// Returns the tokens that a request takes where it may take `weight`, a power of two; `None` if it is not looked up.
    #[inline]
    pub(crate) const fn draw(&mut self, now_ms: u64, weight: u64) -> Option<u64> {
        if weight == 1 || now_ms < self.alert_until_ms {
            return Some(1);
        }
        // Knuth's linear congruential generator; its high bits are the random ones.
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if (self.random >> 32) & (weight - 1) == 0 { Some(weight) } else { None }
    }

    /// Notes that a source was refused.
    pub(crate) const fn alert(&mut self, now_ms: u64) {
        self.alert_until_ms = now_ms + ALERT_MS;
    }
}

/// Returns the greatest weight of requests of which a source may send `per_s` for `burst_s`.
pub(crate) const fn weight(per_s: u64, burst_s: u32) -> u64 {
    if per_s.saturating_mul(burst_s as u64) < SAMPLED_TOKENS_MIN { 1 } else { SAMPLE_WEIGHT }
}
