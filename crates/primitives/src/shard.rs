use crate::InfoHash;
use core::fmt;

/// The most shards one tracker runs. A steering program's index and every mesh table are sized by it; no
/// machine that runs one tracker has more cores to give.
pub const SHARDS_MAX: u16 = 256;

/// A number of shards that is no number of shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardCountError(pub usize);

impl fmt::Display for ShardCountError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} shards: 1 to {SHARDS_MAX} are possible", self.0)
    }
}

impl core::error::Error for ShardCountError {}

/// How many shards the info-hash space is cut into: 1 to [`SHARDS_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardCount(u16);

impl ShardCount {
    /// One shard owns everything.
    pub const ONE: Self = Self(1);

    /// `count` shards.
    ///
    /// # Errors
    /// When `count` is 0 or above [`SHARDS_MAX`].
    pub fn new(count: usize) -> Result<Self, ShardCountError> {
        match u16::try_from(count) {
            Ok(shards @ 1..=SHARDS_MAX) => Ok(Self(shards)),
            _ => Err(ShardCountError(count)),
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// All shards, in order.
    pub fn shards(self) -> impl Iterator<Item = ShardId> {
        (0..self.0).map(ShardId)
    }
}

/// One shard, counted from 0. Also the core's socket in each reuseport group and its place in the mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(u16);

impl ShardId {
    /// The first one, which every tracker has.
    pub const FIRST: Self = Self(0);

    /// The shard at `index`, if there are that many.
    #[must_use]
    pub fn new(index: usize, shards: ShardCount) -> Option<Self> {
        u16::try_from(index).ok().filter(|&index| index < shards.get()).map(Self)
    }

    /// Its place, from 0.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The secret constants of the function from info hash to shard.
///
/// The function is multilinear over the ten big-endian 16-bit words of the hash, modulo 2^32, of which the
/// upper half is kept. It is made of loads, multiplications and additions only, so that the kernel can compute
/// it in classic BPF.
///
/// The family is strongly universal (Lemire and Kaser, "Strongly universal string hashing is fast"): of hashes
/// that were chosen without the key, any two meet on one core by chance only, so many are almost always
/// spread evenly. More is not promised: the function is linear, and who learns the owners of enough torrents can
/// tell those of others.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SteeringKey {
    /// Added once.
    pub addend: u32,
    /// One for each 16-bit word of the info hash.
    pub multipliers: [u32; SteeringKey::WORDS],
}

impl SteeringKey {
    /// 16-bit words in an info hash.
    pub const WORDS: usize = InfoHash::BYTES / 2;

    /// Bytes of randomness that [`SteeringKey::from_random`] takes.
    pub const RANDOM_BYTES: usize = 4 * (1 + Self::WORDS);

    /// A key made of random bytes.
    #[must_use]
    pub fn from_random(random: &[u8; Self::RANDOM_BYTES]) -> Self {
        let (words, _) = random.as_chunks::<4>();
        let mut words = words.iter().map(|&bytes| u32::from_ne_bytes(bytes));
        let addend = words.next().unwrap_or_default();
        Self { addend, multipliers: core::array::from_fn(|_| words.next().unwrap_or_default()) }
    }

    /// The owner of `info_hash`. The kernel's steering program computes the same.
    #[must_use]
    pub fn shard_of(&self, info_hash: &InfoHash, shards: ShardCount) -> ShardId {
        let (words, _) = info_hash.0.as_chunks::<2>();
        let hash = words.iter().zip(&self.multipliers).fold(self.addend, |sum, (&word, &multiplier)| {
            sum.wrapping_add(multiplier.wrapping_mul(u32::from(u16::from_be_bytes(word))))
        });
        // (hash >> 16) < 2^16, so that the product's upper half is below the number of shards.
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
    fn hashes_that_count_up_are_spread_evenly_over_the_shards() {
        let shards = ShardCount::new(7).unwrap();
        let mut hashes_of = [0_u32; 7];
        for number in 0..70_000_u32 {
            let mut bytes = [0; 20];
            bytes[16..].copy_from_slice(&number.to_be_bytes());
            hashes_of[key().shard_of(&InfoHash(bytes), shards).index()] += 1;
        }
        assert!(hashes_of.iter().all(|&count| (8_000..12_000).contains(&count)), "{hashes_of:?}");
    }

    #[test]
    fn the_key_is_never_printed() {
        assert_eq!(format!("{:?}", key()), "SteeringKey(secret)");
    }
}
