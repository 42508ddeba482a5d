use crate::limits::{MAP_PARTS, MAP_SLACK};
use core::hash::{BuildHasher, Hash};
use hashbrown::HashTable;
use prefetch::prefetch_line;
use primitives::TableSeed;

/// A hash table in parts that grow separately, so that no insertion moves the whole table, and that are swept one by
/// one. The hash is keyed, so that attackers cannot fill one part.
#[derive(Debug)]
pub struct PartedMap<K, V> {
    seed: TableSeed,
    parts: Box<[HashTable<(K, V)>]>,
    len: usize,
    /// Part that the sweep continues with.
    next: usize,
}

/// Whether a sweep is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    /// It is complete, or there was nothing to sweep.
    Done,
    /// A later call has to continue it.
    More,
}

impl Sweep {
    /// Combines two sweeps: done if both are.
    pub(crate) const fn and(self, other: Self) -> Self {
        if matches!(self, Self::Done) { other } else { Self::More }
    }
}

impl<K: Eq + Hash, V> PartedMap<K, V> {
    pub(crate) const PARTS: usize = MAP_PARTS;

    /// Creates an empty map.
    pub fn new(seed: TableSeed) -> Self {
        let parts = (0..Self::PARTS).map(|_| HashTable::new()).collect();
        Self { seed, parts, len: 0, next: 0 }
    }

    /// Returns the value of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        if self.len == 0 {
            return None;
        }
        let hash = self.seed.hash_one(key);
        let found = self.parts[part_of(hash, Self::PARTS)].find(hash, |(other, _)| other == key);
        found.map(|(_, value)| value)
    }

    /// Returns the value of a key, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let hash = self.seed.hash_one(key);
        let found = self.parts[part_of(hash, Self::PARTS)].find_mut(hash, |(other, _)| other == key);
        found.map(|(_, value)| value)
    }

    /// Returns the part of a key, whether it is there or not.
    pub(crate) fn part(&self, key: &K) -> usize {
        part_of(self.seed.hash_one(key), Self::PARTS)
    }

    /// Prefetches the entry of a key. Of several keys in a row, the cache misses overlap.
    pub(crate) fn prefetch(&self, key: &K) {
        let hash = self.seed.hash_one(key);
        // The first entry whose control byte matches is nearly always the right one.
        if let Some((key, value)) = self.parts[part_of(hash, Self::PARTS)].find(hash, |_| true) {
            prefetch_line(key);
            prefetch_line(value);
        }
    }

    /// Adds an entry whose key is not there yet.
    pub fn insert_new(&mut self, key: K, value: V) {
        debug_assert!(self.get(&key).is_none());
        let (seed, hash) = (self.seed, self.seed.hash_one(&key));
        let part = &mut self.parts[part_of(hash, Self::PARTS)];
        part.insert_unique(hash, (key, value), |(other, _)| seed.hash_one(other));
        self.len += 1;
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let hash = self.seed.hash_one(key);
        let part = &mut self.parts[part_of(hash, Self::PARTS)];
        let entry = part.find_entry(hash, |(other, _)| other == key).ok()?;
        let ((_, value), _) = entry.remove();
        self.len -= 1;
        Some(value)
    }

    /// Removes the entries of the next `parts_max` of 1024 parts for which `keep` returns false, and shrinks parts that
    /// are mostly empty. Returns [`Sweep::Done`] after the last part; the next call starts over.
    pub fn sweep(&mut self, parts_max: usize, mut keep: impl FnMut(&K, &mut V) -> bool) -> Sweep {
        let (seed, end) = (self.seed, Self::PARTS.min(self.next.saturating_add(parts_max)));
        for part in &mut self.parts[self.next..end] {
            let before = part.len();
            part.retain(|(key, value)| keep(key, value));
            self.len -= before - part.len();
            if part.capacity() / MAP_SLACK > part.len() {
                part.shrink_to(part.len(), |(other, _)| seed.hash_one(other));
            }
        }
        self.next = end % Self::PARTS;
        if self.next == 0 { Sweep::Done } else { Sweep::More }
    }

    /// Makes the next sweep begin with the first part.
    pub(crate) const fn restart_sweep(&mut self) {
        self.next = 0;
    }

    /// Removes at most `max` entries of one part, passes them to `take` and returns how many.
    pub(crate) fn take_from_part(&mut self, part: usize, max: usize, mut take: impl FnMut(K, V)) -> usize {
        let taken =
            self.parts[part].extract_if(|_| true).take(max).map(|(key, value)| take(key, value)).count();
        self.len -= taken;
        taken
    }

    /// Passes the entries of a part to `visit`. Returns whether there is such a part.
    pub(crate) fn visit_part(&self, part: usize, mut visit: impl FnMut(&K, &V)) -> bool {
        let part = self.parts.get(part);
        part.into_iter().flatten().for_each(|(key, value)| visit(key, value));
        part.is_some()
    }

    /// Whether there are no entries.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of entries.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Heap memory in bytes, without memory owned by the entries.
    pub(crate) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.parts) + self.parts.iter().map(HashTable::allocation_size).sum::<usize>()
    }
}

