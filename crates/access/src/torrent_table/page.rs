use super::TorrentTable;
use super::part::Entry;
use crate::limits::{TORRENT_TABLE_PARTS, TORRENT_TABLE_PARTS_PER_PAGE};
use primitives::{InfoHash, TorrentList};

/// Where a page of a list ends. The default is the beginning of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TorrentTablePlace {
    part: usize,
    /// Last torrent of the part that was visited.
    after: Option<InfoHash>,
}

impl TorrentTable {
    /// Returns whether a torrent is on a list.
    #[must_use]
    pub fn is_on(&self, list: TorrentList, info_hash: &InfoHash) -> bool {
        self.list_status(info_hash).on.has_list(list)
    }

    /// Reports at most `entries_max` torrents of a list, from a place on. Returns the place to continue with, if
    /// there may be more; a page may be short or empty without being the last.
    ///
    /// Torrents may come and go between two pages; one that stays is reported exactly once.
    pub fn page(
        &self,
        list: TorrentList,
        from: TorrentTablePlace,
        entries_max: usize,
        mut tell: impl FnMut(InfoHash),
    ) -> Option<TorrentTablePlace> {
        let end = TORRENT_TABLE_PARTS.min(from.part.saturating_add(TORRENT_TABLE_PARTS_PER_PAGE));
        let mut left = entries_max;
        let mut after = from.after;
        for part in from.part..end {
            for entry in self.entries_behind(part, after).iter().filter(|entry| entry.on().has_list(list)) {
                if left == 0 {
                    return Some(TorrentTablePlace { part, after });
                }
                left -= 1;
                after = Some(entry.info_hash);
                tell(entry.info_hash);
            }
            after = None;
        }
        (end < TORRENT_TABLE_PARTS).then_some(TorrentTablePlace { part: end, after: None })
    }

    fn entries_behind(&self, part: usize, after: Option<InfoHash>) -> &[Entry] {
        let entries = &self.parts[part].entries;
        let begin = after.map_or(0, |after| entries.partition_point(|entry| entry.info_hash <= after));
        &entries[begin..]
    }
}

#[cfg(test)]
mod tests {
    use super::super::pair::Pair;
    use super::super::testing::{BOUNDS, hash, torrent_table};
    use super::*;
    use primitives::ListSource;
    use std::collections::BTreeMap;

    fn pages(
        torrent_table: &mut TorrentTable,
        list: TorrentList,
        entries_max: usize,
        mut between: impl FnMut(&mut TorrentTable),
    ) -> BTreeMap<InfoHash, [bool; 2]> {
        let mut listed = BTreeMap::new();
        let mut place = Some(TorrentTablePlace::default());
        while let Some(from) = place {
            let mut entries = 0;
            place = torrent_table.page(list, from, entries_max, |torrent| {
                entries += 1;
                let on = torrent_table.list_status(&torrent).on;
                let sources =
                    [ListSource::File, ListSource::Api].map(|source| on.has(Pair::new(list, source)));
                assert_eq!(listed.insert(torrent, sources), None, "reported twice");
            });
            assert!(entries <= entries_max);
            between(torrent_table);
        }
        listed
    }

    #[test]
    fn the_pages_of_a_list_contain_all_its_torrents_with_their_sources() {
        let mut torrent_table = torrent_table(BOUNDS);
        for number in 0..30_000 {
            let list = if number % 3 == 0 { TorrentList::Denied } else { TorrentList::Allowed };
            if number % 2 == 0 {
                torrent_table.put(list, ListSource::File, &hash(number));
            }
            if number % 5 != 0 || number % 2 != 0 {
                torrent_table.put(list, ListSource::Api, &hash(number));
            }
        }
        for (list, torrents) in [(TorrentList::Allowed, 20_000), (TorrentList::Denied, 10_000)] {
            let listed = pages(&mut torrent_table, list, 100, |_| ());
            assert_eq!(listed.len(), torrents);
            assert_eq!(torrent_table.len(list), torrents);
            for number in (0..30_000_u32).filter(|number| (number % 3 == 0) == (list == TorrentList::Denied))
            {
                let sources = [number % 2 == 0, number % 5 != 0 || number % 2 != 0];
                assert_eq!(listed[&hash(number)], sources);
                assert!(
                    TorrentList::ALL
                        .iter()
                        .all(|of| torrent_table.is_on(*of, &hash(number)) == (*of == list))
                );
            }
        }
    }

    #[test]
    fn a_torrent_that_stays_is_reported_once_whatever_comes_and_goes_meanwhile() {
        let mut torrent_table = torrent_table(BOUNDS);
        let (list, source) = (TorrentList::Allowed, ListSource::File);
        for number in 0..20_000 {
            torrent_table.put(list, source, &hash(number));
        }
        let mut step = 0;
        let listed = pages(&mut torrent_table, list, 50, |torrent_table| {
            for number in step * 40..(step + 1) * 40 {
                torrent_table.take_off(list, source, &hash(20_000 - 2 * (number % 5_000) - 1));
                torrent_table.put(list, source, &hash(20_000 + number));
            }
            step += 1;
        });
        assert!((0..10_000).all(|number| listed.contains_key(&hash(2 * number))));
        assert!((0..5_000).all(|number| listed.contains_key(&hash(2 * number + 1))));
    }

    #[test]
    fn an_empty_page_continues_where_it_began() {
        let mut torrent_table = torrent_table(BOUNDS);
        torrent_table.put(TorrentList::Allowed, ListSource::File, &hash(1));
        let mut place = TorrentTablePlace::default();
        for _ in 0..100 {
            place = torrent_table.page(TorrentList::Allowed, place, 0, |_| ()).unwrap();
        }
        let mut listed = 0;
        while let Some(next) = torrent_table.page(TorrentList::Allowed, place, 1, |_| listed += 1) {
            place = next;
        }
        assert_eq!(listed, 1);
    }
}
