use super::session::{Session, SessionKey};
use super::{Accounts, Delta};
use crate::parted_map::PartedMap;
use crate::sweep::Sweep;
use primitives::Second;

impl Accounts {
    /// Ends expired sessions and those of removed keys, in the next `parts_max` of 1024 parts. Returns
    /// [`Sweep::Done`] after the last part; the next call starts over.
    pub fn sweep(&mut self, now: Second, parts_max: usize) -> Sweep {
        let parts = PartedMap::<SessionKey, Session>::PARTS;
        let end = parts.min(self.next.saturating_add(parts_max));
        for part in self.next..end {
            self.sweep_part(now, part);
        }
        self.next = end % parts;
        if end < parts {
            return Sweep::More;
        }
        self.removed.end_round();
        Sweep::Done
    }

    fn sweep_part(&mut self, now: Second, part: usize) {
        let Self { bounds, sessions, of_keys, changed, removed, .. } = self;
        sessions.sweep_part(part, |key, session| {
            let is_silent = now.0.saturating_sub(session.heard.0) >= bounds.lifetime_s;
            let has_ended = is_silent || removed.has(key.key);
            // An end that cannot be recorded waits for the next round.
            if !has_ended || !changed.has_room(key.key, bounds.changed_max) {
                return true;
            }
            changed.add(key.key, session.heard, &Delta::NONE.with_end(session.status));
            of_keys.note_end(key.key);
            false
        });
    }
}
