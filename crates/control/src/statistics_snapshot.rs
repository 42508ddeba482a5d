use primitives::{Counter, PublishedStatistics, Statistics};
use std::sync::Arc;

/// The figures that the workers publish, in the order of their shards.
#[derive(Debug, Clone)]
pub struct StatisticsSnapshot {
    shards: Vec<Arc<PublishedStatistics>>,
}

impl StatisticsSnapshot {
    /// A snapshot of these shards.
    #[must_use]
    pub const fn new(shards: Vec<Arc<PublishedStatistics>>) -> Self {
        Self { shards }
    }

    /// The sum over all shards.
    #[must_use]
    pub fn total(&self) -> Statistics {
        let mut total = Statistics::default();
        for shard in &self.shards {
            total.merge(&shard.load());
        }
        total
    }

    /// Turns of each shard's timer task: a count that stands still is a core that is stuck.
    #[must_use]
    pub fn timer_turns(&self) -> Vec<u64> {
        self.shards.iter().map(|shard| shard.load().counter(Counter::TimerTurns)).collect()
    }
}
