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

    #[test]
    fn a_sweep_pauses_when_it_has_taken_many_off() {
        let (list, source) = (TorrentList::Allowed, ListSource::File);
        let mut torrent_table = torrent_table(BOUNDS);
        for number in 0..100_000 {
            torrent_table.put(list, source, &hash(number));
        }
        torrent_table.begin(list, source);
        torrent_table.end(list, source);
        let mut off = 0;
        assert_eq!(torrent_table.sweep(4096, &mut |_, _| off += 1), Sweep::More);
        assert!((512..600).contains(&off), "{off}");
        while torrent_table.sweep(100, &mut |_, _| off += 1) == Sweep::More {}
        assert_eq!(off, 100_000);
        assert!(torrent_table.is_empty());
    }
}
