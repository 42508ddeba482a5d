use crate::directory::SwarmKey;
use core::hash::{BuildHasher, Hasher};
use primitives::{InfoHash, PeerReference, TableSeed};

/// The keyed hash function of the shard's tables.
#[derive(Debug, Clone)]
pub(crate) struct KeyedHasher(pub(crate) TableSeed);

impl KeyedHasher {
    pub(crate) fn key(&self, info_hash: &InfoHash) -> SwarmKey {
        SwarmKey::new(self.hash(&info_hash.0))
    }

    pub(crate) fn peer<A: PeerReference>(&self, peer: &A) -> PeerHash {
        PeerHash(self.hash(peer.identity()))
    }

    pub(crate) fn host<A: PeerReference>(&self, peer: &A) -> HostHash {
        let mut host = A::UNSPECIFIED;
        host.as_mut_bytes()[..A::HOST_BYTES].copy_from_slice(peer.host());
        HostHash(self.peer(&host).0)
    }

    /// Hashes the bytes alone. `hash_one` would also hash their length, which is always the same.
    #[inline]
    fn hash(&self, bytes: &[u8]) -> u64 {
        let mut hasher = self.0.build_hasher();
        hasher.write(bytes);
        hasher.finish()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PeerHash(pub(crate) u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HostHash(pub(crate) u64);

impl PeerHash {
    /// One byte of the hash, for the column that is scanned before identities are compared.
    pub(crate) const fn tag(self) -> u8 {
        // Bits that the index uses neither for its buckets (lowest) nor for its control bytes (highest).
        self.0.to_le_bytes()[6]
    }

    /// The segment of a table that is divided into `segments`, a power of two.
    pub(crate) const fn segment(self, segments: usize) -> usize {
        (self.0 >> 32) as usize & (segments - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use primitives::CompactIpv6;
    use std::collections::HashSet;

    /// Returns different bytes for each number that collide under a hash whose secret the input can cancel: in
    /// foldhash with its public constants, each half of the last 16 bytes makes one factor of a product 0.
    fn crafted<const BYTES: usize>(number: u32) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        let (first, last) = bytes.split_at_mut(BYTES - 16);
        first.copy_from_slice(&number.to_le_bytes()[..BYTES - 16]);
        last.as_chunks_mut::<8>().0.fill(0xc0ac_29b7_c97c_50dd_u64.to_ne_bytes());
        bytes
    }

    #[test]
    fn crafted_info_hashes_and_addresses_do_not_collide() {
        let hasher = KeyedHasher(TableSeed([1; 16]));
        let keys: HashSet<_> = (0..100_000).map(|number| hasher.key(&InfoHash(crafted(number)))).collect();
        let addresses: HashSet<_> =
            (0..=65_535).map(|number| hasher.peer(&CompactIpv6(crafted(number)))).collect();
        assert_eq!((keys.len(), addresses.len()), (100_000, 65_536));
    }
}
