use crate::limits::{CORE_ANSWER_MS_MAX, CORE_RETRY_MS};
use crate::management::ManagementError;
use access::{AccessUpdate, CoreEvent, ListQuery, ListedPage, TorrentTablePlace};
use primitives::{Query, Reply, Second, ShardCount, ShardId, TorrentList};
use std::time::Duration;
use tokio::sync::oneshot::{Receiver, channel};
use tokio::time::{Instant, sleep, timeout_at};

/// The cores, as far as management goes. Nothing here waits for them.
pub trait Cores: Send + Sync + 'static {
    /// The shards, of which each has a core.
    fn shards(&self) -> ShardCount;

    /// Asks a core about its torrents.
    ///
    /// # Errors
    /// The question comes back when too many wait there.
    fn query(&self, shard: ShardId, query: Query) -> Result<(), Query>;

    /// Tells a core of a change, which it takes over behind those that it was told of before.
    ///
    /// # Errors
    /// The answer comes back when too many tasks wait there.
    fn update(&self, shard: ShardId, update: &AccessUpdate, answer: Reply<()>) -> Result<(), Reply<()>>;

    /// Asks a core for a page of its part of a list.
    ///
    /// # Errors
    /// The question comes back when too many tasks wait there.
    fn list(&self, shard: ShardId, query: ListQuery) -> Result<(), ListQuery>;

    /// The next of what the cores have to tell, if there is something.
    fn next_event(&self) -> Option<CoreEvent>;

    /// The second that the cores count now.
    fn now(&self) -> Second;
}

/// An answer that is waited for, and until when.
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

/// Asks all cores at the same time; gives their answers in the order of the shards.
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

/// Asks one core for a page of its part of a list.
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

/// Tells all cores of a change, and waits until it holds everywhere.
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
    // Who asked may have given up.
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
