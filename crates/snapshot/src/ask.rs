use crate::limits::{CORE_ANSWER_MS_MAX, CORE_RETRY_MS};
use core_link::{CoreHandle, CoreTask, Reply};
use primitives::ShardId;
use std::time::Duration;
use tokio::sync::oneshot::{Receiver, channel};
use tokio::time::{Instant, sleep, timeout_at};

/// A core did not do a task in time: it is overloaded, or its worker has exited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the core of shard {0} does not answer")]
pub struct CoreGone(pub ShardId);

/// The wait for a core's reply.
#[derive(Debug)]
pub(crate) struct Awaited<T> {
    shard: ShardId,
    reply: Receiver<T>,
    deadline: Instant,
}

impl<T> Awaited<T> {
    pub(crate) async fn reply(self) -> Result<T, CoreGone> {
        let reply = timeout_at(self.deadline, self.reply).await;
        reply.ok().and_then(Result::ok).ok_or(CoreGone(self.shard))
    }
}

/// Has a core do a task, and returns its reply.
///
/// # Errors
/// If the core does not do it in time.
pub async fn ask<T: Send + 'static>(
    core: &CoreHandle,
    task: impl FnOnce(Reply<T>) -> CoreTask,
) -> Result<T, CoreGone> {
    submit(core, task).await?.reply().await
}

/// Submits a task to a core, again and again while too many wait. Tasks are done in the order in which they are submitted.
pub(crate) async fn submit<T: Send + 'static>(
    core: &CoreHandle,
    task: impl FnOnce(Reply<T>) -> CoreTask,
) -> Result<Awaited<T>, CoreGone> {
    let (sender, reply) = channel();
    let deadline = Instant::now() + Duration::from_millis(CORE_ANSWER_MS_MAX);
    // The receiver is gone if the wait was given up.
    let mut task = task(Reply::new(move |value| drop(sender.send(value))));
    while let Err(back) = core.submit(task) {
        task = back;
        if Instant::now() >= deadline {
            return Err(CoreGone(core.shard()));
        }
        sleep(Duration::from_millis(CORE_RETRY_MS)).await;
    }
    Ok(Awaited { shard: core.shard(), reply, deadline })
}
