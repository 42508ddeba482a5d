use core::fmt;
use core::hash::BuildHasher;
use siphasher::sip::SipHasher13;

/// The secret that keys the hash of a core's tables.
///
/// The hash is SipHash-1-3, as in std's tables: who does not know the seed cannot choose info hashes, peer ids or
/// addresses that collide. A hash whose secret some inputs cancel is not enough, since strangers choose all of these.
#[derive(Clone, Copy)]
pub struct TableSeed(pub [u8; TableSeed::BYTES]);

impl TableSeed {
    /// Bytes of a seed.
    pub const BYTES: usize = 16;
}

impl BuildHasher for TableSeed {
    type Hasher = SipHasher13;

    /// Begins a hash with an empty state that the compiler can see: to copy a kept one costs a third more.
    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_key(&self.0)
    }
}

impl fmt::Debug for TableSeed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TableSeed(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_not_printed_by_accident() {
        assert_eq!(format!("{:?}", TableSeed([7; 16])), "TableSeed(secret)");
    }
}
