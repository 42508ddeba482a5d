use core::fmt;
use core::hash::{BuildHasher, Hash};
use foldhash::SharedSeed;
use foldhash::quality::SeedableRandomState;

/// What the hashes of a core's tables are keyed with. Secret and random, another for each core: who does not know it
/// cannot foresee what collides.
#[derive(Clone, Copy)]
pub struct TableSeed(pub u64);

impl fmt::Debug for TableSeed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TableSeed(secret)")
    }
}

/// The keyed hash of a table.
#[derive(Debug, Clone)]
pub(crate) struct KeyedHasher {
    state: SeedableRandomState,
}

impl KeyedHasher {
    pub(crate) fn new(seed: TableSeed) -> Self {
        Self { state: SeedableRandomState::with_seed(seed.0, SharedSeed::global_fixed()) }
    }

    pub(crate) fn hash(&self, value: &impl Hash) -> u64 {
        self.state.hash_one(value)
    }
}

/// The part that a hash belongs to, of a table cut into `parts`, a power of two. It is made of bits that tell entries
/// of one part apart neither by bucket (lowest) nor by control byte (highest).
pub(crate) const fn part_of(hash: u64, parts: usize) -> usize {
    (hash >> 32) as usize & (parts - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_not_printed_by_accident() {
        assert_eq!(format!("{:?}", TableSeed(7)), "TableSeed(secret)");
    }
}
