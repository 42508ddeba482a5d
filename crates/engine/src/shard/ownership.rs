use primitives::{InfoHash, ShardCount, ShardId, SteeringKey};

/// The assignment of info hashes to shards, as one of the shards sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ownership {
    pub(crate) steering: SteeringKey,
    pub(crate) shards: ShardCount,
    pub(crate) own: ShardId,
}

impl Ownership {
    pub(crate) fn owner(&self, info_hash: &InfoHash) -> ShardId {
        if self.shards == ShardCount::ONE { self.own } else { self.steering.shard_of(info_hash, self.shards) }
    }

    pub(crate) fn owns(&self, info_hash: &InfoHash) -> bool {
        self.owner(info_hash) == self.own
    }

    /// Answers this shard's torrents of a scrape, and returns the owner of the first torrent that remains. `answered` has
    /// one bit for each torrent.
    pub(crate) fn answer_own<T>(
        &self,
        answered: &mut u128,
        torrents: &mut [T],
        info_hash: impl Fn(&T) -> InfoHash,
        mut answer: impl FnMut(&mut T, &InfoHash),
    ) -> Option<ShardId> {
        let mut next = None;
        for (index, torrent) in torrents.iter_mut().enumerate() {
            if *answered >> index & 1 == 1 {
                continue;
            }
            let info_hash = info_hash(torrent);
            let owner = self.owner(&info_hash);
            if owner == self.own {
                answer(torrent, &info_hash);
                *answered |= 1 << index;
            } else {
                next = next.or(Some(owner));
            }
        }
        next
    }
}
