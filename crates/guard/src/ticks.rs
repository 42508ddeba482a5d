//! Time as the buckets have it.
//!
//! The times of buckets have few bits and wrap around after six days. A time that is ahead by less than a horizon, twice the
//! longest burst, is in the future, any other in the past. A bucket that was last used as long ago as the times take to wrap
//! around may seem in use: its source is then refused for at most one burst.

/// A point in time or a duration in units of 1/32 microsecond. A limit of a million a second is a token each 32 units, so
/// that rounding changes no lower limit by more than 2 %.
pub(crate) type Ticks = u64;

pub(crate) const TICKS_PER_S: Ticks = 32_000_000;
const TICKS_PER_MS: Ticks = TICKS_PER_S / 1000;

/// Bits of a time in a table.
pub(crate) const TIME_BITS: u32 = 44;

/// The mask of a time's bits.
pub(crate) const TIME_MASK: Ticks = (1 << TIME_BITS) - 1;

/// Returns the time `now_ms` milliseconds after the start.
pub(crate) const fn at_ms(now_ms: u64) -> Ticks {
    now_ms.wrapping_mul(TICKS_PER_MS)
}

/// The time at which a table is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) now: Ticks,
    /// No bucket is full later than this after `now`.
    horizon: Ticks,
}

impl Moment {
    /// Returns a moment where no burst has been longer than `burst_max`. Chance and several cores at once can move a bucket
    /// somewhat further ahead than its burst, so the horizon is twice as far.
    pub(crate) const fn new(now: Ticks, burst_max: Ticks) -> Self {
        Self { now, horizon: 2 * burst_max }
    }

    /// Returns how far the time of a bucket, of which only [`TIME_BITS`] bits count, is ahead; 0 if it is in the past.
    pub(crate) const fn until(self, time: Ticks) -> Ticks {
        let ahead = time.wrapping_sub(self.now) & TIME_MASK;
        if ahead < self.horizon { ahead } else { 0 }
    }
}

/// Returns the time that one token takes at this rate, which is not 0.
pub(crate) const fn of_token(per_s: u64) -> Ticks {
    let ticks = (TICKS_PER_S + per_s / 2) / per_s;
    if ticks == 0 { 1 } else { ticks }
}

/// Returns whole seconds, rounded up, at least 1.
pub(crate) fn seconds(ticks: Ticks) -> u32 {
    u32::try_from(ticks.div_ceil(TICKS_PER_S)).unwrap_or(u32::MAX).max(1)
}
