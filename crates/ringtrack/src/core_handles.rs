use access::{AccessUpdate, CoreEvent, ListQuery};
use control::Cores;
use crossbeam_channel::{Receiver, Sender, TrySendError};
use primitives::{Query, Reply, Second, ShardCount, ShardId};
use std::time::Instant;
use worker::CoreTask;

/// The control plane's channels to the workers' control queues and back.
#[derive(Debug)]
pub(crate) struct CoreHandles {
    pub(crate) shards: ShardCount,
    /// In the order of the shards.
    pub(crate) tasks: Vec<Sender<CoreTask>>,
    pub(crate) events: Receiver<CoreEvent>,
    /// The instant from which the workers count seconds.
    pub(crate) start: Instant,
}

const SAME: &str = "a refused task is returned as it was";

impl CoreHandles {
    /// Sends a task. Returns it if the worker's queue is full, and also if the worker has exited, which the sender
    /// notices by its deadline.
    fn hand_over(&self, shard: ShardId, task: CoreTask) -> Option<CoreTask> {
        self.tasks[shard.index()].try_send(task).err().map(TrySendError::into_inner)
    }
}

impl Cores for CoreHandles {
    fn shards(&self) -> ShardCount {
        self.shards
    }

    fn query(&self, shard: ShardId, query: Query) -> Result<(), Query> {
        match self.hand_over(shard, CoreTask::Query(query)) {
            None => Ok(()),
            Some(CoreTask::Query(query)) => Err(query),
            Some(_) => unreachable!("{SAME}"),
        }
    }

    fn update(&self, shard: ShardId, update: &AccessUpdate, answer: Reply<()>) -> Result<(), Reply<()>> {
        match self.hand_over(shard, CoreTask::Update(update.clone(), answer)) {
            None => Ok(()),
            Some(CoreTask::Update(_, answer)) => Err(answer),
            Some(_) => unreachable!("{SAME}"),
        }
    }

    fn list(&self, shard: ShardId, query: ListQuery) -> Result<(), ListQuery> {
        match self.hand_over(shard, CoreTask::List(query)) {
            None => Ok(()),
            Some(CoreTask::List(query)) => Err(query),
            Some(_) => unreachable!("{SAME}"),
        }
    }

    fn next_event(&self) -> Option<CoreEvent> {
        self.events.try_recv().ok()
    }

    fn now(&self) -> Second {
        #[expect(clippy::cast_possible_truncation, reason = "136 years of uptime")]
        Second(self.start.elapsed().as_secs() as u32)
    }
}
