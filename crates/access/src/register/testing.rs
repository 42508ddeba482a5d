use super::{RegisterBounds, TorrentRegister};
use primitives::TableSeed;

pub(super) use crate::testing::hash;

pub(super) const BOUNDS: RegisterBounds = crate::testing::BOUNDS.register;

pub(super) fn register(bounds: RegisterBounds) -> TorrentRegister {
    TorrentRegister::new(bounds, TableSeed([7; 16]))
}
