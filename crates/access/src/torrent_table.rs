//! Torrents, beside their swarms.

mod completed;
#[cfg(test)]
mod model;
mod page;
mod pair;
mod part;
mod reload;
#[cfg(test)]
mod testing;

pub use completed::{Counted, Remembered};
pub use page::{ListedTorrent, TorrentTablePlace};

use crate::limits::{TORRENT_TABLE_ENTRIES_MAX, TORRENT_TABLE_PARTS};
use crate::parted_map::part_of;
use core::hash::BuildHasher;
use pair::{Pair, PairSet};
use part::{Entry, Part};
use primitives::{InfoHash, ListSource, TableSeed, TorrentList};
use reload::Reload;

/// Which torrents are on the lists, and how often each was completed.
///
/// It is cut into parts by a keyed hash of the info hash. A part is sorted, so that a look-up is a search by halves,
/// nothing but the torrents takes memory, and a page can go on behind any torrent.
#[derive(Debug)]
pub struct TorrentTable {
    seed: TableSeed,
    bounds: TorrentTableBounds,
    parts: Box<[Part]>,
    /// By pair.
    reloads: [Reload; 4],
    held: Held,
    /// The part where the search for changed counts goes on.
    next_changed: usize,
    stored_counts: StoredCounts,
}

/// Whether the counts that are stored have been taken in. A count that lacks what is stored must not be stored itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StoredCounts {
    Unread,
    Read,
}

/// How much a register may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TorrentTableBounds {
    /// Torrents in all, at most [`crate::TORRENT_TABLE_ENTRIES_MAX`].
    pub entries_max: u32,
    /// Of these, such as are on no list and are kept for their count alone. Anyone can complete any torrent where all are
    /// served: what is left between both bounds is for the lists.
    pub counted_max: u32,
}

/// How much it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Held {
    entries: usize,
    /// On no list.
    counted_only: usize,
    /// Torrents on each list.
    on_list: [usize; 2],
    /// Counts that have changed since they were last taken.
    changed: usize,
}

/// What is known of a torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListStatus {
    /// On [`TorrentList::Allowed`].
    pub allowed: Membership,
    /// On [`TorrentList::Denied`].
    pub denied: Membership,
    /// Completed events.
    pub completed: u64,
}

/// Whether a torrent is on a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// It is, by one source at least.
    On,
    /// It is not.
    Off,
}

/// What became of a torrent that was to be put on a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It is on the list now.
    New,
    /// It was on the list before, by this source or the other.
    Known,
    /// It found no place.
    Full,
}

/// What became of a torrent that was to be taken off a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenOff {
    /// It is not on the list any more.
    Off,
    /// The other source keeps it there.
    Kept,
    /// This source had not put it there.
    Unknown,
}

impl ListStatus {
    const UNKNOWN: Self = Self { allowed: Membership::Off, denied: Membership::Off, completed: 0 };
}

impl Membership {
    const fn of(on: PairSet, list: TorrentList) -> Self {
        if on.has_list(list) { Self::On } else { Self::Off }
    }
}

impl Held {
    /// The lists of an entry have changed.
    fn note(&mut self, before: PairSet, after: PairSet) {
        for (list, on_list) in TorrentList::ALL.into_iter().zip(&mut self.on_list) {
            *on_list -= usize::from(before.has_list(list));
            *on_list += usize::from(after.has_list(list));
        }
        self.counted_only -= usize::from(before.is_empty());
        self.counted_only += usize::from(after.is_empty());
    }

    /// An entry that is on no list yet has come.
    fn note_entry(&mut self) {
        self.entries += 1;
        self.counted_only += 1;
    }

    /// Entries that were on no list have gone.
    fn note_gone(&mut self, entries: usize) {
        self.entries -= entries;
        self.counted_only -= entries;
    }
}

