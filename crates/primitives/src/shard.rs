use crate::InfoHash;
use core::fmt;

/// Maximum number of shards of a tracker. It sizes the index of a steering program and every mesh table. No machine
/// that runs a single tracker has more cores to offer.
pub const SHARDS_MAX: u16 = 256;

/// Error for a number of shards that is not 1 to [`SHARDS_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} shards: 1 to {SHARDS_MAX} are possible")]
pub struct ShardCountError(pub usize);

/// The number of shards that the info-hash space is divided into: 1 to [`SHARDS_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardCount(u16);

impl ShardCount {
    /// A single shard, which owns every info hash.
    pub const ONE: Self = Self(1);

    /// Creates a number of shards.
    ///
    /// # Errors
    /// If `count` is 0 or greater than [`SHARDS_MAX`].
    pub fn new(count: usize) -> Result<Self, ShardCountError> {
        match u16::try_from(count) {
            Ok(shards @ 1..=SHARDS_MAX) => Ok(Self(shards)),
            _ => Err(ShardCountError(count)),
        }
    }

    /// Returns the number of shards.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Returns all shards in ascending order.
    pub fn shards(self) -> impl Iterator<Item = ShardId> {
        (0..self.0).map(ShardId)
    }
}

/// The index of a shard, from 0. It is also the index of the core's socket in each reuseport group and of the core in
/// the mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub(crate) u16);

impl ShardId {
    /// The first shard, which every tracker has.
    pub const FIRST: Self = Self(0);

    /// Returns the shard at `index`, if there are that many.
    pub fn new(index: usize, shards: ShardCount) -> Option<Self> {
        u16::try_from(index).ok().filter(|&index| index < shards.get()).map(Self)
    }

    /// Returns the index, from 0.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The secret constants of the function that maps an info hash to a shard.
///
/// The function is multilinear over the ten big-endian 16-bit words of the hash, modulo 2^32, and its upper half is
/// kept. It consists of loads, multiplications and additions only, so that the kernel can compute it in classic BPF.
///
/// The family is strongly universal (Lemire and Kaser, "Strongly universal string hashing is fast"): two hashes
/// chosen without the key collide on a core only by chance, so that a large number of hashes is almost always spread
/// evenly. Nothing more is guaranteed: the function is linear, and someone who learns the owners of enough torrents
/// can compute those of others.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SteeringKey {
    /// Constant term of the sum.
    pub addend: u32,
    /// One factor for each 16-bit word of the info hash.
    pub multipliers: [u32; SteeringKey::WORDS],
}

impl SteeringKey {
    /// Number of 16-bit words in an info hash.
    pub const WORDS: usize = InfoHash::BYTES / 2;

    /// Number of random bytes that [`SteeringKey::from_random`] takes.
    pub const RANDOM_BYTES: usize = 4 * (1 + Self::WORDS);

    /// Creates a key from random bytes.
    pub fn from_random(random: &[u8; Self::RANDOM_BYTES]) -> Self {
        let (words, _) = random.as_chunks::<4>();
        let mut words = words.iter().map(|&bytes| u32::from_ne_bytes(bytes));
        let addend = words.next().unwrap_or_default();
        Self { addend, multipliers: core::array::from_fn(|_| words.next().unwrap_or_default()) }
    }

    /// Returns the owner of `info_hash`. The kernel's steering program computes the same function.
    pub fn shard_of(&self, info_hash: &InfoHash, shards: ShardCount) -> ShardId {
        let (words, _) = info_hash.0.as_chunks::<2>();
        let hash = words.iter().zip(&self.multipliers).fold(self.addend, |sum, (&word, &multiplier)| {
            sum.wrapping_add(multiplier.wrapping_mul(u32::from(u16::from_be_bytes(word))))
        });
        // (hash >> 16) < 2^16, so the upper half of the product is less than the number of shards.
        let scaled = ((hash >> 16) * u32::from(shards.get())) >> 16;
        debug_assert!(scaled < u32::from(shards.get()));
        ShardId(scaled as u16)
    }
}

impl fmt::Debug for SteeringKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SteeringKey(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SteeringKey {
        let mut random = [0; SteeringKey::RANDOM_BYTES];
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for byte in &mut random {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = state.to_be_bytes()[0];
        }
        SteeringKey::from_random(&random)
    }

    #[test]
    fn a_shard_count_is_between_1_and_256() {
        assert!(ShardCount::new(0).is_err());
        assert_eq!(ShardCount::new(1).unwrap().get(), 1);
        assert_eq!(ShardCount::new(256).unwrap().get(), 256);
        assert_eq!(ShardCount::new(257).unwrap_err().to_string(), "257 shards: 1 to 256 are possible");
    }

    #[test]
    fn an_owner_is_the_scaled_high_half_of_the_keyed_sum() {
        let multipliers = [0x8000_0000, 0x0001_0000, 0, 0, 0, 0, 0, 0, 0, 0xff00_0000];
        let key = SteeringKey { addend: 0x0001_0000, multipliers };
        let owner = |hash| key.shard_of(&InfoHash(hash), ShardCount::new(256).unwrap()).index();
        let mut hash = [0; 20];
        assert_eq!(owner(hash), 0);
        hash[..4].copy_from_slice(&[0, 1, 0x12, 0x33]);
        // 0x8000_0000 * 1 + 0x0001_0000 * 0x1233 + 0x0001_0000 = 0x9234_0000; its high half is divided by 256.
        assert_eq!(owner(hash), 0x92);
        hash[19] = 1;
        assert_eq!(owner(hash), 0x91, "the last half word counts, and the sum wraps");
    }

    #[test]
    fn sequential_info_hashes_are_spread_evenly_over_the_shards() {
        let shards = ShardCount::new(7).unwrap();
        let mut hashes_of = [0_u32; 7];
        for number in 0..7_000_u32 {
            let mut bytes = [0; 20];
            bytes[16..].copy_from_slice(&number.to_be_bytes());
            hashes_of[key().shard_of(&InfoHash(bytes), shards).index()] += 1;
        }
        assert!(hashes_of.iter().all(|&count| (800..1_200).contains(&count)), "{hashes_of:?}");
    }

    #[test]
    fn debug_output_does_not_contain_the_steering_key() {
        assert_eq!(format!("{:?}", key()), "SteeringKey(secret)");
    }
}
