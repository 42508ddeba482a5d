use crate::limits::LEVELS_MAX;
use crate::prefix::{PrefixLengths, mask_v4, mask_v6};
use crate::source::Source;
use core::hash::BuildHasher;
use core::net::IpAddr;
use primitives::{AddressFamily, TableSeed};
use siphasher::sip::SipHasher13;

/// The place of a prefix's buckets, as a hash that nobody can compute or aim at.
pub(crate) type Key = u64;

/// The keys of the prefixes of one source, the narrowest prefix first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keys {
    keys: [Key; LEVELS_MAX],
    used: usize,
}

impl Keys {
    #[inline]
    pub(crate) fn as_slice(&self) -> &[Key] {
        self.keys.get(..self.used).unwrap_or(&self.keys)
    }

    #[cfg(test)]
    pub(crate) const fn narrowest(&self) -> Key {
        self.keys[0]
    }

    pub(crate) fn widest(&self) -> Key {
        self.as_slice().last().copied().unwrap_or_default()
    }
}

/// The masks of the prefixes that have buckets, the narrowest prefix first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Masks {
    v4: [u32; LEVELS_MAX],
    v6: [u128; LEVELS_MAX],
    used: [usize; 2],
}

impl Masks {
    pub(crate) fn new(lengths: &PrefixLengths) -> Self {
        let mut masks = Self { v4: [0; LEVELS_MAX], v6: [0; LEVELS_MAX], used: [0; 2] };
        let [v4, v6] = AddressFamily::ALL.map(|family| lengths.of_family(family));
        masks.used = [v4.len(), v6.len()];
        masks.v4.iter_mut().zip(v4).for_each(|(mask, &bits)| *mask = mask_v4(bits));
        masks.v6.iter_mut().zip(v6).for_each(|(mask, &bits)| *mask = mask_v6(bits));
        masks
    }
}

/// Computes the keys of sources.
///
/// The widest prefix is hashed by SipHash-1-3. The key of a narrower prefix is a multiplication of the next wider one's,
/// its own bits and a secret: it costs a tenth, and whoever has addresses in one network learns nothing about the keys in
/// another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hasher {
    seed: TableSeed,
    multiplier: Secret,
}

/// An odd number that is not printed.
#[derive(Clone, Copy)]
struct Secret(u64);

impl core::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("Secret")
    }
}

impl Hasher {
    pub(crate) fn new(seed: TableSeed) -> Self {
        // The widest prefixes have 4, 8 or 16 bytes, so none has the hash of these.
        let multiplier = SipHasher13::new_with_key(&seed.0).hash(b"multiplier") | 1;
        Self { seed, multiplier: Secret(multiplier) }
    }

    /// Returns the keys of the prefixes of a source.
    #[inline]
    pub(crate) fn keys(&self, source: Source, masks: &Masks) -> Keys {
        match source.ip() {
            IpAddr::V4(ip) => self.keys_of(masks.used[0], |level| ip.to_bits() & masks.v4[level]),
            IpAddr::V6(ip) => self.keys_of(masks.used[1], |level| ip.to_bits() & masks.v6[level]),
        }
    }

    fn keys_of<B: PrefixBits>(&self, used: usize, bits: impl Fn(usize) -> B) -> Keys {
        let mut keys = Keys { keys: [0; LEVELS_MAX], used };
        let used = used.min(LEVELS_MAX);
        let mut wider = None;
        for level in (0..used).rev() {
            let key = match wider {
                None => bits(level).first(self),
                Some(wider) => bits(level).next(self, wider),
            };
            keys.keys[level] = key;
            wider = Some(key);
        }
        keys
    }

    /// Returns a number that nobody can know.
    pub(crate) fn random(&self) -> u64 {
        self.fold(!self.multiplier.0)
    }

    /// Multiplies by the secret, and mixes both halves of the product.
    fn fold(&self, value: u64) -> u64 {
        let [high, low] = halves(u128::from(value) * u128::from(self.multiplier.0));
        high ^ low
    }
}

