//! The torrents on the lists, with their counts of completed events.

mod completed;
#[cfg(test)]
mod model;
mod page;
mod pair;
mod part;
mod reload;
#[cfg(test)]
mod testing;

pub use page::TorrentTablePlace;

use crate::limits::{TORRENT_TABLE_ENTRIES_MAX, TORRENT_TABLE_PARTS};
use crate::parted_map::part_of;
use core::hash::BuildHasher;
use pair::{Pair, PairSet};
use part::{Entry, Part};
use primitives::{InfoHash, ListSource, TableSeed, TorrentList};
use reload::Reload;

/// Which torrents are on the lists, and how often each was completed.
///
/// It is divided into parts by a keyed hash of the info hash. A part is sorted, so that a look-up is a binary search,
/// no memory is needed besides the entries, and a page can continue after any torrent.
#[derive(Debug)]
pub struct TorrentTable {
    seed: TableSeed,
    bounds: TorrentTableBounds,
    parts: Box<[Part]>,
    /// Indexed by [`Pair::index`].
    reloads: [Reload; 4],
    held: Held,
    /// Part where the search for changed counts continues.
    next_changed: usize,
    stored_counts: StoredCounts,
}

/// Whether the stored counts have been read. A count without its stored part must not be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StoredCounts {
    Unread,
    Read,
}

/// The limits of a torrent table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TorrentTableBounds {
    /// Torrents in all, at most [`crate::TORRENT_TABLE_ENTRIES_MAX`].
    pub entries_max: u32,
    /// Torrents on no list, kept for their count alone. Where all torrents are served, clients can complete any
    /// torrent; the difference to `entries_max` is reserved for the lists.
    pub counted_max: u32,
}

impl TorrentTableBounds {
    fn assert_valid(self) {
        assert!(self.entries_max <= TORRENT_TABLE_ENTRIES_MAX, "entries_max");
        assert!(self.counted_max <= self.entries_max, "counted_max");
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Held {
    entries: usize,
    /// Entries on no list.
    counted_only: usize,
    on_list: [usize; 2],
    /// Counts that have changed since they were last taken.
    changed: usize,
}

/// The lists that a torrent is on, with the sources, and its completed count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListStatus {
    pub(crate) on: PairSet,
    pub(crate) completed: u64,
}

/// The result of putting a torrent on a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Put {
    /// It was not on the list before.
    New,
    /// It was on the list before, from this source or the other.
    Known,
    /// It was rejected because the limit on torrents was reached.
    Full,
}

/// The result of taking a torrent off a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TakenOff {
    /// It is no longer on the list.
    Off,
    /// The other source keeps it on the list.
    Kept,
    /// This source did not have it on the list.
    Unknown,
}

impl Held {
    /// Updates the totals after the lists of an entry have changed.
    fn note(&mut self, before: PairSet, after: PairSet) {
        for (list, on_list) in TorrentList::ALL.into_iter().zip(&mut self.on_list) {
            *on_list -= usize::from(before.has_list(list));
            *on_list += usize::from(after.has_list(list));
        }
        self.counted_only -= usize::from(before.is_empty());
        self.counted_only += usize::from(after.is_empty());
    }

    /// Counts a new entry, which is on no list yet.
    fn note_entry(&mut self) {
        self.entries += 1;
        self.counted_only += 1;
    }

    /// Subtracts removed entries, which were on no list.
    fn note_gone(&mut self, entries: usize) {
        self.entries -= entries;
        self.counted_only -= entries;
    }
}

impl TorrentTable {
    pub(crate) fn new(bounds: TorrentTableBounds, seed: TableSeed) -> Self {
        bounds.assert_valid();
        Self {
            seed,
            bounds,
            parts: (0..TORRENT_TABLE_PARTS).map(|_| Part::new()).collect(),
            reloads: [Reload::None; 4],
            held: Held::default(),
            next_changed: 0,
            stored_counts: StoredCounts::Unread,
        }
    }

    /// Returns the number of torrents on each list, in the order of [`TorrentList::ALL`].
    #[must_use]
    pub const fn listed(&self) -> [usize; 2] {
        self.held.on_list
    }

    pub(crate) fn use_bounds(&mut self, bounds: TorrentTableBounds) {
        bounds.assert_valid();
        self.bounds = bounds;
    }

    pub(crate) fn list_status(&self, info_hash: &InfoHash) -> ListStatus {
        const UNKNOWN: ListStatus = ListStatus { on: PairSet::EMPTY, completed: 0 };
        if self.held.entries == 0 {
            return UNKNOWN;
        }
        let part = &self.parts[self.part_of(info_hash)];
        part.position(info_hash).map_or(UNKNOWN, |at| {
            let entry = &part.entries[at];
            ListStatus { on: entry.on(), completed: entry.completed() }
        })
    }

