use super::snapshot::LatencySnapshot;
use crate::limits::LATENCY_ANSWER_MS_MAX;
use crate::shared::lock;
use core_link::{CoreCommand, CoreHandle, Cores, Reply};
use latency::LatencySet;
use primitives::ShardId;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{Instant, timeout_at};

/// The latencies of all cores since the last dump, collected without making any core wait: each gets an empty set in
/// exchange for the one it has filled.
#[derive(Debug)]
pub(crate) struct Collector {
    cores: Vec<CoreHandle>,
    /// The second set of each core; `None` while the core has it and has not returned the one that it filled before.
    spares: Vec<Option<Box<LatencySet>>>,
    /// Has room for a reply of each core.
    replies: (Sender<CoreLatency>, Receiver<CoreLatency>),
    total: Box<LatencySet>,
    pub(super) snapshot: Arc<LatencySnapshot>,
}

type CoreLatency = (ShardId, Box<LatencySet>);

impl Collector {
    pub(crate) fn new(cores: &Cores, snapshot: Arc<LatencySnapshot>) -> Self {
        let cores = cores.handles().to_vec();
        let spares = cores.iter().map(|_| Some(Box::default())).collect();
        Self { spares, replies: channel(cores.len()), cores, total: Box::default(), snapshot }
    }

    /// Asks all cores for their latencies. Returns the cores that accept no commands or do not reply in time; their
    /// latencies are in a later reply.
    pub(crate) async fn collect(&mut self) -> Vec<ShardId> {
        let mut missing = Vec::new();
        for (core, spare) in self.cores.iter().zip(&mut self.spares) {
            if !ask(core, spare, self.replies.0.clone()) {
                missing.push(core.shard());
            }
        }
        let deadline = Instant::now() + Duration::from_millis(LATENCY_ANSWER_MS_MAX);
        while self.waiting().next().is_some()
            && let Ok(Some((shard, latencies))) = timeout_at(deadline, self.replies.1.recv()).await
        {
            self.insert(shard, latencies);
        }
        missing.extend(self.waiting());
        missing
    }

    /// Takes the collected latencies, to be written.
    pub(crate) fn take(&mut self) -> Box<LatencySet> {
        std::mem::take(&mut self.total)
    }

    /// Puts back latencies that could not be written.
    pub(crate) fn give_back(&mut self, latencies: &LatencySet) {
        self.total.merge(latencies);
    }

    fn insert(&mut self, shard: ShardId, mut latencies: Box<LatencySet>) {
        self.total.merge(&latencies);
        lock(&self.snapshot.since_start).merge(&latencies);
        latencies.clear();
        self.spares[shard.index()] = Some(latencies);
    }

    fn waiting(&self) -> impl Iterator<Item = ShardId> {
        self.cores.iter().zip(&self.spares).filter(|(_, spare)| spare.is_none()).map(|(core, _)| core.shard())
    }
}

/// Asks a core for its latencies, unless its last reply is still missing. Returns whether the core accepts commands, so that
/// its reply can be waited for.
fn ask(core: &CoreHandle, spare: &mut Option<Box<LatencySet>>, replies: Sender<CoreLatency>) -> bool {
    let Some(empty) = spare.take() else { return true };
    let shard = core.shard();
    let reply = Reply::new(move |latencies| drop(replies.try_send((shard, latencies))));
    let asked = core.command(CoreCommand::TakeLatency(empty, reply));
    if let Err(CoreCommand::TakeLatency(empty, _)) = asked {
        *spare = Some(empty);
        return false;
    }
    true
}
