//! Accounts: the transfers and sessions of each key.

mod changes;
mod handover;
#[cfg(test)]
mod model;

pub use changes::AccountChange;

use crate::limits::{REMOVED_KEYS_MAX, SESSIONS_MAX, SESSIONS_PER_KEY_MAX};
use crate::parted_map::{PartedMap, Sweep};
use changes::{ChangedAccounts, Delta};
use hashbrown::HashMap;
use primitives::{
    AnnounceEvent, ChangeLog, InfoHash, KeyId, PeerId, PeerStatus, Second, SessionRecord, TableSeed,
};

/// The accounts of the keys, for the torrents of this core. They turn the totals that clients report in announces
/// into differences to their last reports.
///
/// A session is one client on one torrent: an info hash, a key and a peer id, independent of the client's addresses.
#[derive(Debug)]
pub(crate) struct Accounts {
    bounds: AccountBounds,
    sessions: PartedMap<SessionKey, Session>,
    /// The number of sessions of each key.
    of_keys: PartedMap<KeyId, u32>,
    changed: ChangedAccounts,
    /// Sessions as they are after each report.
    pub(crate) log: ChangeLog,
    /// While changes are recorded, the first parts of the table that have been exported: only changes of these are recorded.
    exported_parts: usize,
    /// Removed keys, until the sweep has visited all sessions.
    removed: HashMap<KeyId, Rounds, TableSeed>,
}

/// How many ends of rounds a removed key waits for. The round in progress began before the key was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rounds {
    Two,
    One,
}

/// The limits of the accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountBounds {
    /// Sessions, at most [`crate::SESSIONS_MAX`].
    pub sessions_max: usize,
    /// Accounts with changes that were not taken yet. Changes that are given back and imported sessions may exceed it.
    pub changed_max: usize,
    /// Seconds without a report after which a session ends.
    pub lifetime_s: u32,
}

/// What a client reports in an announce. Its counters start at 0 with the `started` event (BEP 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionReport {
    pub info_hash: InfoHash,
    pub key: KeyId,
    /// Identifies the client; it stays the same over both address families.
    pub peer_id: PeerId,
    /// Bytes uploaded since `started`.
    pub uploaded: u64,
    /// Bytes downloaded since `started`.
    pub downloaded: u64,
    /// Seeder, or leecher that still wants pieces.
    pub status: PeerStatus,
    pub event: AnnounceEvent,
}

/// Error: a report was not recorded as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotNoted {
    /// A new session was refused because a limit on sessions was reached. The use of the key was recorded.
    SessionsFull,
    /// Nothing was recorded because the limit on changed accounts was reached. The next report of the session
    /// includes the difference.
    ChangesFull,
}

/// Identifies a session: one client on one torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct SessionKey {
    key: KeyId,
    info_hash: InfoHash,
    peer_id: PeerId,
}

impl SessionKey {
    const fn of(report: &SessionReport) -> Self {
        Self { key: report.key, info_hash: report.info_hash, peer_id: report.peer_id }
    }

    const fn of_record(record: &SessionRecord) -> Self {
        Self { key: KeyId(record.key.get()), info_hash: record.info_hash, peer_id: record.peer_id }
    }
}

/// The last report of a client.
#[derive(Debug, Clone, Copy)]
struct Session {
    uploaded: u64,
    downloaded: u64,
    /// Modulo 2^32: an imported session may have been heard before the clock of this process began.
    heard: Second,
    status: PeerStatus,
}

impl Session {
    const fn new(now: Second, report: &SessionReport) -> Self {
        Self { uploaded: report.uploaded, downloaded: report.downloaded, heard: now, status: report.status }
    }

    const fn heard_s_ago(&self, now: Second) -> u32 {
        now.0.wrapping_sub(self.heard.0)
    }

    /// Records a report and returns the difference to the last one.
    fn advance(&mut self, now: Second, report: &SessionReport) -> Delta {
        let is_baseline = report.event == AnnounceEvent::Started
            || report.uploaded < self.uploaded
            || report.downloaded < self.downloaded;
        let mut delta = if is_baseline {
            Delta::NONE
        } else {
            Delta {
                uploaded: report.uploaded - self.uploaded,
                downloaded: report.downloaded - self.downloaded,
                ..Delta::NONE
            }
        };
        if report.status != self.status {
            delta = delta.with(self.status, -1).with(report.status, 1);
        }
        *self = Self::new(now, report);
        delta
    }
}

