use crate::directory::SwarmKey;
use core::hash::BuildHasher;
use foldhash::SharedSeed;
use foldhash::quality::SeedableRandomState;
use primitives::{CompactAddress, InfoHash};

/// The keyed hash of the shard's tables. Its seed is secret and random: who does not know it cannot foresee which
/// info hashes or addresses collide.
#[derive(Debug, Clone)]
pub(crate) struct KeyedHasher {
    state: SeedableRandomState,
}

impl KeyedHasher {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: SeedableRandomState::with_seed(seed, SharedSeed::global_fixed()) }
    }

    pub(crate) fn key(&self, info_hash: &InfoHash) -> SwarmKey {
        SwarmKey::new(self.state.hash_one(info_hash.0))
    }

    pub(crate) fn address<A: CompactAddress>(&self, address: &A) -> AddressHash {
        AddressHash(self.state.hash_one(address.as_bytes()))
    }
}

/// The hash of a peer's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AddressHash(pub(crate) u64);

impl AddressHash {
    /// One byte of it, for the column that is scanned before addresses are compared.
    pub(crate) const fn tag(self) -> u8 {
        // Bits that neither the index's buckets (lowest) nor its control bytes (highest) are made of.
        self.0.to_le_bytes()[6]
    }

    /// Its part of a table cut into `segments`, a power of two.
    pub(crate) const fn segment(self, segments: usize) -> usize {
        (self.0 >> 32) as usize & (segments - 1)
    }
}
