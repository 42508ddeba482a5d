//! Tasks for the cores, and the wait for their replies.

use crate::limits::{CORE_ANSWER_MS_MAX, CORE_RETRY_MS};
use crate::management::ManagementError;
use access::AccessUpdate;
use core_link::{CoreHandle, CoreTask, Cores, Reply};
use std::time::Duration;
use tokio::sync::oneshot::{Receiver, channel};
use tokio::time::{Instant, sleep, timeout_at};

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

/// Sends a task to a core and returns its reply.
pub(crate) async fn ask<T: Send + 'static>(
    core: &CoreHandle,
    task: impl FnOnce(Reply<T>) -> CoreTask,
) -> Result<T, ManagementError> {
    begin(core, task).await?.get().await
}

/// Sends a task to all cores at the same time and returns their replies in the order of the shards.
pub(crate) async fn ask_all<T: Send + 'static>(
    cores: &Cores,
    task: impl Fn(Reply<T>) -> CoreTask,
) -> Result<Vec<T>, ManagementError> {
    let mut awaited = Vec::new();
    for core in cores.handles() {
        awaited.push(begin(core, &task).await?);
    }
    let mut answers = Vec::with_capacity(awaited.len());
    for waiting in awaited {
        answers.push(waiting.get().await?);
    }
    Ok(answers)
}

/// Sends a change to all cores, which apply changes in the order in which they were sent, and waits until all have
/// applied it.
pub(crate) async fn update_all(cores: &Cores, update: &AccessUpdate) -> Result<(), ManagementError> {
    ask_all(cores, |answer| CoreTask::Update(update.clone(), answer)).await.map(drop)
}

async fn begin<T: Send + 'static>(
    core: &CoreHandle,
    task: impl FnOnce(Reply<T>) -> CoreTask,
) -> Result<Awaited<T>, ManagementError> {
    let (sender, receiver) = channel();
    let deadline = Instant::now() + Duration::from_millis(CORE_ANSWER_MS_MAX);
    // The receiver is gone if the wait was given up.
    let mut task = task(Reply::new(move |value| drop(sender.send(value))));
    while let Err(back) = core.submit(task) {
        task = back;
        if Instant::now() >= deadline {
            return Err(ManagementError::CoreBusy);
        }
        sleep(Duration::from_millis(CORE_RETRY_MS)).await;
    }
    Ok(Awaited { receiver, deadline })
}
