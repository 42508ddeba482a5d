use primitives::{ListSource, TorrentList};

/// A list and one of its sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair {
    list: TorrentList,
    source: ListSource,
}

impl Pair {
    /// All pairs, each at its [`Self::index`].
    pub(super) const ALL: [Self; 4] = [
        Self { list: TorrentList::Allowed, source: ListSource::File },
        Self { list: TorrentList::Allowed, source: ListSource::Api },
        Self { list: TorrentList::Denied, source: ListSource::File },
        Self { list: TorrentList::Denied, source: ListSource::Api },
    ];

    pub(super) const fn new(list: TorrentList, source: ListSource) -> Self {
        Self { list, source }
    }

    pub(super) const fn list(self) -> TorrentList {
        self.list
    }

    pub(super) const fn index(self) -> usize {
        2 * self.list as usize + self.source as usize
    }

    pub(super) const fn bit(self) -> u8 {
        1 << self.index()
    }
}

/// A set of pairs, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PairSet(pub(super) u8);

impl PairSet {
    pub(super) const EMPTY: Self = Self(0);

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) const fn has(self, pair: Pair) -> bool {
        self.0 & pair.bit() != 0
    }

    pub(super) const fn with(self, pair: Pair) -> Self {
        Self(self.0 | pair.bit())
    }

    pub(super) const fn without(self, pair: Pair) -> Self {
        Self(self.0 & !pair.bit())
    }

    /// Whether the set contains the list with any source.
    pub(crate) const fn has_list(self, list: TorrentList) -> bool {
        self.0 & 0b11 << (2 * list as usize) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_has_a_bit_of_its_own_list() {
        for (index, pair) in Pair::ALL.into_iter().enumerate() {
            assert_eq!(pair.index(), index);
            let only = PairSet::EMPTY.with(pair);
            for list in TorrentList::ALL {
                assert_eq!(only.has_list(list), list == pair.list());
            }
            assert_eq!(Pair::ALL.into_iter().filter(|&other| only.has(other)).collect::<Vec<_>>(), [pair]);
            assert!(only.without(pair).is_empty());
        }
    }
}
