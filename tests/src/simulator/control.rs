use super::run::ROUNDS_MAX;
use super::{Simulator, SimulatorSettings};
use access::{AccessEvent, AccessUpdate, AccountChange, Sweep};
use core_link::{CoreCommand, CoreEvent, CoreTask, Reply};
use primitives::{InfoHash, KeyId, SwarmChange};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Turns in which a core's sweeps visit every entry with a lifetime once.
const TURNS_OF_A_ROUND: usize = 4096;

/// Events of all cores since they were last taken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CoreEvents {
    /// The change of each key's account.
    pub accounts: BTreeMap<KeyId, AccountChange>,
    /// The completed count of each torrent.
    pub completed: BTreeMap<InfoHash, u64>,
}

impl Simulator {
    /// Has all cores apply an access update, and waits until it is in effect.
    pub fn update(&mut self, update: &AccessUpdate) {
        let applied = Arc::new(AtomicUsize::new(0));
        for core in &self.cores {
            let applied = Arc::clone(&applied);
            let reply = Reply::new(move |()| _ = applied.fetch_add(1, Ordering::Relaxed));
            core.submit(CoreTask::Update(update.clone(), reply));
        }
        self.run_until_idle();
        self.run_until_replied(&applied);
    }

    /// Replaces the settings of all cores, with the usual HTTP policy, and waits until they are in use.
    pub fn use_settings(&mut self, settings: &SimulatorSettings) {
        let used = Arc::new(AtomicUsize::new(0));
        for (core, shard) in self.cores.iter().zip(self.shards.shards()) {
            let used = Arc::clone(&used);
            let reply = Reply::new(move |()| _ = used.fetch_add(1, Ordering::Relaxed));
            core.command(CoreCommand::UseSettings(Box::new(settings.of_core(shard)), reply));
        }
        self.run_until_replied(&used);
    }

    /// Lets time pass until there are as many replies as cores.
    fn run_until_replied(&mut self, replies: &AtomicUsize) {
        let mut rounds_left = ROUNDS_MAX;
        while replies.load(Ordering::Relaxed) < self.cores.len() {
            rounds_left = rounds_left.checked_sub(1).expect("every core replies");
            self.run_to_next_deadline();
        }
    }

    /// Runs a whole round of the sweeps of lists, keys and sessions on every core.
    pub fn sweep(&mut self) {
        for core in &mut self.cores {
            let now = core.now();
            for _ in 0..TURNS_OF_A_ROUND {
                core.shard().sweep_access(now);
            }
            while core.shard().sweep_access(now) == Sweep::More {}
        }
    }

    /// Takes the pending events of a core, in their order.
    pub fn take_events_of(&mut self, core: usize) -> Vec<AccessEvent> {
        let core = &mut self.cores[core];
        let reported = std::iter::from_fn(|| core.link.as_ref()?.next_event());
        let mut events: Vec<_> = reported
            .filter_map(|event| match event {
                CoreEvent::Access(event) => Some(event),
                CoreEvent::Ready | CoreEvent::Swarms(..) => None,
            })
            .collect();
        events.extend(std::iter::from_fn(|| core.shard().take_event()));
        events
    }

    /// Takes the pending changes of local peers of a core, in their order. Its other pending events are lost.
    pub fn take_swarm_changes(&mut self, core: usize) -> Vec<SwarmChange> {
        let core = &mut self.cores[core];
        let reported =
            std::iter::from_fn(|| core.link.as_ref()?.next_event()).filter_map(|event| match event {
                CoreEvent::Swarms(_, changes) => Some(changes),
                CoreEvent::Ready | CoreEvent::Access(_) => None,
            });
        let mut changes: Vec<_> = reported.flatten().collect();
        changes.extend(std::iter::from_fn(|| core.shard().take_swarm_changes()).flatten());
        changes
    }

    /// Takes the pending events of all cores, summed as the control plane does.
    ///
    /// # Panics
    /// If the count of a torrent is reported by another core than its owner, or falls.
    pub fn take_events(&mut self) -> CoreEvents {
        let mut events = CoreEvents::default();
        self.take_events_to(&mut events);
        events
    }

    /// Like [`Self::take_events`], but adds them to earlier ones.
    ///
    /// # Panics
    /// As that.
    pub fn take_events_to(&mut self, events: &mut CoreEvents) {
        for core in 0..self.cores.len() {
            for event in self.take_events_of(core) {
                if let AccessEvent::Completed(counts) = &event {
                    let shard = core % self.listeners.len();
                    assert!(counts.iter().all(|(torrent, _)| self.owner(torrent) == shard), "{counts:?}");
                }
                events.add(event);
            }
        }
    }
}

impl CoreEvents {
    fn add(&mut self, event: AccessEvent) {
        match event {
            AccessEvent::Accounts(accounts) => accounts.iter().for_each(|account| self.add_account(account)),
            AccessEvent::Completed(counts) => {
                for (torrent, completed) in counts {
                    let before = self.completed.insert(torrent, completed);
                    assert!(before <= Some(completed), "the count of {torrent} falls");
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
