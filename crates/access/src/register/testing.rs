use super::{RegisterBounds, TorrentRegister};
use crate::TableSeed;
use primitives::InfoHash;

pub(super) const BOUNDS: RegisterBounds = RegisterBounds { entries_max: 1_000_000, counted_max: 500_000 };

pub(super) fn register(bounds: RegisterBounds) -> TorrentRegister {
    TorrentRegister::new(bounds, TableSeed(0x5eed))
}

/// An info hash for each number, in another order than the numbers.
pub(super) fn hash(number: u32) -> InfoHash {
    let mut bytes = [0; InfoHash::BYTES];
    bytes[..4].copy_from_slice(&number.wrapping_mul(0x9e37_79b1).to_be_bytes());
    bytes[16..].copy_from_slice(&number.to_be_bytes());
    InfoHash(bytes)
}
