use metrics::{Counter, PublishedStatistics, Statistics};
use std::sync::Arc;

/// The figures that the workers publish, in the order of their shards.
#[derive(Debug, Clone)]
pub struct StatisticsSnapshot {
    shards: Vec<Arc<PublishedStatistics>>,
}

impl StatisticsSnapshot {
    /// Creates a snapshot of these shards.
    #[must_use]
    pub const fn new(shards: Vec<Arc<PublishedStatistics>>) -> Self {
        Self { shards }
    }

    /// Returns the figures of each shard.
    #[must_use]
    pub fn shards(&self) -> Vec<Statistics> {
        self.shards.iter().map(|shard| shard.load()).collect()
    }

    /// Returns the sum over all shards.
    #[must_use]
    pub fn total(&self) -> Statistics {
        let mut total = Statistics::default();
        for shard in &self.shards {
            total.merge(&shard.load());
        }
        total
    }

    /// Returns the turns of each shard's timer. A count that stays the same means a stuck core.
    #[must_use]
    pub fn timer_turns(&self) -> Vec<u64> {
        self.shards.iter().map(|shard| shard.load().counter(Counter::TimerTurns)).collect()
    }
}
