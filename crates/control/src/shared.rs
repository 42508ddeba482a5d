use crate::limits::{CORE_ANSWER_MS_MAX, CORE_RETRY_MS};
use crate::management::{Answer, ManagementError};
use access::AccessUpdate;
use core_link::{CoreHandle, CoreTask, Cores, Reply};
use database::{Database, WriteBehind};
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot::channel;
use tokio::time::{Instant, sleep, timeout_at};

/// What the subjects of the management share: the cores that receive their changes, and the database that stores them.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) cores: Cores,
    pub(crate) database: Option<Database>,
    pub(crate) write_behind: WriteBehind,
}

impl Shared {
    /// Sends a change to all cores, which apply changes in the order in which they were sent, and waits until all have
    /// applied it.
    pub(crate) async fn update(&self, update: AccessUpdate) -> Result<(), ManagementError> {
        self.ask_all(|answer| CoreTask::Update(update.clone(), answer)).await.map(drop)
    }

    /// Sends a task to all cores at the same time and returns their replies in the order of the shards.
    pub(crate) async fn ask_all<T: Send + 'static>(
        &self,
        task: impl Fn(Reply<T>) -> CoreTask,
    ) -> Result<Vec<T>, ManagementError> {
        let mut awaited = Vec::new();
        for core in self.cores.handles() {
            awaited.push(ask(core, &task).await?);
        }
        let mut answers = Vec::with_capacity(awaited.len());
        for answer in awaited {
            answers.push(answer.await?);
        }
        Ok(answers)
    }
}

/// Sends a task to a core. Returns the wait for its reply.
pub(crate) async fn ask<T: Send + 'static, F: FnOnce(Reply<T>) -> CoreTask>(
    core: &CoreHandle,
    task: F,
) -> Result<impl Future<Output = Result<T, ManagementError>> + use<T, F>, ManagementError> {
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
    Ok(async move {
        let answer = timeout_at(deadline, receiver).await;
        answer.ok().and_then(Result::ok).ok_or(ManagementError::CoreBusy)
    })
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