/// Returns the part of a hash in a table of `parts` parts, a power of two. It uses bits that the parts themselves use
/// neither for buckets (lowest) nor for control bytes (highest).
pub(crate) const fn part_of(hash: u64, parts: usize) -> usize {
    (hash >> 32) as usize & (parts - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{crafted, hash};
    use primitives::{InfoHash, KeyId, PeerAddress, PeerId};

    fn longest_part<K: Eq + Hash>(keys: impl Iterator<Item = K>) -> usize {
        let mut map = PartedMap::<K, ()>::new(TableSeed([1; 16]));
        keys.for_each(|key| map.insert_new(key, ()));
        map.parts.iter().map(HashTable::len).max().unwrap()
    }

    #[test]
    fn crafted_torrents_and_peer_ids_are_spread_like_any_others() {
        let numbers = 0..50_000;
        let peer = PeerAddress::new([192, 0, 2, 1].into(), 6881).unwrap();
        let session = |number| (KeyId(1), hash(7), PeerId(crafted(number)));
        let longest = [
            longest_part(numbers.clone().map(|number| (hash(number), peer))),
            longest_part(numbers.clone().map(|number| (InfoHash(crafted(number)), peer))),
            longest_part(numbers.map(session)),
        ];
        assert!(longest.iter().all(|entries| (49..=120).contains(entries)), "{longest:?} entries");
    }

    #[test]
    fn a_map_shrinks_after_a_sweep() {
        let mut map = PartedMap::<u32, u64>::new(TableSeed([1; 16]));
        let empty = map.heap_bytes();
        for key in 0..100_000 {
            map.insert_new(key, 0);
        }
        assert!(map.heap_bytes() < empty + 100_000 * 40);
        while map.sweep(100, |&key, _| key < 10) == Sweep::More {}
        assert_eq!(map.len(), 10);
        assert!((0..10).all(|key| map.get(&key).is_some()));
        assert!(map.heap_bytes() < empty + 10 * 128, "{}", map.heap_bytes() - empty);
    }

    #[test]
    fn each_entry_is_taken_once() {
        let mut map = PartedMap::<u32, u64>::new(TableSeed([1; 16]));
        for key in 0..5_000 {
            map.insert_new(key, u64::from(key));
        }
        let mut taken = Vec::new();
        for part in 0..PartedMap::<u32, u64>::PARTS {
            while map.take_from_part(part, 2, |key, value| taken.push((key, value))) > 0 {}
        }
        taken.sort_unstable();
        assert_eq!(map.len(), 0);
        assert!(taken.into_iter().eq((0..5_000).map(|key| (key, u64::from(key)))));
    }
}
