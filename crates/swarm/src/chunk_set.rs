/// A set of chunks of the slab, one bit each. A chunk that comes and goes allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct ChunkSet {
    words: Vec<u64>,
    len: usize,
    /// No word before this one has a bit.
    first: usize,
}

impl ChunkSet {
    pub(crate) const fn new() -> Self {
        Self { words: Vec::new(), len: 0, first: 0 }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Returns the lowest number. It takes a look at one word per 64 chunks that have left the set since the last call.
    pub(crate) fn first(&mut self) -> Option<u32> {
        while self.words.get(self.first).is_some_and(|&word| word == 0) {
            self.first += 1;
        }
        let bit = self.words.get(self.first)?.trailing_zeros();
        u32::try_from(self.first).ok().map(|word| word * u64::BITS + bit)
    }

    /// Adds a number, if it is not in the set.
    pub(crate) fn insert(&mut self, number: u32) {
        let (word, bit) = place(number);
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.len += usize::from(self.words[word] & bit == 0);
        self.words[word] |= bit;
        self.first = self.first.min(word);
    }

    /// Removes a number, if it is in the set.
    pub(crate) fn remove(&mut self, number: u32) {
        let (word, bit) = place(number);
        if let Some(word) = self.words.get_mut(word) {
            self.len -= usize::from(*word & bit != 0);
            *word &= !bit;
        }
    }

    pub(crate) const fn heap_bytes(&self) -> usize {
        self.words.capacity() * size_of::<u64>()
    }
}

const fn place(number: u32) -> (usize, u64) {
    ((number / u64::BITS) as usize, 1 << (number % u64::BITS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn it_holds_what_an_ordered_set_holds() {
        let (mut set, mut expected) = (ChunkSet::new(), BTreeSet::new());
        let mut rng = fastrand::Rng::with_seed(3);
        for _ in 0..10_000 {
            let number = rng.u32(0..300);
            if rng.u8(0..5) < 2 {
                set.insert(number);
                expected.insert(number);
            } else {
                set.remove(number);
                expected.remove(&number);
            }
            assert_eq!((set.first(), set.len()), (expected.first().copied(), expected.len()));
            assert_eq!(set.is_empty(), expected.is_empty());
        }
    }
}
