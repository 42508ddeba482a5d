//! Compares the accounts with a model of plain maps.

use super::{AccountBounds, AccountChange, Accounts, NotNoted, SessionReport};
use crate::Sweep;
use primitives::{AnnounceEvent, InfoHash, KeyId, PeerId, PeerStatus, Second, TableSeed};
use proptest::prelude::*;
use std::collections::BTreeMap;

const BOUNDS: AccountBounds = AccountBounds { sessions_max: 8, changed_max: 100, lifetime_s: 20 };

/// Torrent, key and client of a session.
type Id = (InfoHash, KeyId, [u8; PeerId::BYTES]);

fn id(report: &SessionReport) -> Id {
    (report.info_hash, report.key, report.peer_id.0)
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Note(SessionReport),
    Wait(u32),
    /// Ends all expired sessions.
    Sweep,
    Take(usize),
    GiveBack,
    Remove(KeyId),
}

pub(super) fn report() -> impl Strategy<Value = SessionReport> {
    let event = prop_oneof![
        4 => Just(AnnounceEvent::None),
        1 => Just(AnnounceEvent::Started),
        1 => Just(AnnounceEvent::Completed),
        1 => Just(AnnounceEvent::Stopped),
    ];
    let status = prop_oneof![Just(PeerStatus::Seeder), Just(PeerStatus::Leecher)];
    let counter = || prop_oneof![4 => 0_u64..50, 1 => u64::MAX - 3..=u64::MAX];
    let id = (0_u8..2, 0_u32..3, 0_u8..2);
    (id, counter(), counter(), status, event).prop_map(
        |((torrent, key, peer), uploaded, downloaded, status, event)| SessionReport {
            info_hash: InfoHash([torrent; 20]),
            key: KeyId(key),
            peer_id: PeerId([peer; 20]),
            uploaded,
            downloaded,
            status,
            event,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => report().prop_map(Step::Note),
        2 => (0_u32..15).prop_map(Step::Wait),
        2 => Just(Step::Sweep),
        2 => (0_usize..4).prop_map(Step::Take),
        1 => Just(Step::GiveBack),
        1 => (0_u32..3).prop_map(|key| Step::Remove(KeyId(key))),
    ]
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Total {
    uploaded: u64,
    downloaded: u64,
    seeding: i64,
    leeching: i64,
    last_seen: Option<Second>,
}

#[derive(Debug, Default)]
struct Model {
    now: Second,
    sessions: BTreeMap<Id, (SessionReport, Second)>,
    totals: BTreeMap<KeyId, Total>,
}

impl Model {
    fn total(&mut self, key: KeyId) -> &mut Total {
        self.totals.entry(key).or_default()
    }

    fn count(&mut self, report: &SessionReport, change: i64) {
        match report.status {
            PeerStatus::Seeder => self.total(report.key).seeding += change,
            PeerStatus::Leecher => self.total(report.key).leeching += change,
        }
    }

    fn note(&mut self, report: SessionReport) -> Result<(), NotNoted> {
        let now = self.now;
        self.total(report.key).last_seen = Some(now);
        let known = self.sessions.remove(&id(&report));
        let is_full = self.sessions.len() >= BOUNDS.sessions_max;
        if known.is_none() && report.event != AnnounceEvent::Stopped && is_full {
            return Err(NotNoted::SessionsFull);
        }
        if let Some((last, _)) = known {
            self.count(&last, -1);
            let came =
                (report.uploaded.checked_sub(last.uploaded), report.downloaded.checked_sub(last.downloaded));
            if let ((Some(uploaded), Some(downloaded)), true) = (came, report.event != AnnounceEvent::Started)
            {
                let total = self.total(report.key);
                total.uploaded = total.uploaded.saturating_add(uploaded);
                total.downloaded = total.downloaded.saturating_add(downloaded);
            }
        }
        if report.event != AnnounceEvent::Stopped {
            self.count(&report, 1);
            self.sessions.insert(id(&report), (report, now));
        }
        Ok(())
    }

    /// Ends the sessions that have expired, and those of a removed key.
    fn end(&mut self, removed: Option<KeyId>) {
        let now = self.now.0;
        let is_over = |_: &Id, (last, heard): &mut (SessionReport, Second)| {
            removed == Some(last.key) || now - heard.0 >= BOUNDS.lifetime_s
        };
        let over: Vec<_> = self.sessions.extract_if(.., is_over).collect();
        for (_, (last, _)) in over {
            self.count(&last, -1);
        }
    }
}

/// Adds up changes as the control plane does.
fn add_up(totals: &mut BTreeMap<KeyId, Total>, changes: &[AccountChange]) {
    for change in changes {
        let total = totals.entry(change.key).or_default();
        total.uploaded = total.uploaded.saturating_add(change.uploaded);
        total.downloaded = total.downloaded.saturating_add(change.downloaded);
        total.seeding += change.seeding;
        total.leeching += change.leeching;
        total.last_seen = total.last_seen.max(change.last_seen);
    }
}

/// The accounts, and both ends of the channel that changes are sent through.
struct Subject {
    accounts: Accounts,
    unsent: Vec<AccountChange>,
    totals: BTreeMap<KeyId, Total>,
}

impl Subject {
    fn sweep_round(&mut self, now: Second) {
        while self.accounts.sweep(now, 300) == Sweep::More {}
    }

    fn run(&mut self, model: &mut Model, step: Step) {
        match step {
            Step::Note(report) => {
                assert_eq!(self.accounts.note(model.now, &report), model.note(report));
            }
            Step::Wait(seconds) => model.now = model.now.after(seconds),
            Step::Sweep => {
                self.sweep_round(model.now);
                model.end(None);
            }
            Step::Take(max) => {
                let unsent = core::mem::take(&mut self.unsent);
                add_up(&mut self.totals, &unsent);
                let changed = self.accounts.changed.len();
                self.accounts.take_events(max, &mut self.unsent);
                assert_eq!(self.unsent.len(), max.min(changed));
            }
            Step::GiveBack => self.accounts.give_back(&core::mem::take(&mut self.unsent)),
            Step::Remove(key) => {
                self.accounts.remove_key(key);
                self.sweep_round(model.now);
                self.sweep_round(model.now);
                model.end(Some(key));
            }
        }
        assert_eq!(self.accounts.sessions(), model.sessions.len());
    }
}

proptest! {
    #[test]
    fn accounts_add_up_to_the_same_totals_as_plain_maps(steps in prop::collection::vec(step(), 1..150)) {
        let mut subject = Subject {
            accounts: Accounts::new(BOUNDS, TableSeed([5; 16])),
            unsent: Vec::new(),
            totals: BTreeMap::new(),
        };
        let mut model = Model::default();
        for step in steps {
            subject.run(&mut model, step);
        }
        subject.accounts.take_events(usize::MAX, &mut subject.unsent);
        add_up(&mut subject.totals, &subject.unsent);
        prop_assert_eq!(subject.totals, model.totals);
    }
}
