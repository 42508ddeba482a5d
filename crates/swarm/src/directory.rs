use crate::limits::{DIRECTORY_SEGMENT_KEPT, DIRECTORY_SEGMENTS};
use hashbrown::HashTable;

/// From an info hash to the slot of its swarm in the slab.
///
/// It keeps 32 bits of the hash beside each slot: a growth then reads what it moves and nothing else, and a
/// probe looks into the slab only where they agree. It is cut into segments that grow one by one.
#[derive(Debug)]
pub(crate) struct Directory {
    segments: Box<[HashTable<Entry>]>,
    heap_bytes: usize,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: u32,
    slot: u32,
}

/// The keyed hash of an info hash, cut into its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DirectoryKey {
    segment: usize,
    hash: u32,
}

impl DirectoryKey {
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is one part")]
    pub(crate) fn new(hash: u64) -> Self {
        Self { segment: (hash >> 32) as usize % DIRECTORY_SEGMENTS, hash: hash as u32 }
    }
}

impl Entry {
    /// The table takes its bucket from the lowest bits and its control byte from the highest; an odd factor
    /// brings 32 uniform bits to both.
    const fn table_hash(hash: u32) -> u64 {
        (hash as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

impl Directory {
    pub(crate) fn new() -> Self {
        let segments: Box<[_]> = (0..DIRECTORY_SEGMENTS).map(|_| HashTable::new()).collect();
        let heap_bytes = size_of_val(&*segments);
        Self { segments, heap_bytes }
    }

    /// The slot for which `is_swarm` holds.
    pub(crate) fn find(&self, key: DirectoryKey, is_swarm: impl Fn(u32) -> bool) -> Option<u32> {
        self.segments[key.segment]
            .find(Entry::table_hash(key.hash), |entry| entry.hash == key.hash && is_swarm(entry.slot))
            .map(|entry| entry.slot)
    }

    pub(crate) fn insert(&mut self, key: DirectoryKey, slot: u32) {
        let segment = &mut self.segments[key.segment];
        let before = segment.allocation_size();
        let entry = Entry { hash: key.hash, slot };
        segment.insert_unique(Entry::table_hash(key.hash), entry, |other| Entry::table_hash(other.hash));
        self.heap_bytes += segment.allocation_size() - before;
    }

    pub(crate) fn remove(&mut self, key: DirectoryKey, slot: u32) {
        let segment = &mut self.segments[key.segment];
        let removed = segment.find_entry(Entry::table_hash(key.hash), |entry| entry.slot == slot);
        debug_assert!(removed.is_ok(), "every swarm is in the directory");
        if let Ok(entry) = removed {
            entry.remove();
        }
        if segment.capacity() > DIRECTORY_SEGMENT_KEPT && segment.len() < segment.capacity() / 4 {
            let before = segment.allocation_size();
            segment.shrink_to(segment.len() * 2, |other| Entry::table_hash(other.hash));
            self.heap_bytes -= before - segment.allocation_size();
        }
    }

    /// Bytes that it holds.
    pub(crate) const fn heap_bytes(&self) -> usize {
        self.heap_bytes
    }
}
