//! Compares the accounts with a model of plain maps.

use super::{AccountBounds, AccountChange, Accounts, NotNoted, SessionReport};
use crate::Sweep;
use primitives::{AnnounceEvent, InfoHash, KeyId, PeerId, PeerStatus, Second, TableSeed};
use proptest::prelude::*;
use std::collections::BTreeMap;

const LIFETIME_S: u32 = 20;
const SESSIONS_MAX: usize = 8;

type Id = (u8, u32, u8);

#[derive(Debug, Clone, Copy)]
struct Report {
    id: Id,
    uploaded: u64,
    downloaded: u64,
    status: PeerStatus,
    event: AnnounceEvent,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Note(Report),
    Wait(u32),
    /// Ends all expired sessions.
    Sweep,
    Take(usize),
    GiveBack,
    Remove(u32),
}

fn report() -> impl Strategy<Value = Report> {
    let event = prop_oneof![
        4 => Just(AnnounceEvent::None),
        1 => Just(AnnounceEvent::Started),
        1 => Just(AnnounceEvent::Completed),
        1 => Just(AnnounceEvent::Stopped),
    ];
    let status = prop_oneof![Just(PeerStatus::Seeder), Just(PeerStatus::Leecher)];
    let counter = || prop_oneof![4 => 0_u64..50, 1 => u64::MAX - 3..=u64::MAX];
    ((0_u8..2, 0_u32..3, 0_u8..2), counter(), counter(), status, event).prop_map(
        |(id, uploaded, downloaded, status, event)| Report { id, uploaded, downloaded, status, event },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => report().prop_map(Step::Note),
        2 => (0_u32..15).prop_map(Step::Wait),
        2 => Just(Step::Sweep),
        2 => (0_usize..4).prop_map(Step::Take),
        1 => Just(Step::GiveBack),
        1 => (0_u32..3).prop_map(Step::Remove),
    ]
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Total {
    uploaded: u64,
    downloaded: u64,
    seeding: i64,
    leeching: i64,
    last_seen: Second,
}

#[derive(Debug, Default)]
struct Model {
    now: Second,
    sessions: BTreeMap<Id, (Report, Second)>,
    totals: BTreeMap<u32, Total>,
}

impl Model {
    fn total(&mut self, id: Id) -> &mut Total {
        self.totals.entry(id.1).or_default()
    }

    fn count(&mut self, id: Id, status: PeerStatus, change: i64) {
        match status {
            PeerStatus::Seeder => self.total(id).seeding += change,
            PeerStatus::Leecher => self.total(id).leeching += change,
        }
    }

    fn note(&mut self, report: Report) -> Result<(), NotNoted> {
        let now = self.now;
        self.total(report.id).last_seen = now;
        let known = self.sessions.remove(&report.id);
        if known.is_none() && report.event != AnnounceEvent::Stopped && self.sessions.len() >= SESSIONS_MAX {
            return Err(NotNoted::SessionsFull);
        }
        if let Some((last, _)) = known {
            self.count(report.id, last.status, -1);
            let came =
                (report.uploaded.checked_sub(last.uploaded), report.downloaded.checked_sub(last.downloaded));
            if let ((Some(uploaded), Some(downloaded)), true) = (came, report.event != AnnounceEvent::Started)
            {
                let total = self.total(report.id);
                total.uploaded = total.uploaded.saturating_add(uploaded);
                total.downloaded = total.downloaded.saturating_add(downloaded);
            }
        }
        if report.event != AnnounceEvent::Stopped {
            self.count(report.id, report.status, 1);
            self.sessions.insert(report.id, (report, now));
        }
        Ok(())
    }

    fn end(&mut self, is_over: impl Fn(Id, Second) -> bool) {
        let over: Vec<_> = self
            .sessions
            .iter()
            .filter(|(id, (_, heard))| is_over(**id, *heard))
            .map(|(id, _)| *id)
            .collect();
        for id in over {
            let (last, _) = self.sessions.remove(&id).unwrap();
            self.count(id, last.status, -1);
        }
    }
}

/// Adds up changes as the control plane does.
fn add_up(totals: &mut BTreeMap<u32, Total>, changes: &[AccountChange]) {
    for change in changes {
        let total = totals.entry(change.key.0).or_default();
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
    totals: BTreeMap<u32, Total>,
}

impl Subject {
    fn sweep_round(&mut self, now: Second) {
        while self.accounts.sweep(now, 300) == Sweep::More {}
    }

    fn run(&mut self, model: &mut Model, step: Step) {
        match step {
            Step::Note(report) => {
                let (torrent, key, peer) = report.id;
                let noted = self.accounts.note(
                    model.now,
                    &SessionReport {
                        info_hash: InfoHash([torrent; 20]),
                        key: KeyId(key),
                        peer_id: PeerId([peer; 20]),
                        uploaded: report.uploaded,
                        downloaded: report.downloaded,
                        status: report.status,
                        event: report.event,
                    },
                );
                assert_eq!(noted, model.note(report));
            }
            Step::Wait(seconds) => model.now = model.now.after(seconds),
            Step::Sweep => {
                let now = model.now;
                self.sweep_round(now);
                model.end(|_, heard| now.0 - heard.0 >= LIFETIME_S);
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
                let now = model.now;
                self.accounts.remove_key(KeyId(key));
                self.sweep_round(now);
                self.sweep_round(now);
                model.end(|id, heard| id.1 == key || now.0 - heard.0 >= LIFETIME_S);
            }
        }
        assert_eq!(self.accounts.sessions(), model.sessions.len());
    }
}

proptest! {
    #[test]
    fn accounts_add_up_to_the_same_totals_as_plain_maps(steps in prop::collection::vec(step(), 1..150)) {
        let bounds = AccountBounds { sessions_max: 8, changed_max: 100, lifetime_s: 20 };
        let mut subject = Subject {
            accounts: Accounts::new(bounds, TableSeed([5; 16])),
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
