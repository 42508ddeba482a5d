use crate::limits::{CORE_ANSWER_MS_MAX, CORE_RETRY_MS};
use crate::management::{Answer, ChangePermit, ManagementError};
use access::AccessUpdate;
use core_link::{CoreCommand, CoreHandle, CoreSettings, CoreTask, Cores, Reply};
use database::{Database, WriteBehind};
use primitives::ShardId;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::RwLock;
use tokio::sync::oneshot::{Receiver, channel};
use tokio::time::{Instant, sleep, timeout_at};

/// What the subjects of the management share: the cores that receive their changes, and the database that stores them.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) cores: Cores,
    pub(crate) database: Option<Database>,
    pub(crate) write_behind: WriteBehind,
    /// Read-locked by each change that has begun; write-locked while another process has the stored data.
    pub(crate) changes: Arc<RwLock<()>>,
}

impl Shared {
    /// Begins a change of stored data, unless another process has them.
    pub(crate) fn begin_change(&self) -> Option<ChangePermit> {
        Arc::clone(&self.changes).try_read_owned().ok().map(|lock| ChangePermit { _running: Some(lock) })
    }

    /// Sends a change to all cores, which apply changes in the order in which they were sent, and waits until all have
    /// applied it.
    pub(crate) async fn update(&self, update: AccessUpdate) -> Result<(), ManagementError> {
        self.ask_all(|answer| CoreTask::Update(update.clone(), answer)).await.map(drop)
    }

    /// Sends each core a command, and returns their replies in the order of the shards.
    pub(crate) async fn command_all<T: Send + 'static>(
        &self,
        command: impl Fn(ShardId, Reply<T>) -> CoreCommand,
    ) -> Result<Vec<T>, ManagementError> {
        let mut awaited = Vec::new();
        for core in self.cores.handles() {
            let command = |reply| command(core.shard(), reply);
            awaited.push(send(|command| core.command(command), command).await);
        }
        replies(awaited).await
    }

    /// Replaces the settings of all cores, which are in the order of the shards, and waits until all use them.
    pub(crate) async fn use_settings(&self, settings: &[CoreSettings]) -> Result<(), ManagementError> {
        let of = |shard: ShardId| Box::new(settings[shard.index()].clone());
        self.command_all(|shard, reply| CoreCommand::UseSettings(of(shard), reply)).await.map(drop)
    }

    /// Sends a task to all cores at the same time and returns their replies in the order of the shards.
    pub(crate) async fn ask_all<T: Send + 'static>(
        &self,
        task: impl Fn(Reply<T>) -> CoreTask,
    ) -> Result<Vec<T>, ManagementError> {
        let mut awaited = Vec::new();
        for core in self.cores.handles() {
            awaited.push(ask(core, &task).await);
        }
        replies(awaited).await
    }
}

/// The wait for the reply to a message.
pub(crate) struct Awaited<T> {
    reply: Receiver<T>,
    deadline: Instant,
}

impl<T> Awaited<T> {
    pub(crate) async fn reply(self) -> Result<T, ManagementError> {
        let reply = timeout_at(self.deadline, self.reply).await;
        reply.ok().and_then(Result::ok).ok_or(ManagementError::CoreBusy)
    }
}

/// Waits for all replies. A core that does not reply is no reason to leave the others out.
async fn replies<T>(awaited: Vec<Result<Awaited<T>, ManagementError>>) -> Result<Vec<T>, ManagementError> {
    let mut replies = Vec::with_capacity(awaited.len());
    for awaited in awaited {
        replies.push(match awaited {
            Ok(awaited) => awaited.reply().await,
            Err(error) => Err(error),
        });
    }
    replies.into_iter().collect()
}

/// Sends a task to a core.
pub(crate) async fn ask<T: Send + 'static>(
    core: &CoreHandle,
    task: impl FnOnce(Reply<T>) -> CoreTask,
) -> Result<Awaited<T>, ManagementError> {
    send(|task| core.submit(task), task).await
}

/// Sends a message that carries a reply, again and again while too many wait.
async fn send<T: Send + 'static, M>(
    send: impl Fn(M) -> Result<(), M>,
    message: impl FnOnce(Reply<T>) -> M,
) -> Result<Awaited<T>, ManagementError> {
    let (sender, reply) = channel();
    let deadline = Instant::now() + Duration::from_millis(CORE_ANSWER_MS_MAX);
    // The receiver is gone if the wait was given up.
    let mut message = message(Reply::new(move |value| drop(sender.send(value))));
    while let Err(back) = send(message) {
        message = back;
        if Instant::now() >= deadline {
            return Err(ManagementError::CoreBusy);
        }
        sleep(Duration::from_millis(CORE_RETRY_MS)).await;
    }
    Ok(Awaited { reply, deadline })
}

/// Completes the work even if the requester goes away meanwhile: a change without an acknowledgement is better than one
/// that only some of the cores have.
pub(crate) fn to_the_end<S, T, F>(subject: &Arc<S>, work: impl FnOnce(Arc<S>) -> F) -> Answer<'static, T>
where
    T: Send + 'static,
    F: Future<Output = Result<T, ManagementError>> + Send + 'static,
{
    let work = work(Arc::clone(subject));
    Box::pin(async move {
        match tokio::spawn(work).await {
            Ok(outcome) => outcome,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // The runtime is shutting down.
                Err(_) => Err(ManagementError::CoreBusy),
            },
        }
    })
}

/// Locks a mutex whose contents stay usable after a panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
