use crate::limits::BUCKET_TABLE_KEPT;
use prefetch::prefetch_line;

/// A hash table of slots whose buckets are cache lines. A probe costs one cache miss; in a table that keeps control
/// bytes apart from entries it costs two.
///
/// A full bucket overflows into the next ones. Invariant: all buckets between the home bucket of an entry and the
/// bucket it is stored in are full, so that a search ends at the first bucket with room.
#[derive(Debug, Default)]
pub(crate) struct BucketTable {
    /// Empty, or a power of two.
    buckets: Box<[Bucket]>,
    entries: usize,
}

const BUCKET_ENTRIES: usize = 8;

/// Average number of entries per bucket at which the table grows.
const BUCKET_LOAD_MAX: usize = 7;

/// Used entries come first.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Bucket {
    hashes: [u32; BUCKET_ENTRIES],
    slots: [u32; BUCKET_ENTRIES],
}

const _: () = assert!(size_of::<Bucket>() == 64);

/// What the table stores of a swarm: 32 bits of its hash, and its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) hash: u32,
    pub(crate) slot: u32,
}

/// Marks an unused entry. No swarm has this slot: there are fewer than 2^32 - 1.
const VACANT: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Place {
    bucket: usize,
    index: usize,
}

impl Bucket {
    const EMPTY: Self = Self { hashes: [0; BUCKET_ENTRIES], slots: [VACANT; BUCKET_ENTRIES] };

    fn is_full(&self) -> bool {
        self.slots[BUCKET_ENTRIES - 1] != VACANT
    }

    fn used(&self) -> usize {
        self.slots.iter().take_while(|&&slot| slot != VACANT).count()
    }

    fn entry(&self, index: usize) -> Entry {
        Entry { hash: self.hashes[index], slot: self.slots[index] }
    }

    fn entries(&self) -> impl Iterator<Item = Entry> {
        self.hashes.into_iter().zip(self.slots).map(|(hash, slot)| Entry { hash, slot }).take(self.used())
    }

    /// Returns the first entry with this hash for which `is_entry` holds.
    fn position(&self, hash: u32, is_entry: impl Fn(u32) -> bool) -> Option<usize> {
        let mut equal = self.equal(hash);
        while equal != 0 {
            let index = equal.trailing_zeros() as usize;
            if self.slots[index] != VACANT && is_entry(self.slots[index]) {
                return Some(index);
            }
            equal &= equal - 1;
        }
        None
    }

    /// Returns a bit for each entry with this hash. Branch-free, so that it is vectorized.
    fn equal(&self, hash: u32) -> u8 {
        let bits = self.hashes.iter().enumerate().map(|(index, &other)| u8::from(other == hash) << index);
        bits.fold(0, |all, bit| all | bit)
    }

    /// Adds an entry to a bucket that is not full.
    fn push(&mut self, entry: Entry) {
        let index = self.used();
        (self.hashes[index], self.slots[index]) = (entry.hash, entry.slot);
    }

    /// Removes an entry by moving the last one into its place.
    fn remove(&mut self, index: usize) {
        let last = self.used() - 1;
        (self.hashes[index], self.slots[index]) = (self.hashes[last], self.slots[last]);
        self.slots[last] = VACANT;
    }
}

impl BucketTable {
    /// Prefetches the bucket where a search for `hash` begins.
    pub(crate) fn prefetch(&self, hash: u32) {
        if let Some(bucket) = self.buckets.get(self.home(hash)) {
            prefetch_line(bucket);
        }
    }

    /// Returns the slot of the entry with this hash for which `is_entry` holds.
    pub(crate) fn find(&self, hash: u32, is_entry: impl Fn(u32) -> bool) -> Option<u32> {
        let place = self.place(hash, is_entry)?;
        Some(self.buckets[place.bucket].slots[place.index])
    }

    /// Adds an entry that is not in the table yet.
    pub(crate) fn insert(&mut self, entry: Entry) {
        debug_assert_ne!(entry.slot, VACANT);
        if self.entries >= self.buckets.len() * BUCKET_LOAD_MAX {
            self.rebuild((self.buckets.len() * 2).max(1));
        }
        self.put(entry);
        self.entries += 1;
    }

