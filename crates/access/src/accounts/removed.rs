use crate::limits::REMOVED_KEYS_MAX;
use core::hash::BuildHasher;
use hashbrown::HashTable;
use primitives::{KeyId, TableSeed};

/// Removed keys, until the sweep has visited all sessions.
#[derive(Debug)]
pub(super) struct RemovedKeys {
    seed: TableSeed,
    keys: HashTable<Removed>,
}

#[derive(Debug, Clone, Copy)]
struct Removed {
    key: KeyId,
    rounds: Rounds,
}

/// How many ends of rounds a removed key waits for. The round in progress began before the key was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rounds {
    Two,
    One,
}

impl RemovedKeys {
    pub(super) fn new(seed: TableSeed) -> Self {
        Self { seed, keys: HashTable::new() }
    }

    /// Adds a removed key, if there is room.
    pub(super) fn add(&mut self, key: KeyId) {
        if self.keys.len() >= REMOVED_KEYS_MAX || self.has(key) {
            return;
        }
        let (seed, hash) = (self.seed, self.seed.hash_one(key));
        self.keys.insert_unique(hash, Removed { key, rounds: Rounds::Two }, |other| seed.hash_one(other.key));
    }

    pub(super) fn has(&self, key: KeyId) -> bool {
        !self.keys.is_empty() && self.keys.find(self.seed.hash_one(key), |other| other.key == key).is_some()
    }

    /// Forgets a key that is used again: it has been added again.
    pub(super) fn note_used(&mut self, key: KeyId) {
        if self.keys.is_empty() {
            return;
        }
        if let Ok(entry) = self.keys.find_entry(self.seed.hash_one(key), |other| other.key == key) {
            entry.remove();
        }
    }

    /// Ends a round of the sweep.
    pub(super) fn end_round(&mut self) {
        self.keys.retain(|removed| {
            let is_through = removed.rounds == Rounds::One;
            removed.rounds = Rounds::One;
            !is_through
        });
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.keys.allocation_size()
    }
}
