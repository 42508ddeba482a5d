use crate::latency_snapshot::LatencySnapshot;
use crate::limits::{LATENCY_ANSWER_MS_MAX, LATENCY_POLL_MS};
use crate::supervise::Workers;
use latency::LatencySet;
use primitives::ShardId;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The latencies of all cores since the last dump, collected without making any core wait: each gets an empty set in
/// exchange for the one it has filled.
#[derive(Debug)]
pub(crate) struct Collector {
    spares: Vec<Spare>,
    total: Box<LatencySet>,
    snapshot: Arc<LatencySnapshot>,
}

/// The second set of each core.
#[derive(Debug)]
enum Spare {
    Here(Box<LatencySet>),
    /// The core has it and has not returned the one that it filled before.
    WithCore,
}

/// Whether a core's reply can be waited for.
#[derive(Debug, PartialEq, Eq)]
enum Asking {
    Asked,
    /// The core's command queue is full.
    Refused,
}

impl Collector {
    pub(crate) fn new(workers: &impl Workers, snapshot: Arc<LatencySnapshot>) -> Self {
        let spares = workers.shards().shards().map(|_| Spare::Here(Box::default())).collect();
        Self { spares, total: Box::default(), snapshot }
    }

    /// Asks all cores for their latencies. Returns the cores that accept no commands or do not reply in time; their
    /// latencies are in a later reply.
    pub(crate) async fn collect(&mut self, workers: &impl Workers) -> Vec<ShardId> {
        let mut missing: Vec<ShardId> =
            workers.shards().shards().filter(|&shard| self.ask(workers, shard) == Asking::Refused).collect();
        let deadline = Instant::now() + Duration::from_millis(LATENCY_ANSWER_MS_MAX);
        loop {
            while let Some((shard, answer)) = workers.latency_answer() {
                self.insert(shard, answer);
            }
            if self.waiting(workers).next().is_none() || Instant::now() >= deadline {
                missing.extend(self.waiting(workers));
                return missing;
            }
            sleep(Duration::from_millis(LATENCY_POLL_MS)).await;
        }
    }

    /// Takes the collected latencies, to be written.
    pub(crate) fn take(&mut self) -> Box<LatencySet> {
        std::mem::take(&mut self.total)
    }

    /// Puts back latencies that could not be written.
    pub(crate) fn give_back(&mut self, latencies: &LatencySet) {
        self.total.merge(latencies);
    }

    fn ask(&mut self, workers: &impl Workers, shard: ShardId) -> Asking {
        let spare = &mut self.spares[shard.index()];
        if let Spare::Here(empty) = std::mem::replace(spare, Spare::WithCore)
            && let Err(empty) = workers.ask_latency(shard, empty)
        {
            *spare = Spare::Here(empty);
            return Asking::Refused;
        }
        Asking::Asked
    }

    fn insert(&mut self, shard: ShardId, mut answer: Box<LatencySet>) {
        self.total.merge(&answer);
        self.snapshot.add(&answer);
        answer.clear();
        self.spares[shard.index()] = Spare::Here(answer);
    }

    fn waiting(&self, workers: &impl Workers) -> impl Iterator<Item = ShardId> {
        let with_core = |shard: &ShardId| matches!(self.spares[shard.index()], Spare::WithCore);
        workers.shards().shards().filter(with_core)
    }
}