    /// Removes an entry and returns whether it was there.
    pub(crate) fn remove(&mut self, entry: Entry) -> bool {
        let Some(place) = self.place(entry.hash, |slot| slot == entry.slot) else { return false };
        self.take_out(place);
        self.entries -= 1;
        let buckets = self.buckets.len();
        if buckets > BUCKET_TABLE_KEPT && self.entries < buckets * BUCKET_LOAD_MAX / 4 {
            self.rebuild(buckets / 2);
        }
        true
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.buckets)
    }

    fn home(&self, hash: u32) -> usize {
        hash as usize & self.buckets.len().wrapping_sub(1)
    }

    fn next(&self, bucket: usize) -> usize {
        (bucket + 1) & (self.buckets.len() - 1)
    }

    fn place(&self, hash: u32, is_entry: impl Fn(u32) -> bool) -> Option<Place> {
        let mut at = self.home(hash);
        loop {
            let bucket = self.buckets.get(at)?;
            if let Some(index) = bucket.position(hash, &is_entry) {
                return Some(Place { bucket: at, index });
            }
            if !bucket.is_full() {
                return None;
            }
            at = self.next(at);
        }
    }

    fn put(&mut self, entry: Entry) {
        let mut at = self.home(entry.hash);
        while self.buckets[at].is_full() {
            at = self.next(at);
        }
        self.buckets[at].push(entry);
    }

    /// Removes an entry and restores the invariant: the gap is filled with a later entry that is outside of its home
    /// bucket, which leaves a new gap.
    fn take_out(&mut self, mut place: Place) {
        loop {
            let bucket = &mut self.buckets[place.bucket];
            let was_full = bucket.is_full();
            bucket.remove(place.index);
            if !was_full {
                return;
            }
            let Some(overflowed) = self.overflowed(place.bucket) else { return };
            let entry = self.buckets[overflowed.bucket].entry(overflowed.index);
            self.buckets[place.bucket].push(entry);
            place = overflowed;
        }
    }

    /// Finds an entry that would be in the bucket `gap` if that had had room.
    fn overflowed(&self, gap: usize) -> Option<Place> {
        let mask = self.buckets.len() - 1;
        let mut at = self.next(gap);
        while at != gap {
            let way = at.wrapping_sub(gap) & mask;
            let has_passed = |entry: Entry| at.wrapping_sub(self.home(entry.hash)) & mask >= way;
            if let Some(index) = self.buckets[at].entries().position(has_passed) {
                return Some(Place { bucket: at, index });
            }
            if !self.buckets[at].is_full() {
                return None;
            }
            at = self.next(at);
        }
        None
    }

    fn rebuild(&mut self, buckets: usize) {
        let empty = vec![Bucket::EMPTY; buckets].into_boxed_slice();
        let old = core::mem::replace(&mut self.buckets, empty);
        for entry in old.iter().flat_map(Bucket::entries) {
            self.put(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    impl BucketTable {
        fn assert_invariant(&self) {
            let in_buckets: usize = self.buckets.iter().map(Bucket::used).sum();
            assert_eq!(in_buckets, self.entries);
            for (at, bucket) in self.buckets.iter().enumerate() {
                for entry in bucket.entries() {
                    let mut between = self.home(entry.hash);
                    while between != at {
                        assert!(self.buckets[between].is_full(), "{entry:?} lies after a bucket with room");
                        between = self.next(between);
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_table_finds_the_entries_that_were_inserted_and_not_removed(
            // Few hashes, so that buckets overflow and wrap around the end.
            steps in prop::collection::vec((any::<bool>(), 0_u32..6, 0_u32..60), 1..400),
        ) {
            let mut table = BucketTable::default();
            let mut model = Vec::new();
            for (inserts, hash, slot) in steps {
                let entry = Entry { hash: hash.wrapping_sub(3), slot };
                let known = model.iter().position(|&other| other == entry);
                match (inserts, known) {
                    (true, None) => {
                        table.insert(entry);
                        model.push(entry);
                    }
                    (false, Some(index)) => {
                        prop_assert!(table.remove(entry));
                        model.swap_remove(index);
                    }
                    (false, None) => prop_assert!(!table.remove(entry)),
                    (true, Some(_)) => {}
                }
                table.assert_invariant();
                for hash in (0_u32..6).map(|hash| hash.wrapping_sub(3)) {
                    for slot in 0..60 {
                        let found = table.find(hash, |other| other == slot).is_some();
                        prop_assert_eq!(found, model.contains(&Entry { hash, slot }));
                    }
                }
            }
        }
    }

    #[test]
    fn a_table_takes_64_bytes_for_7_entries_and_frees_memory_that_it_no_longer_needs() {
        let mut table = BucketTable::default();
        assert_eq!(table.heap_bytes(), 0);
        let entries: Vec<Entry> =
            (0..7_000).map(|slot: u32| Entry { hash: slot.wrapping_mul(0x9e37_79b9), slot }).collect();
        for &entry in &entries[..7] {
            table.insert(entry);
        }
        assert_eq!(table.heap_bytes(), 64);
        for &entry in &entries[7..] {
            table.insert(entry);
        }
        assert_eq!(table.heap_bytes(), 1024 * 64);
        for &entry in &entries[7..] {
            assert!(table.remove(entry));
        }
        assert_eq!(table.heap_bytes(), 4 * 64);
        table.assert_invariant();
    }
}
