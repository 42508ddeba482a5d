use super::{TorrentTable, TorrentTableBounds};
use primitives::TableSeed;

pub(super) use crate::testing::hash;

pub(super) const BOUNDS: TorrentTableBounds = crate::testing::BOUNDS.torrent_table;

pub(super) fn torrent_table(bounds: TorrentTableBounds) -> TorrentTable {
    TorrentTable::new(bounds, TableSeed([7; 16]))
}
