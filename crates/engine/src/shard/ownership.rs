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
}
