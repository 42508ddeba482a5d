use super::Simulator;
use access::{AccessUpdate, AccountChange, CoreEvent, Sweep};
use engine::UpdateStep;
use primitives::{InfoHash, KeyId};
use std::collections::BTreeMap;

/// Turns in which a core's sweeps of what has a lifetime come by everything once.
const TURNS_OF_A_ROUND: usize = 512;

/// What all cores have told since they were last asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CoreEvents {
    /// How the account of each key has changed.
    pub accounts: BTreeMap<KeyId, AccountChange>,
    /// How often torrents were completed.
    pub completed: BTreeMap<InfoHash, u64>,
}

impl Simulator {
    /// Has all cores take over a change of who is served, step by step.
    ///
    /// # Panics
    /// When a step comes no further.
    pub fn update(&mut self, update: &AccessUpdate) {
        for core in &mut self.cores {
            let mut from = 0;
            while let UpdateStep::More(next) = core.engine.apply_update(update, from) {
                assert!(next > from, "each step comes further");
                from = next;
            }
        }
    }

    /// A whole round of the sweeps of lists, keys and their sessions on every core.
    pub fn sweep(&mut self) {
        for core in &mut self.cores {
            for _ in 0..TURNS_OF_A_ROUND {
                core.engine.sweep_access(self.now);
            }
            while core.engine.sweep_access(self.now) == Sweep::More {}
        }
    }

    /// What a core has to tell the control plane, piece by piece.
    pub fn take_events_of(&mut self, core: usize) -> Vec<CoreEvent> {
        std::iter::from_fn(|| self.cores[core].engine.take_event()).collect()
    }

    /// What all cores have to tell, added up as the control plane does it.
    ///
    /// # Panics
    /// When two of them tell of one torrent.
    pub fn take_events(&mut self) -> CoreEvents {
        let mut events = CoreEvents::default();
        for core in 0..self.cores.len() {
            for event in self.take_events_of(core) {
                events.add(event);
            }
        }
        events
    }
}

impl CoreEvents {
    fn add(&mut self, event: CoreEvent) {
        match event {
            CoreEvent::Accounts(accounts) => accounts.iter().for_each(|account| self.add_account(account)),
            CoreEvent::Completed(counts) => {
                for (torrent, completed) in counts {
                    let before = self.completed.insert(torrent, completed);
                    assert_eq!(before, None, "one core tells of {torrent}, and once");
                }
            }
        }
    }

    fn add_account(&mut self, event: &AccountChange) {
        let Some(sum) = self.accounts.get_mut(&event.key) else {
            self.accounts.insert(event.key, *event);
            return;
        };
        sum.uploaded += event.uploaded;
        sum.downloaded += event.downloaded;
        sum.seeding += event.seeding;
        sum.leeching += event.leeching;
        sum.last_seen = sum.last_seen.max(event.last_seen);
    }
}
