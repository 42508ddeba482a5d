use crate::chunk_set::ChunkSet;
use crate::limits::SLAB_CHUNK;
use crate::swarm::{Occupancy, Swarm};
use primitives::{InfoHash, PeerReference};

/// The swarms of one family, each in a fixed slot.
///
/// It grows by chunks and never moves a swarm. Vacant slots are reused, starting with the first chunks, so that the
/// last chunks become empty; empty chunks are freed.
#[derive(Debug)]
pub(crate) struct Slab<A> {
    chunks: Vec<Chunk<A>>,
    /// Allocated chunks with a free slot.
    with_room: ChunkSet,
    /// Numbers of chunks that were freed.
    released: Vec<u32>,
    /// Numbers of the other chunks, in no order.
    allocated: Vec<u32>,
}

#[derive(Debug)]
struct Chunk<A> {
    swarms: Vec<Swarm<A>>,
    occupied: u16,
    /// The first vacant slot; vacant slots form a linked list.
    vacant: u16,
    /// Its place in the list of allocated chunks.
    listed: u32,
}

/// The end of a list of vacant slots.
const NONE: u16 = u16::MAX;
const _: () = assert!(SLAB_CHUNK < NONE as usize);

impl<A: PeerReference> Chunk<A> {
    const RELEASED: Self = Self { swarms: Vec::new(), occupied: 0, vacant: NONE, listed: 0 };

    fn has_room(&self) -> bool {
        self.vacant != NONE || self.swarms.len() < self.swarms.capacity()
    }

    /// Returns the first occupied slot among `slots_max` from `index` on, all the way round.
    fn occupied_from(&self, index: usize, slots_max: usize) -> Option<usize> {
        let (before, after) = self.swarms.split_at_checked(index)?;
        let mut slots = after.iter().zip(index..).chain(before.iter().zip(0..)).take(slots_max);
        slots.find(|(swarm, _)| swarm.occupancy == Occupancy::Occupied).map(|(_, index)| index)
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
        Self { chunks: Vec::new(), with_room: ChunkSet::new(), released: Vec::new(), allocated: Vec::new() }
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
        let number = self.with_room.first().unwrap_or_else(|| self.allocate());
        let chunk = &mut self.chunks[number as usize];
        let index = chunk.insert(swarm);
        if !chunk.has_room() {
            self.with_room.remove(number);
        }
        to_u32(number as usize * SLAB_CHUNK + index)
    }

    /// Whether an earlier chunk than that of `slot` has room.
    pub(crate) fn has_room_before(&mut self, slot: u32) -> bool {
        self.with_room.first().is_some_and(|number| (number as usize) < place(slot).0)
    }

    /// Moves a swarm to the first vacant slot. Returns the slot.
    pub(crate) fn relocate(&mut self, slot: u32) -> Option<u32> {
        let swarm = core::mem::replace(self.get_mut(slot)?, Swarm::new(InfoHash([0; InfoHash::BYTES])));
        let to = self.insert(swarm);
        self.remove(slot);
        Some(to)
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

    /// Returns a random slot, vacant or not, of a chunk that has memory. `None` if there is none.
    pub(crate) fn random_slot(&self, rng: &mut fastrand::Rng) -> Option<u32> {
        let place = rng.usize(0..self.allocated.len().max(1));
        let &number = self.allocated.get(place)?;
        let index = rng.usize(0..self.chunks[number as usize].swarms.len().max(1));
        Some(to_u32(number as usize * SLAB_CHUNK + index))
    }

    /// Returns the first occupied slot among `slots_max` from `slot` on in its chunk.
    pub(crate) fn occupied_from(&self, slot: u32, slots_max: usize) -> Option<u32> {
        let (number, index) = place(slot);
        let index = self.chunks.get(number)?.occupied_from(index, slots_max)?;
        Some(to_u32(number * SLAB_CHUNK + index))
    }

    /// Memory in bytes, without peer blocks.
    pub(crate) const fn heap_bytes(&self) -> usize {
        self.allocated.len() * SLAB_CHUNK * size_of::<Swarm<A>>()
            + self.chunks.capacity() * size_of::<Chunk<A>>()
            + (self.released.capacity() + self.allocated.capacity()) * size_of::<u32>()
            + self.with_room.heap_bytes()
    }

    fn allocate(&mut self) -> u32 {
        let number = self.released.pop().unwrap_or_else(|| {
            self.chunks.push(Chunk::RELEASED);
            to_u32(self.chunks.len() - 1)
        });
        let chunk = &mut self.chunks[number as usize];
        chunk.swarms = Vec::with_capacity(SLAB_CHUNK);
        chunk.listed = to_u32(self.allocated.len());
        self.allocated.push(number);
        self.with_room.insert(number);
        number
    }

    fn release(&mut self, number: usize) {
        let Chunk { listed, .. } = core::mem::replace(&mut self.chunks[number], Chunk::RELEASED);
        self.with_room.remove(to_u32(number));
        self.released.push(to_u32(number));
        self.allocated.swap_remove(listed as usize);
        if let Some(&moved) = self.allocated.get(listed as usize) {
            self.chunks[moved as usize].listed = listed;
        }
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
    use primitives::CompactIpv4;
    use std::collections::BTreeSet;

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
        assert_eq!(slab.allocated.len(), 1);
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

    #[test]
    fn a_random_slot_leads_to_every_occupied_one_of_the_chunks_that_are_left() {
        let (mut slab, slots) = filled(10 * SLAB_CHUNK);
        let mut rng = fastrand::Rng::with_seed(1);
        let kept = [3, 4, 5, SLAB_CHUNK - 1, 7 * SLAB_CHUNK].map(|place| slots[place]);
        for slot in slots.into_iter().filter(|slot| !kept.contains(slot)) {
            slab.remove(slot);
        }
        let found = (0..100_000).filter_map(|_| slab.occupied_from(slab.random_slot(&mut rng)?, 8));
        assert_eq!(found.collect::<BTreeSet<u32>>(), BTreeSet::from(kept));
        assert_eq!(Slab::<CompactIpv4>::new().random_slot(&mut rng), None);
    }
}
