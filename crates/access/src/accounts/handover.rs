//! The sessions, exported to another core or process, and imported from one.

use super::changes::Delta;
use super::{Accounts, Session, SessionKey, has_too_many, note_end};
use crate::limits::{EXPORT_PAGE_BYTES, SESSION_CHANGES_BYTES_MAX, SESSIONS_TOGETHER};
use crate::parted_map::PartedMap;
use primitives::{
    ChangeLog, ClockShift, ImportVerdict, Imported, InfoHash, PeerStatus, Second, SessionRecord, StatePage,
};
use zerocopy::{FromBytes, IntoBytes};

/// What a record says of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ended = 0,
    Leeching = 1,
    Seeding = 2,
}

impl State {
    fn of(record: &SessionRecord) -> Option<Self> {
        [Self::Ended, Self::Leeching, Self::Seeding].into_iter().find(|&state| state as u8 == record.state)
    }

    const fn at(status: PeerStatus) -> Self {
        match status {
            PeerStatus::Leecher => Self::Leeching,
            PeerStatus::Seeder => Self::Seeding,
        }
    }

    const fn status(self) -> Option<PeerStatus> {
        match self {
            Self::Ended => None,
            Self::Leeching => Some(PeerStatus::Leecher),
            Self::Seeding => Some(PeerStatus::Seeder),
        }
    }
}

fn record_of(key: &SessionKey, session: &Session, state: State) -> SessionRecord {
    SessionRecord {
        key: key.key.0.into(),
        heard: session.heard.0.into(),
        uploaded: session.uploaded.into(),
        downloaded: session.downloaded.into(),
        info_hash: key.info_hash,
        peer_id: key.peer_id,
        state: state as u8,
    }
}

impl Accounts {
    /// Appends records of the sessions from a part of the table on. Returns the part to continue with, if there are more.
    pub(crate) fn export(&mut self, from: u32, out: &mut Vec<u8>) -> Option<u32> {
        let mut part = from;
        while self.sessions.visit_part(part as usize, |key, session| {
            out.extend_from_slice(record_of(key, session, State::at(session.status)).as_bytes());
        }) {
            part += 1;
            if out.len() >= EXPORT_PAGE_BYTES {
                break;
            }
        }
        self.exported_parts = self.exported_parts.max(part as usize);
        ((part as usize) < PartedMap::<SessionKey, Session>::PARTS).then_some(part)
    }

    /// Begins to record changes of sessions whose page is exported from now on. Until then, a change is in the page.
    pub(crate) fn record_changes(&mut self) {
        self.log = ChangeLog::on(SESSION_CHANGES_BYTES_MAX);
        self.exported_parts = 0;
    }

    /// Records a session as it is after a report, or its end.
    pub(super) fn record(&mut self, key: &SessionKey, session: &Session, is_over: bool) {
        let state = if is_over { State::Ended } else { State::at(session.status) };
        self.log.record(|out| out.extend_from_slice(record_of(key, session, state).as_bytes()));
    }

    /// Imports the sessions of a page, as far as `verdict` admits their torrents and there is room.
    pub(crate) fn import(
        &mut self,
        now: Second,
        page: &StatePage,
        shift: ClockShift,
        verdict: impl Fn(&InfoHash) -> ImportVerdict,
    ) -> Imported {
        let mut imported = Imported { malformed_bytes: page.sessions.len() as u64, ..Imported::default() };
        let exported_s_ago = shift.ahead_s(page.exported, now).saturating_neg();
        let whole = page.sessions.len() / size_of::<SessionRecord>();
        let Ok((records, _)) = <[SessionRecord]>::ref_from_prefix_with_elems(&page.sessions, whole) else {
            return imported;
        };
        for together in records.chunks(SESSIONS_TOGETHER) {
            together.iter().for_each(|record| self.sessions.prefetch(&SessionKey::of_record(record)));
            for record in together {
                let Some(state) = State::of(record) else { return imported };
                imported.malformed_bytes -= size_of::<SessionRecord>() as u64;
                match verdict(&record.info_hash) {
                    ImportVerdict::Import => {
                        // Modulo 2^32: it may have been heard before the clock of the exporting core began.
                        let before_s = page.exported.0.wrapping_sub(record.heard.get()).cast_signed();
                        let heard_s_ago = exported_s_ago.saturating_add(before_s.into()).max(0);
                        let of_record = self.import_record(now, record, state, heard_s_ago);
                        imported = imported.plus(of_record);
                    }
                    ImportVerdict::NotServed => imported.refused += 1,
                    ImportVerdict::NotOwned => {}
                }
            }
        }
        imported
    }

