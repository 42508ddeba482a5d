use super::part::{Changed, Entry, Part};
use super::{Held, StoredCounts, TorrentTable};
use crate::policy::Full;
use primitives::InfoHash;

impl TorrentTable {
    /// Counts a completed event of a torrent, and returns the new count.
    pub(crate) fn count_completed(&mut self, info_hash: &InfoHash) -> Result<u64, Full> {
        let (part, at, held) = self.entry_to_count(info_hash)?;
        part.entries[at].count();
        part.mark_changed(at, held);
        Ok(part.entries[at].completed())
    }

    /// Adds a stored count to the events counted before it was read. If it was added before, the larger of it and the
    /// present count stays.
    pub(crate) fn remember_completed(&mut self, info_hash: &InfoHash, completed: u64) -> Result<(), Full> {
        if completed > 0 {
            let (part, at, _) = self.entry_to_count(info_hash)?;
            part.entries[at].add_stored(completed);
        }
        Ok(())
    }

    /// Records that all stored counts have been added.
    pub(crate) const fn end_completed(&mut self) {
        self.stored_counts = StoredCounts::Read;
    }

    /// Adds to `out` at most `max` torrents whose counts have changed since they were last taken, with their present
    /// counts. Adds none before [`Self::end_completed`], because stored counts may be missing in them.
    pub(crate) fn take_dirty(&mut self, max: usize, out: &mut Vec<(InfoHash, u64)>) {
        if self.stored_counts == StoredCounts::Unread {
            return;
        }
        let mut left = max;
        while left > 0 && self.held.changed > 0 {
            let part = &mut self.parts[self.next_changed];
            if part.changed == Changed::Yes {
                left -= part.take_changed(left, &mut self.held, out);
            }
            if part.changed == Changed::No {
                self.next_changed = (self.next_changed + 1) % self.parts.len();
            }
        }
    }

    /// Marks taken counts as changed again, because they could not be stored.
    pub(crate) fn mark_dirty_again(&mut self, counts: &[(InfoHash, u64)]) {
        for (info_hash, _) in counts {
            let part_of = self.part_of(info_hash);
            let part = &mut self.parts[part_of];
            // A torrent with a count is never removed, so the entry is still there.
            if let Ok(at) = part.position(info_hash) {
                part.mark_changed(at, &mut self.held);
            }
        }
    }

    /// Returns the entry of a torrent, and creates it if there is room.
    fn entry_to_count(&mut self, info_hash: &InfoHash) -> Result<(&mut Part, usize, &mut Held), Full> {
        let part_of = self.part_of(info_hash);
        let part = &mut self.parts[part_of];
        let at = match part.position(info_hash) {
            Ok(at) => at,
            Err(at) => {
                let is_full = self.held.entries >= self.bounds.entries_max as usize
                    || self.held.counted_only >= self.bounds.counted_max as usize;
                if is_full {
                    return Err(Full);
                }
                part.insert(at, Entry::new(*info_hash));
                self.held.note_entry();
                at
            }
        };
        Ok((part, at, &mut self.held))
    }
}

impl Part {
    fn mark_changed(&mut self, at: usize, held: &mut Held) {
        self.changed = Changed::Yes;
        held.changed += usize::from(self.entries[at].changed() == Changed::No);
        self.entries[at].set_changed(Changed::Yes);
    }

    /// Takes at most `max` changed counts and returns how many.
    fn take_changed(&mut self, max: usize, held: &mut Held, out: &mut Vec<(InfoHash, u64)>) -> usize {
        let mut changed = self.entries.iter_mut().filter(|entry| entry.changed() == Changed::Yes);
        let before = out.len();
        for entry in changed.by_ref().take(max) {
            entry.set_changed(Changed::No);
            out.push((entry.info_hash, entry.completed()));
        }
        if changed.next().is_none() {
            self.changed = Changed::No;
        }
        let taken = out.len() - before;
        held.changed -= taken;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{BOUNDS, hash, torrent_table};
    use super::*;
    use primitives::{ListSource, TorrentList};

    fn taken(torrent_table: &mut TorrentTable, max: usize) -> Vec<(InfoHash, u64)> {
        let mut out = Vec::new();
        torrent_table.take_dirty(max, &mut out);
        out.sort_unstable();
        out
    }

    #[test]
    fn counts_are_taken_a_few_at_a_time_and_none_is_left_out() {
        let mut torrent_table = torrent_table(BOUNDS);
        torrent_table.end_completed();
        for number in 0..20_000 {
            torrent_table.count_completed(&hash(number)).unwrap();
        }
        let mut all = Vec::new();
        while torrent_table.held.changed > 0 {
            let some = taken(&mut torrent_table, 333);
            assert!((1..=333).contains(&some.len()));
            all.extend(some);
        }
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 20_000);
    }

    #[test]
    fn a_count_is_exact_beyond_32_bits_and_stays_at_its_maximum() {
        let mut torrent_table = torrent_table(BOUNDS);
        torrent_table.remember_completed(&hash(1), 4_294_967_295).unwrap();
        assert_eq!(torrent_table.count_completed(&hash(1)), Ok(4_294_967_296));
        torrent_table.put(TorrentList::Denied, ListSource::File, &hash(1));
        assert_eq!(torrent_table.count_completed(&hash(1)), Ok(4_294_967_297));
        torrent_table.remember_completed(&hash(2), u64::MAX).unwrap();
        assert_eq!(torrent_table.count_completed(&hash(2)), Ok(70_368_744_177_663));
        torrent_table.end_completed();
        assert_eq!(taken(&mut torrent_table, 10).len(), 2);
        assert!(torrent_table.list_status(&hash(1)).on.has_list(TorrentList::Denied));
        assert_eq!(torrent_table.held.changed, 0);
    }
}
