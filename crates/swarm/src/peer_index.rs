use crate::hashing::PeerHash;
use crate::host_counts::HostCounts;
use crate::limits::INDEX_SEGMENTS;
use hashbrown::HashTable;

/// A hash table from the identity of a peer to its position in a big swarm, with the number of peers of each host.
///
/// It stores positions only; the references are those in the column of the swarm. It is divided into segments that
/// grow one by one, because growing a segment hashes all of its peers.
#[derive(Debug)]
pub(crate) struct PeerIndex {
    segments: Box<[HashTable<u32>]>,
    pub(crate) hosts: HostCounts,
}

/// A position that no peer has.
const NOWHERE: u32 = u32::MAX;

impl PeerIndex {
    pub(crate) fn new(hosts: HostCounts) -> Self {
        Self { segments: (0..INDEX_SEGMENTS).map(|_| HashTable::new()).collect(), hosts }
    }

    /// Returns the position for which `is_peer` holds.
    pub(crate) fn find(&self, hash: PeerHash, is_peer: impl Fn(u32) -> bool) -> Option<u32> {
        self.segment(hash).find(hash.0, |&position| is_peer(position)).copied()
    }

    /// Adds a position. `rehash` returns the hash of the peer at a position.
    pub(crate) fn insert(&mut self, hash: PeerHash, position: u32, rehash: impl Fn(u32) -> PeerHash) {
        self.segment_mut(hash).insert_unique(hash.0, position, |&other| rehash(other).0);
    }

    pub(crate) fn remove(&mut self, hash: PeerHash, position: u32) {
        let removed = self.segment_mut(hash).find_entry(hash.0, |&other| other == position);
        debug_assert!(removed.is_ok(), "every peer of an indexed swarm is in the index");
        if let Ok(entry) = removed {
            entry.remove();
        }
    }

    /// Updates the position of a peer from `from` to `to`.
    pub(crate) fn relocate(&mut self, hash: PeerHash, from: u32, to: u32) {
        let entry = self.segment_mut(hash).find_mut(hash.0, |&other| other == from);
        debug_assert!(entry.is_some(), "every peer of an indexed swarm is in the index");
        if let Some(position) = entry {
            *position = to;
        }
    }

    /// Exchanges the positions of two peers.
    pub(crate) fn swap(&mut self, one: (PeerHash, u32), two: (PeerHash, u32)) {
        self.relocate(one.0, one.1, NOWHERE);
        self.relocate(two.0, two.1, one.1);
        self.relocate(one.0, NOWHERE, two.1);
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let tables: usize = self.segments.iter().map(HashTable::allocation_size).sum();
        size_of::<Self>() + size_of_val(&*self.segments) + tables + self.hosts.heap_bytes()
    }

    /// Memory of the segment of `hash`, in bytes.
    pub(crate) fn segment_bytes(&self, hash: PeerHash) -> usize {
        self.segment(hash).allocation_size()
    }

    fn segment(&self, hash: PeerHash) -> &HashTable<u32> {
        &self.segments[hash.segment(INDEX_SEGMENTS)]
    }

    fn segment_mut(&mut self, hash: PeerHash) -> &mut HashTable<u32> {
        &mut self.segments[hash.segment(INDEX_SEGMENTS)]
    }
}
