use crate::population::{PEERS_WANTED, Population};
use primitives::{CompactIpv4, PeerReference};
use swarm::{Announce, Swarms};

/// A population that is settled on first use.
pub(crate) struct Settling {
    pub(crate) population: Population,
    world: Option<World>,
}

/// A settled population, and announces of its peers.
pub(crate) struct World {
    pub(crate) swarms: Swarms,
    /// Buffer for the peers of a response.
    pub(crate) out: Vec<u8>,
    announces: Vec<Announce<CompactIpv4>>,
    next: usize,
}

impl Settling {
    pub(crate) const fn new(population: Population) -> Self {
        Self { population, world: None }
    }

    pub(crate) fn world(&mut self) -> &mut World {
        let population = self.population;
        self.world.get_or_insert_with(|| World {
            swarms: population.settle(),
            out: vec![0; PEERS_WANTED * CompactIpv4::BYTES],
            announces: population.announces(),
            next: 0,
        })
    }
}

impl World {
    /// Returns an announce of a settled peer.
    pub(crate) fn next(&mut self) -> Announce<CompactIpv4> {
        self.next_batch::<1>()[0]
    }

    /// Returns the next announces.
    pub(crate) fn next_batch<const ANNOUNCES: usize>(&mut self) -> [Announce<CompactIpv4>; ANNOUNCES] {
        let end = self.next + ANNOUNCES;
        self.next = if end + ANNOUNCES > self.announces.len() { 0 } else { end };
        std::array::from_fn(|index| self.announces[self.next + index])
    }
}
