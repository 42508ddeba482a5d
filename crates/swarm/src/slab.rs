use crate::limits::SLAB_CHUNK;
use crate::swarm::{Occupancy, Swarm};
use primitives::CompactAddress;

/// The swarms of one family, each in a slot that it keeps as long as it lives. Slots are reused; memory is
/// not given back, since a shard that had as many swarms will have them again.
#[derive(Debug)]
pub(crate) struct Slab<A> {
    chunks: Vec<Vec<Swarm<A>>>,
    vacant: Vec<u32>,
}

impl<A: CompactAddress> Slab<A> {
    pub(crate) const fn new() -> Self {
        Self { chunks: Vec::new(), vacant: Vec::new() }
    }

    /// Slots ever used.
    pub(crate) fn slots(&self) -> u32 {
        let full = self.chunks.len().saturating_sub(1) * SLAB_CHUNK;
        let slots = full + self.chunks.last().map_or(0, Vec::len);
        u32::try_from(slots).expect("fewer swarms than 2^32: the bound on swarms is 32 bits wide")
    }

    pub(crate) fn insert(&mut self, swarm: Swarm<A>) -> u32 {
        if let Some(slot) = self.vacant.pop() {
            *self.get_mut(slot) = swarm;
            return slot;
        }
        let slot = self.slots();
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < SLAB_CHUNK => chunk.push(swarm),
            _ => {
                let mut chunk = Vec::with_capacity(SLAB_CHUNK);
                chunk.push(swarm);
                self.chunks.push(chunk);
            }
        }
        slot
    }

    pub(crate) fn remove(&mut self, slot: u32) {
        let swarm = self.get_mut(slot);
        debug_assert_eq!(swarm.occupancy, Occupancy::Occupied);
        *swarm = Swarm::VACANT;
        self.vacant.push(slot);
    }

    pub(crate) fn get(&self, slot: u32) -> &Swarm<A> {
        &self.chunks[slot as usize / SLAB_CHUNK][slot as usize % SLAB_CHUNK]
    }

    pub(crate) fn get_mut(&mut self, slot: u32) -> &mut Swarm<A> {
        &mut self.chunks[slot as usize / SLAB_CHUNK][slot as usize % SLAB_CHUNK]
    }

    /// Bytes that it holds.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.chunks.len() * SLAB_CHUNK * size_of::<Swarm<A>>()
            + self.chunks.capacity() * size_of::<Vec<Swarm<A>>>()
            + self.vacant.capacity() * size_of::<u32>()
    }
}
