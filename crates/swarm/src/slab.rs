use crate::limits::SLAB_CHUNK;
use crate::swarm::{Occupancy, Swarm};
use primitives::PeerReference;
use std::collections::BTreeSet;

/// The swarms of one family, each in a fixed slot.
///
/// It grows by chunks and never moves a swarm. Vacant slots are reused, starting with the first chunks, so that the
/// last chunks become empty; empty chunks are freed.
#[derive(Debug)]
pub(crate) struct Slab<A> {
    chunks: Vec<Chunk<A>>,
    /// Allocated chunks with a free slot.
    with_room: BTreeSet<u32>,
    /// Numbers of chunks that were freed.
    released: Vec<u32>,
    allocated: usize,
}

#[derive(Debug)]
struct Chunk<A> {
    swarms: Vec<Swarm<A>>,
    occupied: u16,
    /// The first vacant slot; vacant slots form a linked list.
    vacant: u16,
}

/// The end of a list of vacant slots.
const NONE: u16 = u16::MAX;
const _: () = assert!(SLAB_CHUNK < NONE as usize);

impl<A: PeerReference> Chunk<A> {
    const RELEASED: Self = Self { swarms: Vec::new(), occupied: 0, vacant: NONE };

    fn has_room(&self) -> bool {
        self.vacant != NONE || self.swarms.len() < self.swarms.capacity()
    }

    /// Puts a swarm into a vacant slot, or after the last one.
    fn insert(&mut self, swarm: Swarm<A>) -> usize {
        self.occupied += 1;
        let Some(place) = self.swarms.get_mut(usize::from(self.vacant)) else {
            self.swarms.push(swarm);
            return self.swarms.len() - 1;
        };
        let index = usize::from(self.vacant);
        if let Occupancy::Vacant { next } = place.occupancy {
            self.vacant = next;
        }
        *place = swarm;
        index
    }

    fn remove(&mut self, index: usize) {
        debug_assert_eq!(self.swarms[index].occupancy, Occupancy::Occupied);
        self.swarms[index] = Swarm::vacant(self.vacant);
        #[expect(clippy::cast_possible_truncation, reason = "below SLAB_CHUNK")]
        let index = index as u16;
        self.vacant = index;
        self.occupied -= 1;
    }
}

impl<A: PeerReference> Slab<A> {
    pub(crate) const fn new() -> Self {
        Self { chunks: Vec::new(), with_room: BTreeSet::new(), released: Vec::new(), allocated: 0 }
    }

    /// The number of slots, including vacant ones and those of freed chunks.
    pub(crate) fn slots(&self) -> u32 {
        to_u32(self.chunks.len() * SLAB_CHUNK)
    }

    /// Whether a swarm can be added without allocating.
    pub(crate) fn has_room(&self) -> bool {
        !self.with_room.is_empty()
    }

    pub(crate) fn insert(&mut self, swarm: Swarm<A>) -> u32 {
        let number = self.with_room.first().copied().unwrap_or_else(|| self.allocate());
        let chunk = &mut self.chunks[number as usize];
        let index = chunk.insert(swarm);
        if !chunk.has_room() {
            self.with_room.remove(&number);
        }
        to_u32(number as usize * SLAB_CHUNK + index)
    }

    pub(crate) fn remove(&mut self, slot: u32) {
        let (number, index) = place(slot);
        self.chunks[number].remove(index);
        self.with_room.insert(to_u32(number));
        // One chunk with room stays, so that a swarm that comes and goes does not allocate a chunk each time.
        if self.chunks[number].occupied == 0 && self.with_room.len() > 1 {
            self.release(number);
        }
    }

    pub(crate) fn get(&self, slot: u32) -> Option<&Swarm<A>> {
        let (chunk, index) = place(slot);
        self.chunks.get(chunk)?.swarms.get(index)
    }

    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut Swarm<A>> {
        let (chunk, index) = place(slot);
        self.chunks.get_mut(chunk)?.swarms.get_mut(index)
    }

    /// Memory in bytes, without peer blocks.
    pub(crate) const fn heap_bytes(&self) -> usize {
        self.allocated * SLAB_CHUNK * size_of::<Swarm<A>>()
            + self.chunks.capacity() * size_of::<Chunk<A>>()
            + self.released.capacity() * size_of::<u32>()
    }

    fn allocate(&mut self) -> u32 {
        let number = self.released.pop().unwrap_or_else(|| {
            self.chunks.push(Chunk::RELEASED);
            to_u32(self.chunks.len() - 1)
        });
        self.chunks[number as usize].swarms = Vec::with_capacity(SLAB_CHUNK);
        self.with_room.insert(number);
        self.allocated += 1;
        number
    }

    fn release(&mut self, number: usize) {
        self.chunks[number] = Chunk::RELEASED;
        self.with_room.remove(&to_u32(number));
        self.released.push(to_u32(number));
        self.allocated -= 1;
    }
}

const fn place(slot: u32) -> (usize, usize) {
    (slot as usize / SLAB_CHUNK, slot as usize % SLAB_CHUNK)
}

fn to_u32(slot: usize) -> u32 {
    u32::try_from(slot).expect("fewer swarms than 2^32: the limit on swarms has 32 bits")
}

#[cfg(test)]
mod tests {
    use super::*;
    use primitives::{CompactIpv4, InfoHash};

    fn filled(swarms: usize) -> (Slab<CompactIpv4>, Vec<u32>) {
        let mut slab = Slab::new();
        let slots = (0..swarms).map(|_| slab.insert(Swarm::new(InfoHash([1; 20])))).collect();
        (slab, slots)
    }

    #[test]
    fn an_emptied_slab_frees_all_chunks_but_one() {
        let (mut slab, slots) = filled(10 * SLAB_CHUNK);
        let full_bytes = slab.heap_bytes();
        for slot in slots {
            slab.remove(slot);
        }
        assert_eq!(slab.allocated, 1);
        assert!(slab.heap_bytes() < full_bytes / 5);
    }

    #[test]
    fn vacant_slots_are_reused_before_new_ones_starting_with_the_first_chunks() {
        let (mut slab, slots) = filled(2 * SLAB_CHUNK);
        for slot in [slots[SLAB_CHUNK + 5], slots[3], slots[7]] {
            slab.remove(slot);
        }
        let reused: Vec<u32> = (0..3).map(|_| slab.insert(Swarm::new(InfoHash([2; 20])))).collect();
        assert_eq!(reused, [slots[7], slots[3], slots[SLAB_CHUNK + 5]]);
        assert!(!slab.has_room());
    }
}