impl Accounts {
    pub(crate) fn new(bounds: AccountBounds, seed: TableSeed) -> Self {
        assert!(bounds.sessions_max <= SESSIONS_MAX, "sessions_max");
        Self {
            bounds,
            sessions: PartedMap::new(seed),
            of_keys: PartedMap::new(seed),
            changed: ChangedAccounts::new(seed),
            log: ChangeLog::Off,
            exported_parts: 0,
            removed: HashMap::with_hasher(seed),
        }
    }

    pub(crate) fn use_bounds(&mut self, bounds: AccountBounds) {
        assert!(bounds.sessions_max <= SESSIONS_MAX, "sessions_max");
        self.bounds = bounds;
    }

    /// Prefetches the session of a client. Of several in a row, the cache misses overlap.
    pub(crate) fn prefetch(&self, key: KeyId, info_hash: &InfoHash, peer_id: &PeerId) {
        self.sessions.prefetch(&SessionKey { key, info_hash: *info_hash, peer_id: *peer_id });
    }

    /// Records what a client reports.
    ///
    /// The first report of a session, a `started` event and a report with a lower counter set the baseline. Any other
    /// report adds the difference to the last one.
    pub(crate) fn note(&mut self, now: Second, report: &SessionReport) -> Result<(), NotNoted> {
        if !self.changed.has_room(report.key, self.bounds.changed_max) {
            return Err(NotNoted::ChangesFull);
        }
        // A removed key that is used again has been added again.
        if !self.removed.is_empty() {
            self.removed.remove(&report.key);
        }
        let (delta, noted) = self.note_session(now, report);
        self.changed.add(report.key, Some(now), &delta);
        noted
    }

    fn note_session(&mut self, now: Second, report: &SessionReport) -> (Delta, Result<(), NotNoted>) {
        let key = SessionKey::of(report);
        let is_over = report.event == AnnounceEvent::Stopped;
        let is_full = self.is_full();
        let delta = match self.sessions.get_mut(&key) {
            Some(session) if is_over => {
                let delta = session.advance(now, report).with(report.status, -1);
                self.sessions.remove(&key);
                note_end(&mut self.of_keys, report.key);
                delta
            }
            Some(session) => session.advance(now, report),
            None if is_over => return (Delta::NONE, Ok(())),
            None if is_full || has_too_many(&self.of_keys, report.key) => {
                return (Delta::NONE, Err(NotNoted::SessionsFull));
            }
            None => {
                self.begin_session(key, Session::new(now, report));
                Delta::NONE.with(report.status, 1)
            }
        };
        if self.log.is_on() && self.sessions.part(&key) < self.exported_parts {
            self.record(&key, &Session::new(now, report), is_over);
        }
        (delta, Ok(()))
    }

    const fn is_full(&self) -> bool {
        self.sessions.len() >= self.bounds.sessions_max
    }

    fn begin_session(&mut self, key: SessionKey, session: Session) {
        self.sessions.insert_new(key, session);
        match self.of_keys.get_mut(&key.key) {
            Some(count) => *count += 1,
            None => self.of_keys.insert_new(key.key, 1),
        }
    }

    /// Ends the sessions of a removed key: within two rounds of the sweep or, if more than 4096 keys are removed at
    /// once, when the sessions expire. Until then they count.
    pub(crate) fn remove_key(&mut self, key: KeyId) {
        if !self.sessions.is_empty() && self.removed.len() < REMOVED_KEYS_MAX {
            self.removed.entry(key).or_insert(Rounds::Two);
        }
    }

