use primitives::Second;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// When a peer expires, and what is known of it, in two bytes.
///
/// The time is in seconds modulo 2^16, a multiple of [`UNIT_S`]; the two lowest bits are flags. Times are compared within
/// half the range: a deadline is at most [`crate::PEER_LIFETIME_S_MAX`] ahead and must be swept before it is 2^15 seconds
/// past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(transparent)]
pub(crate) struct Deadline([u8; 2]);

/// Deadlines are rounded up to this many seconds.
const UNIT_S: u16 = 4;
/// The peer's completed event has been counted.
const COMPLETED: u16 = 1;
/// The peer has given two signs of life with some time between them.
const PROVEN: u16 = 2;
const FLAGS: u16 = COMPLETED | PROVEN;
const _: () = assert!(FLAGS == UNIT_S - 1);

/// Decides which peers and swarms give way to others: the lowest first. Those whose lifetime has passed come first, then
/// peers that are not proven and swarms that have only one of these, then the others, and last big swarms; the least
/// recently heard comes first among equals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Priority(u32);

impl Priority {
    /// The priority of a swarm without live peers.
    pub(crate) const LOWEST: Self = Self(0);
    const ESTABLISHED: u32 = 1 << 16;
    const CONTENT: u32 = 1 << 17;

    /// Whether it is that of a proven peer, or of a swarm that somebody uses.
    pub(crate) fn is_established(self) -> bool {
        self.0 >= Self::ESTABLISHED
    }

    /// Returns that of a swarm in which peers of several hosts meet.
    pub(crate) const fn with_several_hosts(self) -> Self {
        Self(self.0 | Self::ESTABLISHED)
    }

    /// Returns that of a swarm with as many peers as its clients use.
    pub(crate) const fn with_enough_peers(self) -> Self {
        Self(self.0 | Self::CONTENT)
    }
}

impl Deadline {
    /// Fills unused room.
    pub(crate) const UNSET: Self = Self([0; 2]);

    /// `lifetime_s` after `now`, rounded up, without flags.
    pub(crate) fn after(now: Second, lifetime_s: u32) -> Self {
        let rounded = now.after(lifetime_s).after(u32::from(FLAGS)).0;
        #[expect(clippy::cast_possible_truncation, reason = "time is kept modulo 2^16 s")]
        Self((rounded as u16 & !FLAGS).to_le_bytes())
    }

