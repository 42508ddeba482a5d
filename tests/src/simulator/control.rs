use super::Simulator;
use access::{AccessEvent, AccessUpdate, AccountChange, Sweep};
use engine::UpdateStep;
use primitives::{InfoHash, KeyId};
use std::collections::BTreeMap;

/// Turns in which a core's sweeps visit every entry with a lifetime once.
const TURNS_OF_A_ROUND: usize = 512;

/// Events of all cores since they were last taken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CoreEvents {
    /// The change of each key's account.
    pub accounts: BTreeMap<KeyId, AccountChange>,
    /// The completed count of each torrent.
    pub completed: BTreeMap<InfoHash, u64>,
}

impl Simulator {
    /// Applies an access update on all cores, step by step.
    ///
    /// # Panics
    /// If a step makes no progress.
    pub fn update(&mut self, update: &AccessUpdate) {
        for core in &mut self.cores {
            let mut from = 0;
            while let UpdateStep::More(next) = core.shard.apply_update(update, from) {
                assert!(next > from, "each step makes progress");
                from = next;
            }
        }
    }

    /// Runs a whole round of the sweeps of lists, keys and sessions on every core.
    pub fn sweep(&mut self) {
        for core in &mut self.cores {
            for _ in 0..TURNS_OF_A_ROUND {
                core.shard.sweep_access(self.now);
            }
            while core.shard.sweep_access(self.now) == Sweep::More {}
        }
    }

    /// Takes the pending events of a core, in their order.
    pub fn take_events_of(&mut self, core: usize) -> Vec<AccessEvent> {
        std::iter::from_fn(|| self.cores[core].shard.take_event()).collect()
    }

    /// Takes the pending events of all cores, summed as the control plane does.
    ///
    /// # Panics
    /// If two events report the same torrent.
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
    fn add(&mut self, event: AccessEvent) {
        match event {
            AccessEvent::Accounts(accounts) => accounts.iter().for_each(|account| self.add_account(account)),
            AccessEvent::Completed(counts) => {
                for (torrent, completed) in counts {
                    let before = self.completed.insert(torrent, completed);
                    assert_eq!(before, None, "one core reports {torrent}, and once");
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