/// The leading bits of an address, the others zero.
trait PrefixBits: Copy {
    /// Returns the key of the widest prefix.
    fn first(self, hasher: &Hasher) -> Key;

    /// Returns the key of a prefix in a wider one.
    fn next(self, hasher: &Hasher, wider: Key) -> Key;
}

impl PrefixBits for u32 {
    fn first(self, hasher: &Hasher) -> Key {
        hasher.seed.build_hasher().hash(&self.to_le_bytes())
    }

    fn next(self, hasher: &Hasher, wider: Key) -> Key {
        hasher.fold(wider ^ u64::from(self))
    }
}

impl PrefixBits for u128 {
    fn first(self, hasher: &Hasher) -> Key {
        let [high, low] = halves(self);
        match low {
            0 => hasher.seed.build_hasher().hash(&high.to_le_bytes()),
            _ => hasher.seed.build_hasher().hash(&self.to_le_bytes()),
        }
    }

    fn next(self, hasher: &Hasher, wider: Key) -> Key {
        let [high, low] = halves(self);
        let key = hasher.fold(wider ^ high);
        if low == 0 { key } else { hasher.fold(key ^ low) }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the two halves")]
const fn halves(bits: u128) -> [u64; 2] {
    [(bits >> 64) as u64, bits as u64]
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::{Ipv4Addr, Ipv6Addr};
    use std::collections::HashSet;

    const SETS: u32 = 1 << 13;

    /// Asserts that the narrowest prefixes of the sources are spread over the sets like random ones.
    fn assert_spread(sources: impl Iterator<Item = Source>) {
        let hasher = Hasher::new(TableSeed([7; 16]));
        let keys: HashSet<Key> = sources
            .map(|source| hasher.keys(source, &Masks::new(&PrefixLengths::USUAL)).narrowest())
            .collect();
        assert_eq!(keys.len(), 8 * SETS as usize);
        let mut sets = vec![0; SETS as usize];
        for key in keys {
            sets[usize::try_from(key % u64::from(SETS)).unwrap()] += 1;
        }
        // With 8 on average, one set in a hundred million has 28 by chance.
        assert!(sets.iter().all(|&load| load < 28), "{:?}", sets.iter().max());
    }

    #[test]
    fn the_prefixes_of_one_network_are_spread_over_the_sets() {
        let ipv4 = |host| Source::of(Ipv4Addr::from_bits(0x0a00_0000 + host).into());
        assert_spread((0..8 * SETS).map(ipv4));
        let ipv6 = |site| Source::of(Ipv6Addr::from_bits(0x2001_0db8_0001_u128 << 80 | site << 64).into());
        assert_spread((0..8 * u128::from(SETS)).map(ipv6));
    }

    #[test]
    fn addresses_of_one_prefix_share_its_key_and_no_other() {
        let hasher = Hasher::new(TableSeed([7; 16]));
        let masks = Masks::new(&PrefixLengths::new(&[32, 24, 16], &[128, 64, 48]).unwrap());
        for (first, second, shared) in [
            ("192.0.2.1", "192.0.2.1", [true; 3]),
            ("192.0.2.0", "192.0.2.1", [false, true, true]),
            ("192.0.2.1", "192.0.3.1", [false, false, true]),
            ("192.0.2.1", "192.1.2.1", [false; 3]),
            ("2001:db8::1", "2001:db8::2", [false, true, true]),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", [false, false, true]),
            ("2001:db8:1::1", "2001:db8:2::1", [false; 3]),
        ] {
            let [first, second] = [first, second].map(|ip| {
                let keys = hasher.keys(Source::of(ip.parse().unwrap()), &masks);
                [0, 1, 2].map(|level| keys.as_slice()[level])
            });
            let found = [0, 1, 2].map(|level| first[level] == second[level]);
            assert_eq!(found, shared);
            let distinct: HashSet<Key> = first.into_iter().collect();
            assert_eq!(distinct.len(), 3, "the levels of a source have keys of their own");
        }
    }
}