    /// Ends expired sessions and those of removed keys, in the next `parts_max` parts.
    pub(crate) fn sweep(&mut self, now: Second, parts_max: usize) -> Sweep {
        let Self { bounds, sessions, of_keys, changed, removed, .. } = self;
        let sweep = sessions.sweep(parts_max, |key, session| {
            let is_silent = session.heard_s_ago(now) >= bounds.lifetime_s;
            let has_ended = is_silent || removed.contains_key(&key.key);
            // An end that cannot be recorded waits for the next round.
            if !has_ended || !changed.has_room(key.key, bounds.changed_max) {
                return true;
            }
            changed.add(key.key, None, &Delta::NONE.with(session.status, -1));
            note_end(of_keys, key.key);
            false
        });
        if sweep == Sweep::Done {
            removed.retain(|_, rounds| std::mem::replace(rounds, Rounds::One) == Rounds::Two);
        }
        sweep
    }

    /// Moves at most `max` changes that were not taken yet into `out`.
    pub(crate) fn take_events(&mut self, max: usize, out: &mut Vec<AccountChange>) {
        self.changed.take(max, out);
    }

    /// Merges changes that could not be sent with later ones, so that they are taken again.
    pub(crate) fn give_back(&mut self, changes: &[AccountChange]) {
        for change in changes {
            self.changed.merge(change);
        }
    }

    #[cfg(test)]
    pub(crate) const fn sessions(&self) -> usize {
        self.sessions.len()
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.sessions.heap_bytes()
            + self.of_keys.heap_bytes()
            + self.changed.heap_bytes()
            + self.removed.allocation_size()
    }
}

fn has_too_many(of_keys: &PartedMap<KeyId, u32>, key: KeyId) -> bool {
    of_keys.get(&key).is_some_and(|&count| count >= SESSIONS_PER_KEY_MAX)
}