    fn import_record(
        &mut self,
        now: Second,
        record: &SessionRecord,
        state: State,
        heard_s_ago: i64,
    ) -> Imported {
        let key = SessionKey::of_record(record);
        let heard_s_ago = match u32::try_from(heard_s_ago) {
            Ok(heard_s_ago) if heard_s_ago < self.bounds.lifetime_s => heard_s_ago,
            _ => return Imported { expired: 1, ..Imported::default() },
        };
        if self.sessions.get(&key).is_some_and(|known| known.heard_s_ago(now) < heard_s_ago) {
            return Imported::default();
        }
        let Some(status) = state.status() else {
            self.end_imported(&key);
            return Imported::default();
        };
        let session = Session {
            uploaded: record.uploaded.get(),
            downloaded: record.downloaded.get(),
            heard: Second(now.0.wrapping_sub(heard_s_ago)),
            status,
        };
        if self.put_imported(key, session) {
            Imported { sessions: 1, ..Imported::default() }
        } else {
            Imported { refused: 1, ..Imported::default() }
        }
    }

    /// Adds a session or replaces it. What its client has transferred was added up by the exporter. Returns whether there was room.
    fn put_imported(&mut self, key: SessionKey, session: Session) -> bool {
        let begun = Delta::NONE.with(session.status, 1);
        let is_full = self.is_full();
        let delta = match self.sessions.get_mut(&key) {
            Some(known) => begun.with(core::mem::replace(known, session).status, -1),
            None if is_full || has_too_many(&self.of_keys, key.key) => return false,
            None => {
                self.begin_session(key, session);
                begun
            }
        };
        if delta != Delta::NONE {
            self.changed.add(key.key, None, &delta);
        }
        true
    }

