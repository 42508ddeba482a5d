use core::fmt;
use core::hash::BuildHasher;
use siphasher::sip::SipHasher13;

/// The secret key of the hash function of a core's hash tables.
///
/// The function is SipHash-1-3, as in std: without the seed no one can choose info hashes, peer ids or addresses that
/// collide. A hash whose secret cancels out for some inputs is not enough, because clients choose all of these.
#[derive(Clone, Copy)]
pub struct TableSeed(pub [u8; TableSeed::BYTES]);

impl TableSeed {
    /// Size of a seed in bytes.
    pub const BYTES: usize = 16;
}

impl BuildHasher for TableSeed {
    type Hasher = SipHasher13;

    /// Starts each hash from an empty state that the compiler can see: copying a stored one costs a third more.
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
    fn debug_output_does_not_contain_the_seed() {
        assert_eq!(format!("{:?}", TableSeed([7; 16])), "TableSeed(secret)");
    }
}
