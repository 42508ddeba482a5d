use crate::bucket_table::{BucketTable, Entry};
use crate::limits::DIRECTORY_SEGMENTS;

/// A hash table from info hash to the slot of the swarm in the slab.
///
/// It stores 32 bits of the hash with each slot, so that growing reads only what it moves, and a probe reads the slab
/// only where these bits match. It is divided into segments that grow one by one.
#[derive(Debug)]
pub(crate) struct Directory {
    segments: Box<[BucketTable]>,
    heap_bytes: usize,
}

/// The keyed hash of an info hash, as the directory looks it up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SwarmKey {
    segment: u16,
    hash: u32,
}

const _: () = assert!(DIRECTORY_SEGMENTS <= 1 << 16);

impl SwarmKey {
    #[expect(clippy::cast_possible_truncation, reason = "the lower half of the hash")]
    pub(crate) const fn new(hash: u64) -> Self {
        Self { segment: ((hash >> 32) as usize % DIRECTORY_SEGMENTS) as u16, hash: hash as u32 }
    }
}

impl Directory {
    pub(crate) fn new() -> Self {
        let segments: Box<[_]> = (0..DIRECTORY_SEGMENTS).map(|_| BucketTable::default()).collect();
        let heap_bytes = size_of_val(&*segments);
        Self { segments, heap_bytes }
    }

    /// Prefetches the memory where a search begins.
    pub(crate) fn prefetch(&self, key: SwarmKey) {
        self.segments[usize::from(key.segment)].prefetch(key.hash);
    }

    /// Returns the slot with this key for which `is_swarm` holds.
    pub(crate) fn find(&self, key: SwarmKey, is_swarm: impl Fn(u32) -> bool) -> Option<u32> {
        self.segments[usize::from(key.segment)].find(key.hash, is_swarm)
    }

    pub(crate) fn insert(&mut self, key: SwarmKey, slot: u32) {
        let segment = &mut self.segments[usize::from(key.segment)];
        let before = segment.heap_bytes();
        segment.insert(Entry { hash: key.hash, slot });
        self.heap_bytes += segment.heap_bytes() - before;
    }

    pub(crate) fn remove(&mut self, key: SwarmKey, slot: u32) {
        let segment = &mut self.segments[usize::from(key.segment)];
        let before = segment.heap_bytes();
        let removed = segment.remove(Entry { hash: key.hash, slot });
        debug_assert!(removed, "every swarm is in the directory");
        self.heap_bytes -= before - segment.heap_bytes();
    }

    pub(crate) const fn heap_bytes(&self) -> usize {
        self.heap_bytes
    }
}
