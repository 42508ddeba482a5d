use crate::limits::{MUTED_MAX, MUTED_MS, MUTED_REFUSALS_MIN, TIMER_MS};
use guard::{Class, CoreGuard, Offender, Prefix, SourceLimits};
use primitives::AddressRanges;
use std::cmp::Reverse;
use std::time::{Duration, Instant};

/// The sources of which the kernel drops all datagrams for a short time, because the guard refused many of them.
///
/// A refused datagram is received and decoded first, and takes the place of another one in the queue. A source is muted that
/// sends more than twice what it may, to this core alone. After some seconds it is released, without tokens, and soon judged again.
/// Meanwhile the guard counts as many refusals as before in each turn, so that a flood that lasts is banned.
#[derive(Debug)]
pub(crate) struct Mutes {
    muted: Vec<Mute>,
    /// When the last turn was.
    turned_at: Instant,
    /// Those that it has released.
    released: Vec<Offender>,
}

#[derive(Debug, Clone, Copy)]
struct Mute {
    /// With its refusals in one turn.
    offender: Offender,
    until: Instant,
}

impl Mutes {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { muted: Vec::new(), turned_at: now, released: Vec::new() }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.muted.is_empty()
    }

    /// Returns whether the last turn has released some, which are to be judged soon.
    pub(crate) const fn has_released(&self) -> bool {
        !self.released.is_empty()
    }

    pub(crate) fn addresses(&self) -> AddressRanges {
        Prefix::addresses(self.muted.iter().map(|mute| mute.offender.prefix))
    }

    /// Releases all. Returns whether there were any.
    pub(crate) fn clear(&mut self) -> bool {
        !core::mem::take(&mut self.muted).is_empty()
    }

    /// Notes a turn of the timer, whose time is also in milliseconds by the guard's clock. Returns whether others are muted than before.
    pub(crate) fn turn(&mut self, now: Instant, now_ms: u64, guard: &mut CoreGuard) -> bool {
        let elapsed = now.saturating_duration_since(core::mem::replace(&mut self.turned_at, now));
        let recent = guard.take_recent_offenders().map(|offender| self.in_one_turn(offender, elapsed));
        let mut begun: Vec<Offender> =
            recent.filter(|offender| offender.refused > MUTED_REFUSALS_MIN).collect();
        begun.retain(|offender| !self.has(offender) && is_muted(offender, guard.limits()));
        // After the look at the recent ones, because one of these may take the place of another.
        for mute in &self.muted {
            guard.count_dropped(mute.offender);
        }
        begun.sort_unstable_by_key(|offender| Reverse(offender.refused));
        self.released =
            self.muted.extract_if(.., |mute| mute.until <= now).map(|mute| mute.offender).collect();
        self.released.iter().for_each(|&offender| guard.take_all(now_ms, offender));
        begun.truncate(MUTED_MAX.saturating_sub(self.muted.len()));
        let until = now + Duration::from_millis(MUTED_MS);
        self.muted.extend(begun.iter().map(|&offender| Mute { offender, until }));
        self.has_released() || !begun.is_empty()
    }

    /// Returns an offender with its refusals per turn. A short turn counts as a whole one, because a source may have sent all at once,
    /// except for a source that was just released.
    fn in_one_turn(&self, offender: Offender, elapsed: Duration) -> Offender {
        let is_released = self.released.iter().any(|released| released.prefix == offender.prefix);
        let elapsed_ms_min = if is_released { 1 } else { u128::from(TIMER_MS) };
        let refused =
            u128::from(offender.refused) * u128::from(TIMER_MS) / elapsed.as_millis().max(elapsed_ms_min);
        Offender { refused: u32::try_from(refused).unwrap_or(u32::MAX), ..offender }
    }

    fn has(&self, offender: &Offender) -> bool {
        self.muted.iter().any(|mute| mute.offender.prefix == offender.prefix)
    }
}

/// Whether a prefix is refused more than it may send, and has no address without limits.
fn is_muted(offender: &Offender, limits: &SourceLimits) -> bool {
    let allowed_per_s = limits.per_s(offender.class, offender.level.into());
    let is_far_over =
        allowed_per_s.is_some_and(|per_s| u64::from(offender.refused) * 1000 > per_s * TIMER_MS);
    let is_apart = || !Prefix::addresses([offender.prefix]).apart_from(&limits.allow).is_empty();
    offender.class == Class::Requests && is_far_over && is_apart()
}

#[cfg(test)]
mod tests;