    /// Puts a torrent on a list, or marks it as still there.
    pub(crate) fn put(&mut self, list: TorrentList, source: ListSource, info_hash: &InfoHash) -> Put {
        let pair = Pair::new(list, source);
        let part = &mut self.parts[part_of(self.seed.hash_one(info_hash), TORRENT_TABLE_PARTS)];
        part.freshen(pair);
        let at = match part.position(info_hash) {
            Ok(at) => at,
            Err(_) if self.held.entries >= self.bounds.entries_max as usize => return Put::Full,
            Err(at) => {
                part.insert(at, Entry::new(*info_hash));
                self.held.note_entry();
                at
            }
        };
        let entry = &mut part.entries[at];
        let before = entry.on();
        entry.put(pair);
        self.held.note(before, entry.on());
        if before.has_list(list) { Put::Known } else { Put::New }
    }

    /// Takes a torrent off this source's part of a list.
    pub(crate) fn take_off(
        &mut self,
        list: TorrentList,
        source: ListSource,
        info_hash: &InfoHash,
    ) -> TakenOff {
        let pair = Pair::new(list, source);
        let part = &mut self.parts[part_of(self.seed.hash_one(info_hash), TORRENT_TABLE_PARTS)];
        let Ok(at) = part.position(info_hash) else { return TakenOff::Unknown };
        let entry = &mut part.entries[at];
        let before = entry.on();
        if !before.has(pair) {
            return TakenOff::Unknown;
        }
        entry.take_off(pair);
        let after = entry.on();
        self.held.note(before, after);
        if entry.is_vacant() {
            part.remove(at);
            self.held.note_gone(1);
        }
        if after.has_list(list) { TakenOff::Kept } else { TakenOff::Off }
    }

    #[cfg(test)]
    pub(crate) const fn len(&self, list: TorrentList) -> usize {
        self.held.on_list[list as usize]
    }

    #[cfg(test)]
    pub(crate) const fn is_empty(&self) -> bool {
        self.held.entries == 0
    }

    /// Heap memory in bytes, including free room. It visits all parts, so it is not for each request.
    pub(crate) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.parts) + self.parts.iter().map(Part::heap_bytes).sum::<usize>()
    }

    fn part_of(&self, info_hash: &InfoHash) -> usize {
        part_of(self.seed.hash_one(info_hash), TORRENT_TABLE_PARTS)
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{BOUNDS, hash, torrent_table};
    use super::*;
    use crate::testing::crafted;
    use ListSource::{Api, File};
    use TorrentList::{Allowed, Denied};

    fn bytes_per_entry(torrent_table: &TorrentTable) -> f64 {
        torrent_table.heap_bytes() as f64 / torrent_table.held.entries as f64
    }

    #[test]
    fn a_torrent_takes_at_most_40_bytes_with_free_room_at_any_size_from_20_000_to_a_million() {
        let mut torrent_table = torrent_table(TorrentTableBounds { entries_max: 1_000_000, counted_max: 0 });
        for number in 0..1_000_000 {
            assert_eq!(torrent_table.put(Allowed, File, &hash(number)), Put::New);
            if number >= 19_999 && (number + 1).is_power_of_two() || (number + 1) % 20_000 == 0 {
                let bytes = bytes_per_entry(&torrent_table);
                assert!(bytes <= 40.0, "{bytes} bytes at {}", number + 1);
            }
        }
        assert!(bytes_per_entry(&torrent_table) <= 31.0, "{} bytes", bytes_per_entry(&torrent_table));
        assert_eq!(torrent_table.put(Allowed, File, &hash(1_000_000)), Put::Full);
    }

    #[test]
    fn torrents_taken_off_a_list_free_their_memory() {
        let mut torrent_table = torrent_table(BOUNDS);
        assert_eq!(torrent_table.heap_bytes(), 131_072);
        for number in 0..100_000 {
            torrent_table.put(Denied, Api, &hash(number));
        }
        for number in 0..100_000 {
            assert_eq!(torrent_table.take_off(Denied, Api, &hash(number)), TakenOff::Off);
            if number == 50_000 {
                assert!(bytes_per_entry(&torrent_table) <= 40.0, "{} bytes", bytes_per_entry(&torrent_table));
            }
        }
        assert!(torrent_table.heap_bytes() <= 131_072 + 4096 * 27, "{} bytes", torrent_table.heap_bytes());
    }

    #[test]
    fn no_part_of_a_table_is_much_bigger_than_the_others_even_with_crafted_torrents() {
        for torrent in [hash, |number| InfoHash(crafted(number))] {
            let mut torrent_table =
                torrent_table(TorrentTableBounds { entries_max: 100_000, counted_max: 0 });
            for number in 0..100_000 {
                torrent_table.put(Allowed, File, &torrent(number));
            }
            let longest = torrent_table.parts.iter().map(|part| part.entries.len()).max().unwrap();
            assert!((25..=80).contains(&longest), "{longest} entries");
        }
    }
}
