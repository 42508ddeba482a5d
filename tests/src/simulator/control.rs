use super::Simulator;
use access::{AccessUpdate, AccountFact, CoreFact, Sweep};
use engine::UpdateStep;
use primitives::{InfoHash, KeyId};
use std::collections::BTreeMap;

/// Turns in which a core's sweeps of what has a lifetime come by everything once.
const TURNS_OF_A_ROUND: usize = 512;

/// What all cores have told since they were last asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// How the account of each key has changed.
    pub accounts: BTreeMap<KeyId, AccountFact>,
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
    pub fn take_facts_of(&mut self, core: usize) -> Vec<CoreFact> {
        std::iter::from_fn(|| self.cores[core].engine.take_fact()).collect()
    }

    /// What all cores have to tell, added up as the control plane does it.
    ///
    /// # Panics
    /// When two of them tell of one torrent.
    pub fn take_facts(&mut self) -> Facts {
        let mut facts = Facts::default();
        for core in 0..self.cores.len() {
            for fact in self.take_facts_of(core) {
                facts.add(fact);
            }
        }
        facts
    }
}

impl Facts {
    fn add(&mut self, fact: CoreFact) {
        match fact {
            CoreFact::Accounts(accounts) => accounts.iter().for_each(|account| self.add_account(account)),
            CoreFact::Completed(counts) => {
                for (torrent, completed) in counts {
                    let before = self.completed.insert(torrent, completed);
                    assert_eq!(before, None, "one core tells of {torrent}, and once");
                }
            }
        }
    }

    fn add_account(&mut self, fact: &AccountFact) {
        let Some(sum) = self.accounts.get_mut(&fact.key) else {
            self.accounts.insert(fact.key, *fact);
            return;
        };
        sum.uploaded += fact.uploaded;
        sum.downloaded += fact.downloaded;
        sum.seeding += fact.seeding;
        sum.leeching += fact.leeching;
        sum.last_seen = sum.last_seen.max(fact.last_seen);
    }
}
