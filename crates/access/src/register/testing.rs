use super::{RegisterBounds, TorrentRegister};
use crate::TableSeed;

pub(super) use crate::testing::hash;

pub(super) const BOUNDS: RegisterBounds = crate::testing::BOUNDS.register;

pub(super) fn register(bounds: RegisterBounds) -> TorrentRegister {
    TorrentRegister::new(bounds, TableSeed(0x5eed))
}