    fn end_imported(&mut self, key: &SessionKey) {
        if let Some(known) = self.sessions.remove(key) {
            note_end(&mut self.of_keys, key.key);
            self.changed.add(key.key, None, &Delta::NONE.with(known.status, -1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::report;
    use super::super::{AccountBounds, AccountChange, SessionReport};
    use super::*;
    use primitives::{AnnounceEvent, KeyId, PeerId, TableSeed};
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    const BOUNDS: AccountBounds = AccountBounds { sessions_max: 1000, changed_max: 1, lifetime_s: 60 };
    const NOW: Second = Second(1000);

    fn accounts(seed: u8) -> Accounts {
        Accounts::new(AccountBounds { changed_max: 1000, ..BOUNDS }, TableSeed([seed; 16]))
    }

    fn records(accounts: &Accounts) -> Vec<SessionRecord> {
        let (mut records, mut part) = (Vec::new(), 0);
        while accounts.sessions.visit_part(part, |key, session| {
            records.push(record_of(key, session, State::at(session.status)));
        }) {
            part += 1;
        }
        records
    }

    /// Key, torrent and client of a session.
    type Id = (u32, InfoHash, [u8; 20]);

    /// Uploaded, downloaded, seconds since it was heard, and state.
    type Last = (u64, u64, u32, u8);

    /// Returns the sessions in an order of their own, with the seconds since they were heard.
    fn sessions(accounts: &Accounts, now: Second) -> BTreeMap<Id, Last> {
        let of = |record: &SessionRecord| {
            let SessionRecord { key, heard, uploaded, downloaded, info_hash, peer_id, state } = *record;
            let ago_s = now.0.wrapping_sub(heard.get());
            ((key.get(), info_hash, peer_id.0), (uploaded.get(), downloaded.get(), ago_s, state))
        };
        records(accounts).iter().map(of).collect()
    }

    fn import(to: &mut Accounts, shift: ClockShift, sessions: Vec<u8>) -> Imported {
        let then = Second(u32::try_from(i64::from(NOW.0) + shift.0).unwrap());
        let page = StatePage { exported: NOW, swarms: Vec::new(), sessions };
        to.import(then, &page, shift, |_| ImportVerdict::Import)
    }

    fn changes(accounts: &mut Accounts) -> Vec<AccountChange> {
        let mut changes = Vec::new();
        accounts.take_events(usize::MAX, &mut changes);
        changes.retain(|change| *change != AccountChange { key: change.key, ..NOTHING });
        changes.sort_unstable_by_key(|change| change.key);
        changes
    }

    const NOTHING: AccountChange =
        AccountChange { key: KeyId(0), uploaded: 0, downloaded: 0, seeding: 0, leeching: 0, last_seen: None };

    proptest! {
        #[test]
        fn sessions_go_on_where_they_were_imported_as_where_they_were_exported(
            shift_s in -999_i64..10_000,
            reports in prop::collection::vec(prop::collection::vec((report(), 0_u32..20), 0..20), 3),
            after in prop::collection::vec(report(), 0..20),
        ) {
            let (mut from, mut to, shift) = (accounts(1), accounts(2), ClockShift(shift_s));
            // Later reports are closer to now.
            let note_all = |from: &mut Accounts, reports: &[(SessionReport, u32)], ago_s: u32| {
                let mut ago_s = ago_s + 20;
                for (report, later_s) in reports {
                    ago_s = ago_s.min(ago_s.saturating_sub(*later_s).max(ago_s / 20 * 20));
                    let _ = from.note(Second(NOW.0 - ago_s), report);
                }
            };
            note_all(&mut from, &reports[0], 30);
            from.record_changes();
            note_all(&mut from, &reports[1], 10);
            import(&mut to, shift, from.log.take().unwrap());
            let mut part = Some(0);
            while let Some(next) = part {
                let mut page = Vec::new();
                part = from.export(next, &mut page);
                import(&mut to, shift, page);
                note_all(&mut from, &reports[2], 0);
            }
            import(&mut to, shift, from.log.take().unwrap());
            let then = Second(u32::try_from(i64::from(NOW.0) + shift_s).unwrap());
            prop_assert_eq!(sessions(&to, then), sessions(&from, NOW));
            let mut live = BTreeMap::<KeyId, AccountChange>::new();
            for record in records(&from) {
                let key = KeyId(record.key.get());
                let change = live.entry(key).or_insert(AccountChange { key, ..NOTHING });
                *(if record.state == 2 { &mut change.seeding } else { &mut change.leeching }) += 1;
            }
            prop_assert_eq!(changes(&mut to), live.into_values().collect::<Vec<_>>(), "live, without transfers");
            changes(&mut from);
            for report in after {
                prop_assert_eq!(from.note(NOW, &report), to.note(then, &report));
            }
            let expected: Vec<_> = changes(&mut from);
            let found = changes(&mut to).into_iter().map(|change| {
                AccountChange { last_seen: change.last_seen.map(|_| NOW), ..change }
            });
            prop_assert_eq!(found.collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn a_report_before_the_page_of_its_session_is_in_the_page_alone() {
        let many = AccountBounds { sessions_max: 5000, changed_max: 5000, ..BOUNDS };
        let mut from = Accounts::new(many, TableSeed([1; 16]));
        let report_all = |from: &mut Accounts| {
            for number in 0..4000 {
                let report = SessionReport {
                    info_hash: InfoHash([7; 20]),
                    key: KeyId(number),
                    peer_id: PeerId([9; 20]),
                    uploaded: 7,
                    downloaded: 8,
                    status: PeerStatus::Leecher,
                    event: AnnounceEvent::None,
                };
                from.note(NOW, &report).unwrap();
            }
        };
        let keys = |bytes: &[u8]| {
            let records = <[SessionRecord]>::ref_from_bytes(bytes).unwrap();
            records.iter().map(|record| record.key.get()).collect::<BTreeSet<_>>()
        };
        report_all(&mut from);
        from.record_changes();
        let (mut next, mut exported) = (Some(0), BTreeSet::new());
        while let Some(part) = next {
            report_all(&mut from);
            assert_eq!(keys(&from.log.take().unwrap()), exported);
            let mut page = Vec::new();
            next = from.export(part, &mut page);
            exported.extend(keys(&page));
        }
        assert_eq!(exported.len(), 4000);
    }

    fn record(number: u32, heard: u32, state: u8) -> SessionRecord {
        SessionRecord {
            key: number.into(),
            heard: heard.into(),
            uploaded: 7.into(),
            downloaded: 8.into(),
            info_hash: InfoHash([7; 20]),
            peer_id: PeerId([9; 20]),
            state,
        }
    }

    fn bytes_of(records: &[SessionRecord]) -> Vec<u8> {
        records.as_bytes().to_vec()
    }

    #[test]
    fn what_has_expired_or_has_no_room_is_not_imported() {
        let mut to = Accounts::new(AccountBounds { sessions_max: 2, ..BOUNDS }, TableSeed([1; 16]));
        let heard = [1000, 941, 940, 999, 1001, 999];
        let records: Vec<_> = (0..6).zip(heard).map(|(number, heard)| record(number, heard, 2)).collect();
        let imported = import(&mut to, ClockShift(0), bytes_of(&records));
        assert_eq!((imported.sessions, imported.expired, imported.refused), (2, 1, 3));
        let known = bytes_of(&[record(1, 950, 1), record(0, 999, 1)]);
        let imported = import(&mut to, ClockShift(0), known);
        assert_eq!((imported.sessions, imported.refused), (1, 0), "the first was heard later");
        assert_eq!(changes(&mut to).len(), 2, "more than may change by reports");
        import(&mut to, ClockShift(0), bytes_of(&[record(0, 990, 0), record(1, 960, 0), record(4, 1000, 0)]));
        assert_eq!(sessions(&to, NOW).len(), 1);
        assert_eq!(changes(&mut to), [AccountChange { key: KeyId(1), leeching: -1, ..NOTHING }]);
    }

    #[test]
    fn a_session_that_was_heard_before_the_clock_began_ends_in_time_however_often_it_is_handed_on() {
        let (mut first, mut second) = (accounts(1), accounts(2));
        import(&mut first, ClockShift(-995), bytes_of(&[record(1, 950, 2)]));
        let page =
            StatePage { exported: Second(5), sessions: bytes_of(&records(&first)), ..StatePage::default() };
        second.import(Second(3), &page, ClockShift(-4), |_| ImportVerdict::Import);
        for (mut accounts, end) in [(first, 15), (second, 11)] {
            accounts.sweep(Second(end - 1), usize::MAX);
            assert_eq!(accounts.sessions(), 1);
            accounts.sweep(Second(end), usize::MAX);
            assert_eq!(accounts.sessions(), 0);
            assert_eq!(changes(&mut accounts), []);
        }
    }

    #[test]
    fn a_malformed_record_ends_the_page() {
        let mut page = bytes_of(&[record(1, 1000, 1), record(2, 1000, 3), record(3, 1000, 1)]);
        let record_bytes = size_of::<SessionRecord>();
        let imported = import(&mut accounts(1), ClockShift(0), page.clone());
        assert_eq!((imported.sessions, imported.malformed_bytes), (1, 2 * record_bytes as u64));
        page[2 * record_bytes - 1] = 0;
        for length in 0..=page.len() {
            let imported = import(&mut accounts(1), ClockShift(0), page[..length].to_vec());
            assert_eq!(imported.malformed_bytes, (length % record_bytes) as u64);
        }
        for shift_s in [i64::MIN, i64::MAX] {
            let page = StatePage { exported: NOW, swarms: Vec::new(), sessions: page.clone() };
            accounts(1).import(NOW, &page, ClockShift(shift_s), |_| ImportVerdict::Import);
        }
    }
}
