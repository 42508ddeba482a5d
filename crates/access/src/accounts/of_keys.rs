use crate::parted_map::PartedMap;
use primitives::{KeyId, TableSeed};

/// The number of sessions of each key.
#[derive(Debug)]
pub(super) struct SessionsOfKeys {
    counts: PartedMap<KeyId, u32>,
}

impl SessionsOfKeys {
    pub(super) fn new(seed: TableSeed) -> Self {
        Self { counts: PartedMap::new(seed) }
    }

    pub(super) fn count(&self, key: KeyId) -> u32 {
        self.counts.get(&key).copied().unwrap_or(0)
    }

    pub(super) fn note_begin(&mut self, key: KeyId) {
        match self.counts.get_mut(&key) {
            Some(count) => *count += 1,
            None => self.counts.insert_new(key, 1),
        }
    }

    pub(super) fn note_end(&mut self, key: KeyId) {
        match self.counts.get_mut(&key) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) => drop(self.counts.remove(&key)),
            None => debug_assert!(false, "every session that ends has begun"),
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.counts.heap_bytes()
    }
}
