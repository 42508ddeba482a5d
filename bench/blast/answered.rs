/// The set of answered peers, one bit each.
#[derive(Debug)]
pub(crate) struct Answered {
    bits: Vec<u64>,
    pub(crate) count: u64,
}

impl Answered {
    pub(crate) fn new(peers: u64) -> Self {
        let words = usize::try_from(peers.div_ceil(64)).expect("a bit for each peer fits in memory");
        Self { bits: vec![0; words], count: 0 }
    }

    pub(crate) fn has(&self, peer: u64) -> bool {
        self.word(peer).is_none_or(|word| word >> (peer % 64) & 1 == 1)
    }

    pub(crate) fn add(&mut self, peer: u64) {
        if !self.has(peer) {
            self.bits[(peer / 64) as usize] |= 1 << (peer % 64);
            self.count += 1;
        }
    }

    fn word(&self, peer: u64) -> Option<u64> {
        self.bits.get((peer / 64) as usize).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_counts_once_and_none_beyond_the_last_is_missing() {
        let mut answered = Answered::new(70);
        answered.add(69);
        answered.add(69);
        assert_eq!(answered.count, 1);
        assert!(answered.has(69) && !answered.has(68));
        assert!(answered.has(128));
    }
}
