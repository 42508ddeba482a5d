use std::collections::BTreeMap;

/// Number of reasons counted separately; further ones are counted together.
const REASONS_MAX: usize = 32;

/// Counts of the connections of a thread or of the whole load, including the warm-up. All are 0 over UDP.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ConnectionTally {
    pub(crate) opened: u64,
    /// Closed by the tracker between two requests or in place of a response.
    pub(crate) ended_by_tracker: u64,
    pub(crate) handshakes: Handshakes,
    pub(crate) idle: IdleTally,
    /// Reasons for which requests were lost with their connection.
    pub(crate) failures: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Handshakes {
    pub(crate) full: u64,
    /// With the session of an earlier connection.
    pub(crate) resumed: u64,
}

/// Connections that have received one response and are silent since then.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct IdleTally {
    pub(crate) asked_for: u64,
    /// Open, and answered, when the load began.
    pub(crate) open_at_begin: u64,
    pub(crate) open_at_end: u64,
}

impl ConnectionTally {
    pub(crate) fn note_failure(&mut self, reason: &str) {
        let is_known = self.failures.contains_key(reason) || self.failures.len() < REASONS_MAX;
        let reason = if is_known { reason } else { "(other reasons)" };
        *self.failures.entry(reason.to_owned()).or_default() += 1;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.opened += other.opened;
        self.ended_by_tracker += other.ended_by_tracker;
        self.handshakes.full += other.handshakes.full;
        self.handshakes.resumed += other.handshakes.resumed;
        self.idle.asked_for += other.idle.asked_for;
        self.idle.open_at_begin += other.idle.open_at_begin;
        self.idle.open_at_end += other.idle.open_at_end;
        for (reason, count) in &other.failures {
            *self.failures.entry(reason.clone()).or_default() += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_beyond_the_limit_are_counted_together() {
        let mut tally = ConnectionTally::default();
        (0..100).for_each(|number| tally.note_failure(&number.to_string()));
        tally.note_failure("0");
        assert_eq!(tally.failures.len(), REASONS_MAX + 1);
        assert_eq!((tally.failures["0"], tally.failures["(other reasons)"]), (2, 100 - REASONS_MAX as u64));
    }
}
