use primitives::Second;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// When a peer expires, and whether its completed event has been counted, in two bytes.
///
/// The time is in even seconds modulo 2^16; the lowest bit is the flag. Times are compared within half the range: a
/// deadline is at most [`crate::PEER_LIFETIME_S_MAX`] ahead and must be swept before it is 2^15 seconds past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(transparent)]
pub(crate) struct Deadline([u8; 2]);

const COMPLETED: u16 = 1;

impl Deadline {
    /// Fills unused room.
    pub(crate) const UNSET: Self = Self([0; 2]);

    /// `lifetime_s` after `now`, rounded up to an even second.
    pub(crate) fn after(now: Second, lifetime_s: u32) -> Self {
        let rounded = now.after(lifetime_s).after(1).0 & !1;
        #[expect(clippy::cast_possible_truncation, reason = "time is kept modulo 2^16 s")]
        Self((rounded as u16).to_ne_bytes())
    }

    /// A deadline that passed less than two seconds before `now`.
    pub(crate) fn passed(now: Second) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "time is kept modulo 2^16 s")]
        Self((now.0 as u16 & !COMPLETED).to_ne_bytes())
    }

    /// Whether `now` is at or after the deadline.
    pub(crate) fn is_expired(self, now: Second) -> bool {
        #[expect(clippy::cast_possible_truncation, reason = "time is kept modulo 2^16 s")]
        let past = (now.0 as u16).wrapping_sub(self.time());
        past < 1 << 15
    }

    /// Seconds since the announce that set this deadline `lifetime_s` ahead. Up to two seconds too low, because
    /// deadlines are rounded up.
    pub(crate) fn heard_s_ago(self, now: Second, lifetime_s: u32) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "time is kept modulo 2^16 s")]
        let ahead = self.time().wrapping_sub(now.0 as u16).cast_signed();
        lifetime_s.saturating_add_signed(-i32::from(ahead))
    }

    pub(crate) fn earlier(self, other: Self) -> Self {
        let ahead = other.time().wrapping_sub(self.time());
        if ahead < 1 << 15 { self } else { other }
    }

    pub(crate) fn with_completed(self) -> Self {
        Self((u16::from_ne_bytes(self.0) | COMPLETED).to_ne_bytes())
    }

    pub(crate) fn is_completed(self) -> bool {
        u16::from_ne_bytes(self.0) & COMPLETED != 0
    }

    fn time(self) -> u16 {
        u16::from_ne_bytes(self.0) & !COMPLETED
    }
}

/// Whether any of `deadlines` has passed. The loop has no early exit, so that it is vectorized.
pub(crate) fn any_expired(deadlines: &[Deadline], now: Second) -> bool {
    deadlines.iter().fold(false, |any, deadline| any | deadline.is_expired(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_lives_at_least_its_lifetime_and_at_most_two_seconds_more() {
        for start in [0, 1, 65_535, 65_536, 70_001, u32::MAX - 100] {
            for lifetime_s in [1, 2, 1800, 32_000] {
                let now = Second(start);
                let deadline = Deadline::after(now, lifetime_s);
                assert!(!deadline.is_expired(now));
                assert!(!deadline.is_expired(now.after(lifetime_s - 1)));
                assert!(deadline.is_expired(now.after(lifetime_s + 2)));
                assert!(deadline.is_expired(now.after(lifetime_s + 30_000)));
            }
        }
    }

    #[test]
    fn the_time_since_the_last_announce_of_a_peer_is_exact_to_two_seconds() {
        for start in [0, 1, 65_500, 70_001] {
            let heard = Second(start);
            let deadline = Deadline::after(heard, 2700).with_completed();
            for passed in [0, 1, 2, 500, 2699, 2710] {
                let told = deadline.heard_s_ago(heard.after(passed), 2700);
                assert!((passed.saturating_sub(2)..=passed).contains(&told), "{told} for {passed}");
            }
        }
    }

    #[test]
    fn a_passed_deadline_has_expired_in_even_and_in_odd_seconds() {
        assert!(Deadline::passed(Second(10)).is_expired(Second(10)));
        assert!(Deadline::passed(Second(11)).is_expired(Second(11)));
    }

    #[test]
    fn the_completed_flag_does_not_move_the_deadline() {
        let deadline = Deadline::after(Second(10), 100).with_completed();
        assert!(deadline.is_completed());
        assert!(!deadline.is_expired(Second(109)));
        assert!(deadline.is_expired(Second(110)));
    }

    #[test]
    fn the_earlier_deadline_is_found_across_the_wrap() {
        let before = Deadline::after(Second(65_000), 500);
        let after = Deadline::after(Second(65_000), 600);
        assert_eq!(before.earlier(after), before);
        assert_eq!(after.earlier(before), before);
    }
}
