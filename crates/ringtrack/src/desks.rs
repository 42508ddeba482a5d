use access::{AccessUpdate, CoreFact, ListInquiry};
use control::Cores;
use crossbeam_channel::{Receiver, Sender, TrySendError};
use primitives::{Answer, Inquiry, Second, ShardCount, ShardId};
use std::time::Instant;
use worker::CoreTask;

/// The control plane's ways to the workers' desks, and theirs back.
#[derive(Debug)]
pub(crate) struct Desks {
    pub(crate) shards: ShardCount,
    /// In the order of the shards.
    pub(crate) tasks: Vec<Sender<CoreTask>>,
    pub(crate) facts: Receiver<CoreFact>,
    /// What the workers count seconds from.
    pub(crate) start: Instant,
}

const SAME: &str = "what comes back is what was sent";

impl Desks {
    /// Hands a task over; it comes back when too many wait. From a worker that has ended, too: who asks finds out by the
    /// time that it takes.
    fn hand_over(&self, shard: ShardId, task: CoreTask) -> Option<CoreTask> {
        self.tasks[shard.index()].try_send(task).err().map(TrySendError::into_inner)
    }
}

impl Cores for Desks {
    fn shards(&self) -> ShardCount {
        self.shards
    }

    fn inquire(&self, shard: ShardId, inquiry: Inquiry) -> Result<(), Inquiry> {
        match self.hand_over(shard, CoreTask::Inquire(inquiry)) {
            None => Ok(()),
            Some(CoreTask::Inquire(inquiry)) => Err(inquiry),
            Some(_) => unreachable!("{SAME}"),
        }
    }

    fn update(&self, shard: ShardId, update: &AccessUpdate, answer: Answer<()>) -> Result<(), Answer<()>> {
        match self.hand_over(shard, CoreTask::Update(update.clone(), answer)) {
            None => Ok(()),
            Some(CoreTask::Update(_, answer)) => Err(answer),
            Some(_) => unreachable!("{SAME}"),
        }
    }

    fn list(&self, shard: ShardId, inquiry: ListInquiry) -> Result<(), ListInquiry> {
        match self.hand_over(shard, CoreTask::List(inquiry)) {
            None => Ok(()),
            Some(CoreTask::List(inquiry)) => Err(inquiry),
            Some(_) => unreachable!("{SAME}"),
        }
    }

    fn next_fact(&self) -> Option<CoreFact> {
        self.facts.try_recv().ok()
    }

    fn now(&self) -> Second {
        #[expect(clippy::cast_possible_truncation, reason = "136 years of uptime")]
        Second(self.start.elapsed().as_secs() as u32)
    }
}
