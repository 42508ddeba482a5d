use super::pair::Pair;
use super::part::Part;
use super::{Held, TorrentTable};
use crate::limits::{TORRENT_TABLE_PARTS, TORRENT_TABLE_SWEEP_OUT_MAX};
use crate::parted_map::Sweep;
use primitives::{InfoHash, ListSource, TorrentList};

/// Progress of a reload of one source's part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reload {
    None,
    /// The torrents of the source are being put.
    Filling,
    /// Torrents that were not put are being taken off; this part is next.
    Sweeping(usize),
}

impl TorrentTable {
    /// Begins a reload of one source's part of a list: the torrents that are put from here on are all that the source
    /// has. A reload in progress is restarted. Until the sweep, the list has the old torrents and the new ones.
    pub(crate) fn begin(&mut self, list: TorrentList, source: ListSource) {
        let pair = Pair::new(list, source);
        self.reloads[pair.index()] = Reload::Filling;
        for part in &mut self.parts {
            part.make_stale(pair);
        }
    }

    /// Ends a reload: all torrents of the source were put. Without a [`Self::begin`] before, nothing happens.
    pub(crate) fn end(&mut self, list: TorrentList, source: ListSource) {
        let reload = &mut self.reloads[Pair::new(list, source).index()];
        if *reload == Reload::Filling {
            *reload = Reload::Sweeping(0);
        }
    }

    /// Takes off torrents that completed reloads left out, in at most `parts_max` of 4096 parts. `off` is called with
    /// each torrent that no source has on the list any more.
    pub(crate) fn sweep(&mut self, parts_max: usize, off: &mut impl FnMut(TorrentList, InfoHash)) -> Sweep {
        let mut parts_left = parts_max;
        let mut taken_off = 0;
        for pair in Pair::ALL {
            while let Reload::Sweeping(part) = self.reloads[pair.index()] {
                if parts_left == 0 || taken_off >= TORRENT_TABLE_SWEEP_OUT_MAX {
                    return Sweep::More;
                }
                parts_left -= 1;
                taken_off += self.parts[part].take_off_unseen(pair, &mut self.held, off);
                let next = part + 1;
                self.reloads[pair.index()] =
                    if next == TORRENT_TABLE_PARTS { Reload::None } else { Reload::Sweeping(next) };
            }
        }
        Sweep::Done
    }
}

impl Part {
    /// Takes off what the last reload of the pair left out and returns how many.
    fn take_off_unseen(
        &mut self,
        pair: Pair,
        held: &mut Held,
        off: &mut impl FnMut(TorrentList, InfoHash),
    ) -> usize {
        self.freshen(pair);
        let mut taken_off = 0;
        let left_out =
            self.entries.iter_mut().filter(|entry| entry.on().has(pair) && !entry.seen().has(pair));
        for entry in left_out {
            let before = entry.on();
            entry.take_off(pair);
            held.note(before, entry.on());
            taken_off += 1;
            if !entry.on().has_list(pair.list()) {
                off(pair.list(), entry.info_hash);
            }
        }
        if taken_off > 0 {
            held.note_gone(self.remove_vacant());
        }
        taken_off
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{BOUNDS, hash, torrent_table};
    use super::*;
    use ListSource::{Api, File};
    use TorrentList::{Allowed, Denied};

    fn swept(torrent_table: &mut TorrentTable) -> Vec<(TorrentList, InfoHash)> {
        let mut off = Vec::new();
        while torrent_table.sweep(100, &mut |list, info_hash| off.push((list, info_hash))) == Sweep::More {}
        off.sort_unstable();
        off
    }

    #[test]
    fn a_reload_takes_off_torrents_that_the_source_no_longer_has() {
        let mut torrent_table = torrent_table(BOUNDS);
        for number in 0..4 {
            torrent_table.put(Allowed, File, &hash(number));
        }
        torrent_table.put(Allowed, Api, &hash(0));
        torrent_table.put(Denied, File, &hash(1));
        torrent_table.begin(Allowed, File);
        torrent_table.put(Allowed, File, &hash(2));
        torrent_table.put(Allowed, File, &hash(9));
        assert_eq!(torrent_table.len(Allowed), 5);
        assert_eq!(swept(&mut torrent_table), []);
        torrent_table.end(Allowed, File);
        let mut expected = [(Allowed, hash(1)), (Allowed, hash(3))];
        expected.sort_unstable();
        assert_eq!(swept(&mut torrent_table), expected);
        let on = |number| torrent_table.list_status(&hash(number)).on.has_list(Allowed);
        assert_eq!([on(0), on(1), on(2), on(3), on(9)], [true, false, true, false, true]);
        assert!(torrent_table.list_status(&hash(1)).on.has_list(Denied));
        assert_eq!((torrent_table.held.entries, torrent_table.len(Allowed)), (4, 3));
    }

    #[test]
    fn an_end_without_a_beginning_takes_nothing_off() {
        let mut torrent_table = torrent_table(BOUNDS);
        torrent_table.put(Allowed, File, &hash(1));
        torrent_table.end(Allowed, File);
        torrent_table.end(Allowed, Api);
        assert_eq!(swept(&mut torrent_table), []);
        assert_eq!(torrent_table.len(Allowed), 1);
    }

    #[test]
    fn torrents_put_between_the_end_and_the_sweep_stay() {
        let mut torrent_table = torrent_table(BOUNDS);
        for number in 0..100 {
            torrent_table.put(Allowed, Api, &hash(number));
        }
        torrent_table.begin(Allowed, Api);
        torrent_table.end(Allowed, Api);
        assert_eq!(torrent_table.sweep(2000, &mut |_, _| ()), Sweep::More);
        for number in 0..100 {
            torrent_table.put(Allowed, Api, &hash(number));
        }
        assert_eq!(swept(&mut torrent_table), []);
        assert_eq!(torrent_table.len(Allowed), 100);
    }

    #[test]
    fn a_restarted_reload_forgets_torrents_that_the_first_one_put() {
        let mut torrent_table = torrent_table(BOUNDS);
        torrent_table.begin(Denied, File);
        torrent_table.put(Denied, File, &hash(1));
        torrent_table.begin(Denied, File);
        torrent_table.put(Denied, File, &hash(2));
        torrent_table.end(Denied, File);
        assert_eq!(swept(&mut torrent_table), [(Denied, hash(1))]);
        assert_eq!(torrent_table.len(Denied), 1);
    }

    #[test]
    fn a_sweep_pauses_when_it_has_taken_many_off() {
        let mut torrent_table = torrent_table(BOUNDS);
        for number in 0..100_000 {
            torrent_table.put(Allowed, File, &hash(number));
        }
        torrent_table.begin(Allowed, File);
        torrent_table.end(Allowed, File);
        let mut off = 0;
        assert_eq!(torrent_table.sweep(4096, &mut |_, _| off += 1), Sweep::More);
        assert!((512..600).contains(&off), "{off}");
        assert_eq!(swept(&mut torrent_table).len(), 100_000 - off);
        assert!(torrent_table.is_empty());
    }
}