fn note_end(of_keys: &mut PartedMap<KeyId, u32>, key: KeyId) {
    match of_keys.get_mut(&key) {
        Some(count) if *count > 1 => *count -= 1,
        Some(_) => drop(of_keys.remove(&key)),
        None => debug_assert!(false, "every session that ends has begun"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: AccountBounds = AccountBounds { sessions_max: 100, changed_max: 100, lifetime_s: 60 };
    const ALICE: KeyId = KeyId(1);

    fn accounts(bounds: AccountBounds) -> Accounts {
        Accounts::new(bounds, TableSeed([11; 16]))
    }

    fn report(uploaded: u64, downloaded: u64) -> SessionReport {
        SessionReport {
            info_hash: InfoHash([7; 20]),
            key: ALICE,
            peer_id: PeerId(*b"-qB4650-abcdefghijkl"),
            uploaded,
            downloaded,
            status: PeerStatus::Leecher,
            event: AnnounceEvent::None,
        }
    }

    fn changes(accounts: &mut Accounts) -> Vec<AccountChange> {
        let mut out = Vec::new();
        accounts.take_events(usize::MAX, &mut out);
        out.sort_unstable_by_key(|change| change.key);
        out
    }

    fn change(uploaded: u64, downloaded: u64, seeding: i64, leeching: i64, last_seen: u32) -> AccountChange {
        let last_seen = (last_seen > 0).then_some(Second(last_seen));
        AccountChange { key: ALICE, uploaded, downloaded, seeding, leeching, last_seen }
    }

    fn sweep_all(accounts: &mut Accounts, now: Second) {
        while accounts.sweep(now, 100) == Sweep::More {}
    }

    #[test]
    fn one_key_has_at_most_16384_sessions_until_some_of_them_end() {
        let mut accounts = accounts(AccountBounds { sessions_max: 100_000, ..BOUNDS });
        let numbered = |number: u32| {
            let mut peer_id = PeerId([b'-'; 20]);
            peer_id.0[..4].copy_from_slice(&number.to_be_bytes());
            SessionReport { peer_id, ..report(0, 0) }
        };
        for number in 0..16_384 {
            assert_eq!(accounts.note(Second(1), &numbered(number)), Ok(()));
        }
        assert_eq!(accounts.note(Second(1), &numbered(16_384)), Err(NotNoted::SessionsFull));
        let other = SessionReport { key: KeyId(2), ..numbered(16_384) };
        assert_eq!(accounts.note(Second(1), &other), Ok(()));
        accounts.note(Second(1), &SessionReport { event: AnnounceEvent::Stopped, ..numbered(7) }).unwrap();
        assert_eq!(accounts.note(Second(2), &numbered(16_384)), Ok(()));
        sweep_all(&mut accounts, Second(61));
        assert_eq!(accounts.note(Second(61), &numbered(0)), Ok(()));
        assert_eq!(accounts.sessions(), 2);
    }

    #[test]
    fn nothing_is_lost_at_the_limit_on_changed_accounts() {
        let mut accounts = accounts(AccountBounds { changed_max: 1, ..BOUNDS });
        accounts.note(Second(1), &report(0, 0)).unwrap();
        changes(&mut accounts);
        let other = SessionReport { key: KeyId(2), ..report(0, 0) };
        accounts.note(Second(2), &other).unwrap();
        assert_eq!(accounts.note(Second(3), &report(10, 0)), Err(NotNoted::ChangesFull));
        sweep_all(&mut accounts, Second(1000));
        assert_eq!(accounts.sessions(), 1, "the end of the first session cannot be reported yet");
        changes(&mut accounts);
        assert_eq!(accounts.note(Second(1001), &report(12, 0)), Ok(()));
        assert_eq!(changes(&mut accounts), [change(12, 0, 0, 0, 1001)]);
    }

    #[test]
    fn the_sessions_of_a_removed_key_end_within_two_rounds() {
        let mut accounts = accounts(BOUNDS);
        accounts.note(Second(1), &report(0, 0)).unwrap();
        accounts.note(Second(1), &SessionReport { key: KeyId(2), ..report(0, 0) }).unwrap();
        changes(&mut accounts);
        accounts.sweep(Second(1), 1000);
        accounts.remove_key(ALICE);
        sweep_all(&mut accounts, Second(1));
        sweep_all(&mut accounts, Second(1));
        assert_eq!(accounts.sessions(), 1);
        assert_eq!(changes(&mut accounts), [change(0, 0, 0, -1, 0)]);
        sweep_all(&mut accounts, Second(1));
        accounts.note(Second(2), &report(0, 0)).unwrap();
        sweep_all(&mut accounts, Second(2));
        assert_eq!(accounts.sessions(), 2, "a key that is used again has sessions again");
    }

    #[test]
    fn a_removed_key_that_is_used_again_before_the_sweep_keeps_its_session() {
        let mut accounts = accounts(BOUNDS);
        accounts.note(Second(1), &report(0, 0)).unwrap();
        accounts.remove_key(ALICE);
        accounts.note(Second(2), &report(10, 0)).unwrap();
        sweep_all(&mut accounts, Second(2));
        sweep_all(&mut accounts, Second(2));
        assert_eq!(changes(&mut accounts), [change(10, 0, 0, 1, 2)]);
    }

    #[test]
    fn when_more_than_4096_keys_are_removed_the_sessions_of_the_last_end_when_they_expire() {
        let mut accounts = accounts(AccountBounds { sessions_max: 5000, changed_max: 5000, ..BOUNDS });
        for key in 0..5000 {
            accounts.note(Second(1), &SessionReport { key: KeyId(key), ..report(0, 0) }).unwrap();
        }
        for key in 0..5000 {
            accounts.remove_key(KeyId(key));
        }
        sweep_all(&mut accounts, Second(1));
        assert_eq!(accounts.sessions(), 5000 - 4096);
        sweep_all(&mut accounts, Second(61));
        assert_eq!(accounts.sessions(), 0);
    }

    #[test]
    fn a_hundred_thousand_sessions_take_at_most_176_bytes_each() {
        let mut accounts = accounts(AccountBounds { sessions_max: 100_000, changed_max: 10, ..BOUNDS });
        for number in 0..100_000_u32 {
            let mut info_hash = InfoHash([7; 20]);
            info_hash.0[..4].copy_from_slice(&number.to_be_bytes());
            let key = KeyId(number % 10);
            accounts.note(Second(1), &SessionReport { info_hash, key, ..report(0, 0) }).unwrap();
        }
        assert_eq!(accounts.sessions(), 100_000);
        assert!(accounts.heap_bytes() <= 176 * 100_000, "{}", accounts.heap_bytes());
    }
}