    /// A deadline that passed less than [`UNIT_S`] before `now`.
    pub(crate) fn passed(now: Second) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "time is kept modulo 2^16 s")]
        Self((now.0 as u16 & !FLAGS).to_le_bytes())
    }

    /// Whether `now` is at or after the deadline.
    pub(crate) fn is_expired(self, now: Second) -> bool {
        #[expect(clippy::cast_possible_truncation, reason = "time is kept modulo 2^16 s")]
        let past = (now.0 as u16).wrapping_sub(self.time());
        past < 1 << 15
    }

    /// Seconds since the announce that set this deadline `lifetime_s` ahead. Too low by less than [`UNIT_S`], because
    /// deadlines are rounded up.
    pub(crate) fn heard_s_ago(self, now: Second, lifetime_s: u32) -> u32 {
        lifetime_s.saturating_add_signed(-i32::from(self.ahead_s(now)))
    }

    /// Whether the announce that set this deadline `lifetime_s` ahead was less than `interval_s` ago. In doubt it was not:
    /// deadlines are rounded up. One that was set under another lifetime counts as if it had been set under this one.
    pub(crate) fn was_set_within(self, interval_s: u32, now: Second, lifetime_s: u32) -> bool {
        let rounding_s = i64::from(FLAGS);
        let age_s = i64::from(lifetime_s) - i64::from(self.ahead_s(now));
        (-rounding_s..i64::from(interval_s) - rounding_s).contains(&age_s)
    }

    pub(crate) fn priority(self, now: Second) -> Priority {
        let ahead_s = self.ahead_s(now).unsigned_abs();
        let proven = if self.is_proven() { Priority::ESTABLISHED } else { 0 };
        if self.is_expired(now) { Priority::LOWEST } else { Priority(proven | u32::from(ahead_s)) }
    }

    pub(crate) fn earlier(self, other: Self) -> Self {
        if other.is_before(self) { other } else { self }
    }

    pub(crate) fn later(self, other: Self) -> Self {
        if self.is_before(other) { other } else { self }
    }

    pub(crate) fn is_before(self, other: Self) -> bool {
        let ahead = other.time().wrapping_sub(self.time());
        (1..1 << 15).contains(&ahead)
    }

    pub(crate) fn with_completed(self) -> Self {
        self.with(COMPLETED)
    }

    pub(crate) fn is_completed(self) -> bool {
        self.has(COMPLETED)
    }

    pub(crate) fn with_proven(self) -> Self {
        self.with(PROVEN)
    }

    pub(crate) fn is_proven(self) -> bool {
        self.has(PROVEN)
    }

    /// Returns the deadline with the flags of `other`.
    pub(crate) fn with_flags_of(self, other: Self) -> Self {
        self.with(u16::from_le_bytes(other.0) & FLAGS)
    }

    /// Returns the deadline with its flags as a number.
    pub(crate) fn bits(self) -> u64 {
        u16::from_le_bytes(self.0).into()
    }

    fn with(self, flags: u16) -> Self {
        Self((u16::from_le_bytes(self.0) | flags).to_le_bytes())
    }

    fn has(self, flag: u16) -> bool {
        u16::from_le_bytes(self.0) & flag != 0
    }

    fn time(self) -> u16 {
        u16::from_le_bytes(self.0) & !FLAGS
    }

    /// Seconds from `now` to the deadline.
    pub(crate) fn ahead_s(self, now: Second) -> i16 {
        #[expect(clippy::cast_possible_truncation, reason = "time is kept modulo 2^16 s")]
        self.time().wrapping_sub(now.0 as u16).cast_signed()
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
    fn a_peer_lives_at_least_its_lifetime_and_at_most_four_seconds_more() {
        for start in [0, 1, 2, 3, 65_535, 65_536, 70_001, u32::MAX - 100] {
            for lifetime_s in [1, 2, 1800, 32_000] {
                let now = Second(start);
                let deadline = Deadline::after(now, lifetime_s);
                assert!(!deadline.is_expired(now));
                assert!(!deadline.is_expired(now.after(lifetime_s - 1)));
                assert!(deadline.is_expired(now.after(lifetime_s + 4)));
                assert!(deadline.is_expired(now.after(lifetime_s + 30_000)));
            }
        }
    }

    #[test]
    fn the_time_since_the_last_announce_of_a_peer_is_exact_to_four_seconds() {
        for start in [0, 1, 65_500, 70_001] {
            let heard = Second(start);
            let deadline = Deadline::after(heard, 2700).with_completed().with_proven();
            for passed in [0, 1, 2, 500, 2699, 2710] {
                let told = deadline.heard_s_ago(heard.after(passed), 2700);
                assert!((passed.saturating_sub(3)..=passed).contains(&told), "{told} for {passed}");
            }
        }
    }

    #[test]
    fn an_announce_is_never_taken_for_an_earlier_one_than_it_was() {
        for start in [0, 1, 2, 3, 65_500, 70_001] {
            let heard = Second(start);
            let deadline = Deadline::after(heard, 2700).with_proven();
            let is_within = |passed_s| deadline.was_set_within(60, heard.after(passed_s), 2700);
            assert!((0..=56).all(is_within), "{start}");
            assert!(![60, 61, 100, 2699, 2710].into_iter().any(is_within), "{start}");
            assert!(!deadline.was_set_within(0, heard, 2700), "there is no minimum");
            assert!(!deadline.was_set_within(60, heard, 120), "the lifetime was longer");
        }
    }

    #[test]
    fn a_passed_deadline_has_expired_in_every_second() {
        for now in 10..14 {
            assert!(Deadline::passed(Second(now)).is_expired(Second(now)));
        }
    }

    #[test]
    fn the_flags_are_independent_and_do_not_move_the_deadline() {
        let plain = Deadline::after(Second(10), 102);
        let (completed, proven) = (plain.with_completed(), plain.with_proven());
        assert_eq!((completed.is_completed(), completed.is_proven()), (true, false));
        assert_eq!((proven.is_completed(), proven.is_proven()), (false, true));
        for deadline in [plain, completed, proven, completed.with_proven()] {
            assert!(!deadline.is_expired(Second(111)));
            assert!(deadline.is_expired(Second(112)));
            assert_eq!(plain.with_flags_of(deadline), deadline);
        }
    }

    #[test]
    fn the_expired_give_way_first_then_the_unproven_then_the_least_recently_heard() {
        let now = Second(65_600);
        let heard = |s_ago| Deadline::after(Second(now.0 - s_ago), 2700);
        let order = [
            heard(2720).with_proven(),
            heard(2600),
            heard(8),
            heard(2600).with_proven(),
            heard(2000).with_proven().with_completed(),
            heard(0).with_proven(),
        ]
        .map(|deadline| deadline.priority(now));
        assert!(order.is_sorted_by(|one, other| one < other), "{order:?}");
        assert_eq!(order.map(Priority::is_established), [false, false, false, true, true, true]);
        assert_eq!(order[0], Priority::LOWEST);
    }

    #[test]
    fn the_earlier_deadline_is_found_across_the_wrap() {
        let before = Deadline::after(Second(65_000), 500);
        let after = Deadline::after(Second(65_000), 600);
        assert_eq!(before.earlier(after), before);
        assert_eq!(after.earlier(before), before);
    }
}
