use crate::limits::{CORE_ANSWER_MS_MAX, CORE_RETRY_MS};
use crate::management::ManagementError;
use access::{AccessUpdate, CoreEvent, ListQuery, ListedPage, TorrentTablePlace};
use primitives::{Query, Reply, Second, ShardCount, ShardId, TorrentList};
use std::time::Duration;
use tokio::sync::oneshot::{Receiver, channel};
use tokio::time::{Instant, sleep, timeout_at};

/// The cores, as management sees them. No method waits for a core.
pub trait Cores: Send + Sync + 'static {
    /// Returns the number of shards; each has one core.
    fn shards(&self) -> ShardCount;

    /// Sends a core a query about its torrents.
    ///
    /// # Errors
    /// Returns the query when the core's queue is full.
    fn query(&self, shard: ShardId, query: Query) -> Result<(), Query>;

    /// Sends a change to a core, which applies changes in the order in which they were sent.
    ///
    /// # Errors
    /// Returns the reply when the core's queue is full.
    fn update(&self, shard: ShardId, update: &AccessUpdate, answer: Reply<()>) -> Result<(), Reply<()>>;

    /// Asks a core for a page of its part of a list.
    ///
    /// # Errors
    /// Returns the query when the core's queue is full.
    fn list(&self, shard: ShardId, query: ListQuery) -> Result<(), ListQuery>;

    /// Returns the next event from the cores, if there is one.
    fn next_event(&self) -> Option<CoreEvent>;

    /// Returns the current second on the cores' clock.
    fn now(&self) -> Second;
}

/// A reply that is waited for until a deadline.
struct Awaited<T> {
    receiver: Receiver<T>,
    deadline: Instant,
}

impl<T> Awaited<T> {
    async fn get(self) -> Result<T, ManagementError> {
        let answer = timeout_at(self.deadline, self.receiver).await;
        answer.ok().and_then(Result::ok).ok_or(ManagementError::CoreBusy)
    }
}

/// Queries all cores at the same time and returns their replies in the order of the shards.
pub(crate) async fn ask_all<T: Send + 'static>(
    cores: &impl Cores,
    question: impl Fn(Reply<T>) -> Query,
) -> Result<Vec<T>, ManagementError> {
    let mut awaited = Vec::new();
    for shard in cores.shards().shards() {
        awaited.push(begin(cores, shard, &question).await?);
    }
    all(awaited).await
}

pub(crate) async fn ask_list(
    cores: &impl Cores,
    shard: ShardId,
    (list, from): (TorrentList, TorrentTablePlace),
    torrents_max: usize,
) -> Result<ListedPage, ManagementError> {
    let (answer, awaited) = awaited_answer();
    let mut query = ListQuery { list, from, torrents_max, answer };
    while let Err(back) = cores.list(shard, query) {
        query = back;
        retry_before(awaited.deadline).await?;
    }
    awaited.get().await
}

/// Sends a change to all cores and waits until all have applied it.
pub(crate) async fn update_all(cores: &impl Cores, update: &AccessUpdate) -> Result<(), ManagementError> {
    let mut awaited = Vec::new();
    for shard in cores.shards().shards() {
        let (mut answer, waiting) = awaited_answer();
        while let Err(back) = cores.update(shard, update, answer) {
            answer = back;
            retry_before(waiting.deadline).await?;
        }
        awaited.push(waiting);
    }
    all(awaited).await.map(drop)
}

async fn begin<T: Send + 'static>(
    cores: &impl Cores,
    shard: ShardId,
    question: impl FnOnce(Reply<T>) -> Query,
) -> Result<Awaited<T>, ManagementError> {
    let (answer, awaited) = awaited_answer();
    let mut query = question(answer);
    while let Err(back) = cores.query(shard, query) {
        query = back;
        retry_before(awaited.deadline).await?;
    }
    Ok(awaited)
}

fn awaited_answer<T: Send + 'static>() -> (Reply<T>, Awaited<T>) {
    let (sender, receiver) = channel();
    let deadline = Instant::now() + Duration::from_millis(CORE_ANSWER_MS_MAX);
    // The receiver is gone if the wait was given up.
    (Reply::new(move |value| drop(sender.send(value))), Awaited { receiver, deadline })
}

async fn retry_before(deadline: Instant) -> Result<(), ManagementError> {
    if Instant::now() >= deadline {
        return Err(ManagementError::CoreBusy);
    }
    sleep(Duration::from_millis(CORE_RETRY_MS)).await;
    Ok(())
}

async fn all<T>(awaited: Vec<Awaited<T>>) -> Result<Vec<T>, ManagementError> {
    let mut answers = Vec::with_capacity(awaited.len());
    for waiting in awaited {
        answers.push(waiting.get().await?);
    }
    Ok(answers)
}