impl TorrentTable {
    /// A register without torrents.
    ///
    /// # Panics
    /// When the bounds are not within those that they name.
    #[must_use]
    pub fn new(bounds: TorrentTableBounds, seed: TableSeed) -> Self {
        assert!(bounds.entries_max <= TORRENT_TABLE_ENTRIES_MAX, "entries_max");
        assert!(bounds.counted_max <= bounds.entries_max, "counted_max");
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

    /// What is known of a torrent.
    #[must_use]
    pub fn list_status(&self, info_hash: &InfoHash) -> ListStatus {
        if self.held.entries == 0 {
            return ListStatus::UNKNOWN;
        }
        let part = &self.parts[self.part_of(info_hash)];
        let Ok(at) = part.position(info_hash) else { return ListStatus::UNKNOWN };
        let entry = &part.entries[at];
        ListStatus {
            allowed: Membership::of(entry.on(), TorrentList::Allowed),
            denied: Membership::of(entry.on(), TorrentList::Denied),
            completed: entry.completed(),
        }
    }

    /// Puts a torrent on a list, or notes that it is still there.
    pub fn put(&mut self, list: TorrentList, source: ListSource, info_hash: &InfoHash) -> Put {
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

    /// Takes a torrent off a list, as far as this source has put it there.
    pub fn take_off(&mut self, list: TorrentList, source: ListSource, info_hash: &InfoHash) -> TakenOff {
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

    /// Torrents on a list.
    #[must_use]
    pub const fn len(&self, list: TorrentList) -> usize {
        self.held.on_list[list as usize]
    }

    /// Torrents that something is known of.
    #[must_use]
    pub const fn entries(&self) -> usize {
        self.held.entries
    }

    /// Whether nothing is known.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.held.entries == 0
    }

    /// Bytes that it holds, with the room that is not in use; itself not included. It asks all parts: not for each
    /// request.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
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

    #[test]
    fn a_torrent_is_on_a_list_as_long_as_one_source_has_it_there() {
        let mut torrent_table = torrent_table(BOUNDS);
        assert_eq!(torrent_table.put(Allowed, File, &hash(1)), Put::New);
        assert_eq!(torrent_table.put(Allowed, Api, &hash(1)), Put::Known);
        assert_eq!(torrent_table.put(Allowed, File, &hash(1)), Put::Known);
        assert_eq!(torrent_table.take_off(Allowed, File, &hash(1)), TakenOff::Kept);
        assert_eq!(torrent_table.take_off(Allowed, File, &hash(1)), TakenOff::Unknown);
        assert_eq!(torrent_table.list_status(&hash(1)).allowed, Membership::On);
        assert_eq!(torrent_table.take_off(Allowed, Api, &hash(1)), TakenOff::Off);
        assert_eq!(torrent_table.list_status(&hash(1)), ListStatus::UNKNOWN);
        assert_eq!((torrent_table.entries(), torrent_table.len(Allowed)), (0, 0));
    }

    #[test]
    fn the_two_lists_do_not_touch_each_other() {
        let mut torrent_table = torrent_table(BOUNDS);
        torrent_table.put(Allowed, File, &hash(1));
        assert_eq!(torrent_table.put(Denied, File, &hash(1)), Put::New);
        let list_status = torrent_table.list_status(&hash(1));
        assert_eq!((list_status.allowed, list_status.denied), (Membership::On, Membership::On));
        torrent_table.take_off(Allowed, File, &hash(1));
        let list_status = torrent_table.list_status(&hash(1));
        assert_eq!((list_status.allowed, list_status.denied), (Membership::Off, Membership::On));
        assert_eq!((torrent_table.len(Allowed), torrent_table.len(Denied)), (0, 1));
    }

    #[test]
    fn a_full_register_says_so_and_takes_what_it_knows() {
        let mut torrent_table = torrent_table(TorrentTableBounds { entries_max: 3, counted_max: 1 });
        for number in 0..3 {
            assert_eq!(torrent_table.put(Allowed, File, &hash(number)), Put::New);
        }
        assert_eq!(torrent_table.put(Allowed, File, &hash(3)), Put::Full);
        assert_eq!(torrent_table.put(Denied, File, &hash(2)), Put::New);
        assert_eq!(torrent_table.entries(), 3);
        torrent_table.take_off(Allowed, File, &hash(0));
        assert_eq!(torrent_table.put(Allowed, File, &hash(3)), Put::New);
    }

    fn bytes_per_entry(torrent_table: &TorrentTable) -> f64 {
        torrent_table.heap_bytes() as f64 / torrent_table.entries() as f64
    }

    #[test]
    fn a_torrent_takes_40_bytes_at_most_with_the_room_for_growth_at_any_size_from_20_000_to_a_million() {
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
    fn what_is_taken_off_gives_its_memory_back() {
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
    fn no_part_of_a_register_is_much_bigger_than_the_others_even_if_the_torrents_are_crafted() {
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
