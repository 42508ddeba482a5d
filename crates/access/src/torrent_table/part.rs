use super::pair::{Pair, PairSet};
use crate::limits::{TORRENT_TABLE_GROWTH, TORRENT_TABLE_SLACK};
use core::cmp::Ordering;
use primitives::InfoHash;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Changed {
    No,
    Yes,
}

/// One torrent. Packed without padding, because there are millions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) info_hash: InfoHash,
    /// Lower half: see [`Self::on`]. Upper half: see [`Self::seen`].
    pairs: u8,
    /// Little-endian: [`COUNT_BITS`] of completed events, then [`CHANGED`] and [`HAS_STORED`].
    count: [u8; 6],
}

const _: () = assert!(size_of::<Entry>() == 27);

/// Bits of a count: enough for 70 trillion completed events.
const COUNT_BITS: u32 = 46;

/// The highest count, at which counting stops.
pub(super) const COUNT_MAX: u64 = (1 << COUNT_BITS) - 1;

/// Flag: the count has changed since it was last taken.
const CHANGED: u64 = 1 << COUNT_BITS;

/// Flag: the count includes the stored one.
const HAS_STORED: u64 = CHANGED << 1;

impl Entry {
    pub(super) const fn new(info_hash: InfoHash) -> Self {
        Self { info_hash, pairs: 0, count: [0; 6] }
    }

    /// The lists that the torrent is on, with the sources.
    pub(super) const fn on(&self) -> PairSet {
        PairSet(self.pairs & 0b1111)
    }

    /// The pairs that it was put for since the last reload of each pair began.
    pub(super) const fn seen(&self) -> PairSet {
        PairSet(self.pairs >> 4)
    }

    pub(super) fn completed(&self) -> u64 {
        self.bits() & COUNT_MAX
    }

    pub(super) fn changed(&self) -> Changed {
        if self.bits() & CHANGED == 0 { Changed::No } else { Changed::Yes }
    }

    pub(super) fn set_changed(&mut self, changed: Changed) {
        let others = self.bits() & !CHANGED;
        self.set_bits(if changed == Changed::Yes { others | CHANGED } else { others });
    }

    pub(super) fn count(&mut self) {
        self.set_completed(self.completed() + 1);
    }

    /// Adds a stored count to the events counted before it was read. If it arrives again, as after a read that failed
    /// half way, it adds nothing.
    pub(super) fn add_stored(&mut self, stored: u64) {
        let known = self.completed();
        let is_new = self.bits() & HAS_STORED == 0;
        self.set_completed(if is_new { known.saturating_add(stored) } else { known.max(stored) });
        self.set_bits(self.bits() | HAS_STORED);
    }

    pub(super) fn put(&mut self, pair: Pair) {
        self.pairs |= pair.bit() | pair.bit() << 4;
    }

    pub(super) fn take_off(&mut self, pair: Pair) {
        self.pairs &= !(pair.bit() | pair.bit() << 4);
    }

    fn forget_seen(&mut self, pair: Pair) {
        self.pairs &= !(pair.bit() << 4);
    }

    fn set_completed(&mut self, completed: u64) {
        self.set_bits(self.bits() & !COUNT_MAX | completed.min(COUNT_MAX));
    }

    fn bits(&self) -> u64 {
        let [a, b, c, d, e, f] = self.count;
        u64::from_le_bytes([a, b, c, d, e, f, 0, 0])
    }

    fn set_bits(&mut self, bits: u64) {
        let [a, b, c, d, e, f, ..] = bits.to_le_bytes();
        self.count = [a, b, c, d, e, f];
    }

    /// Whether the entry can be removed: on no list, and no count.
    pub(super) fn is_vacant(&self) -> bool {
        self.on().is_empty() && self.completed() == 0
    }
}

/// The torrents of one part, sorted by info hash.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) entries: Vec<Entry>,
    /// Pairs whose `seen` marks in this part are from before the last reload.
    stale: PairSet,
    /// Whether an entry of the part may have a changed count.
    pub(super) changed: Changed,
}

const _: () = assert!(size_of::<Part>() == 32);

impl Part {
    pub(super) const fn new() -> Self {
        Self { entries: Vec::new(), stale: PairSet::EMPTY, changed: Changed::No }
    }

    /// Returns the index of a torrent, or the index where it would be inserted.
    pub(super) fn position(&self, info_hash: &InfoHash) -> Result<usize, usize> {
        self.entries.binary_search_by(|entry| order(&entry.info_hash, info_hash))
    }

    pub(super) fn insert(&mut self, at: usize, entry: Entry) {
        if self.entries.len() == self.entries.capacity() {
            self.entries.reserve_exact((self.entries.len() / TORRENT_TABLE_GROWTH).max(1));
        }
        self.entries.insert(at, entry);
    }

    pub(super) fn remove(&mut self, at: usize) {
        self.entries.remove(at);
        self.shrink();
    }

    /// Removes vacant entries and returns how many.
    pub(super) fn remove_vacant(&mut self) -> usize {
        let before = self.entries.len();
        self.entries.retain(|entry| !entry.is_vacant());
        self.shrink();
        before - self.entries.len()
    }

    /// Invalidates all `seen` marks of a pair, because a reload begins.
    pub(super) fn make_stale(&mut self, pair: Pair) {
        self.stale = self.stale.with(pair);
    }

    /// Clears invalidated `seen` marks, before one is set or read.
    pub(super) fn freshen(&mut self, pair: Pair) {
        if self.stale.has(pair) {
            self.stale = self.stale.without(pair);
            for entry in &mut self.entries {
                entry.forget_seen(pair);
            }
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
    }

    fn shrink(&mut self) {
        let entries = self.entries.len();
        if self.entries.capacity() - entries > entries / TORRENT_TABLE_SLACK + 1 {
            self.entries.shrink_to(entries + entries / TORRENT_TABLE_GROWTH);
        }
    }
}

/// Compares info hashes. Their first eight bytes decide as one number, except for hashes crafted to be alike.
fn order(one: &InfoHash, other: &InfoHash) -> Ordering {
    head(one).cmp(&head(other)).then_with(|| one.cmp(other))
}

fn head(info_hash: &InfoHash) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = info_hash.0;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn info_hashes_are_in_the_order_of_their_bytes(one: [u8; 20], other: [u8; 20], alike in 0_usize..20) {
            let (one, mut other) = (InfoHash(one), InfoHash(other));
            other.0[..alike].copy_from_slice(&one.0[..alike]);
            prop_assert_eq!(order(&one, &other), one.cmp(&other));
        }
    }
}
