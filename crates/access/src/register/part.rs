use super::pair::{Pair, PairSet};
use crate::limits::{REGISTER_GROWTH, REGISTER_SLACK};
use core::cmp::Ordering;
use primitives::InfoHash;

/// Whether something has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Changed {
    No,
    Yes,
}

/// What is known of one torrent. Plain bytes without padding: there are millions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) info_hash: InfoHash,
    /// The lists that it is on, and who put it there.
    pub(super) on: PairSet,
    /// Who put it there (again) since the last reload of that pair began.
    pub(super) seen: PairSet,
    /// Whether the count has changed since it was last taken.
    pub(super) changed: Changed,
    count: [u8; 4],
}

const _: () = assert!(size_of::<Entry>() == 27);

impl Entry {
    pub(super) const fn new(info_hash: InfoHash) -> Self {
        Self { info_hash, on: PairSet::EMPTY, seen: PairSet::EMPTY, changed: Changed::No, count: [0; 4] }
    }

    pub(super) const fn completed(&self) -> u32 {
        u32::from_ne_bytes(self.count)
    }

    pub(super) const fn set_completed(&mut self, completed: u32) {
        self.count = completed.to_ne_bytes();
    }

    pub(super) fn put(&mut self, pair: Pair) {
        self.on = self.on.with(pair);
        self.seen = self.seen.with(pair);
    }

    pub(super) fn take_off(&mut self, pair: Pair) {
        self.on = self.on.without(pair);
        self.seen = self.seen.without(pair);
    }

    /// Whether there is nothing to know.
    pub(super) const fn is_vacant(&self) -> bool {
        self.on.is_empty() && self.completed() == 0
    }
}

/// The torrents of one part, in the order of their info hashes.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) entries: Vec<Entry>,
    /// Pairs whose marks in this part are from before the last reload.
    stale: PairSet,
    /// Whether the part may have an entry whose count has changed.
    pub(super) changed: Changed,
}

const _: () = assert!(size_of::<Part>() == 32);

impl Part {
    pub(super) const fn new() -> Self {
        Self { entries: Vec::new(), stale: PairSet::EMPTY, changed: Changed::No }
    }

    /// The place of a torrent, or the one that it would have.
    pub(super) fn position(&self, info_hash: &InfoHash) -> Result<usize, usize> {
        self.entries.binary_search_by(|entry| order(&entry.info_hash, info_hash))
    }

    pub(super) fn insert(&mut self, at: usize, entry: Entry) {
        if self.entries.len() == self.entries.capacity() {
            self.entries.reserve_exact((self.entries.len() / REGISTER_GROWTH).max(1));
        }
        self.entries.insert(at, entry);
    }

    pub(super) fn remove(&mut self, at: usize) {
        self.entries.remove(at);
        self.shrink();
    }

    /// Removes the vacant entries. Gives how many.
    pub(super) fn remove_vacant(&mut self) -> usize {
        let before = self.entries.len();
        self.entries.retain(|entry| !entry.is_vacant());
        self.shrink();
        before - self.entries.len()
    }

    /// A reload begins: what is marked as seen is so no more.
    pub(super) fn make_stale(&mut self, pair: Pair) {
        self.stale = self.stale.with(pair);
    }

    /// Takes away the marks from before the reload, before one is made or read.
    pub(super) fn freshen(&mut self, pair: Pair) {
        if self.stale.has(pair) {
            self.stale = self.stale.without(pair);
            for entry in &mut self.entries {
                entry.seen = entry.seen.without(pair);
            }
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
    }

    fn shrink(&mut self) {
        let entries = self.entries.len();
        if self.entries.capacity() - entries > entries / REGISTER_SLACK + 1 {
            self.entries.shrink_to(entries + entries / REGISTER_GROWTH);
        }
    }
}

/// The order of info hashes. Their first bytes decide as one number, but for those that were made to be alike.
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
