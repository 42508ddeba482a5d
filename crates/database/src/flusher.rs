use crate::database::Database;
use crate::error::DatabaseError;
use crate::health::Health;
use crate::limits::{BATCH_MAX, LEASE_LOOK, STATEMENT_S_MAX};
use crate::shared::{NotWritten, Shared};
use crate::write_behind::{Stopped, WriteBehindSettings};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

/// The channel over which a requester learns the outcome of a write.
pub(crate) type Asker = oneshot::Sender<Result<(), NotWritten>>;

/// A request to release the database.
#[derive(Debug)]
pub(crate) struct ReleaseRequest {
    /// Learns whether it is released.
    pub released: Asker,
    /// Completes when it is to be taken again.
    pub dropped: oneshot::Receiver<()>,
}

/// What ends a pause between two writes.
enum Woken {
    /// These requests for a write, if there are any.
    ToWrite(Vec<Asker>),
    ToRelease(ReleaseRequest),
}

/// The task that writes the waiting changes.
#[derive(Debug)]
pub(crate) struct Flusher {
    pub database: Database,
    pub settings: WriteBehindSettings,
    pub shared: Arc<Shared>,
    pub health: Health,
    /// Requests to write at once.
    pub askers: mpsc::Receiver<Asker>,
    pub releases: mpsc::Receiver<ReleaseRequest>,
    /// Notified when many changes wait.
    pub early: Arc<Notify>,
    pub flush_every: watch::Receiver<Duration>,
    /// The time by which all changes must be written, once a stop was requested.
    pub deadline: watch::Receiver<Option<Instant>>,
    /// Reports that the stop is complete.
    pub stopped: watch::Sender<Option<Stopped>>,
}

type Outcome = Result<(), NotWritten>;

impl Flusher {
    pub(crate) async fn run(mut self) {
        let mut failures = 0;
        loop {
            let pause = if failures == 0 {
                *self.flush_every.borrow_and_update()
            } else {
                self.retry_pause(failures)
            };
            let woken = self.wait(pause, failures).await;
            let outcome = self.write_before_deadline().await;
            failures = if outcome.is_ok() { 0 } else { failures + 1 };
            match woken {
                Woken::ToWrite(askers) => answer(askers, &outcome),
                Woken::ToRelease(request) => self.release(request, &outcome).await,
            }
            if let Some(deadline) = self.stop_deadline() {
                return self.end(deadline, outcome).await;
            }
        }
    }

    /// Waits until it is time to write, and returns why.
    async fn wait(&mut self, pause: Duration, failures: u32) -> Woken {
        let until = Instant::now() + pause;
        let mut askers = Vec::new();
        tokio::select! {
            _ = self.deadline.changed() => {}
            Ok(()) = self.flush_every.changed() => {}
            first = self.askers.recv() => askers.extend(first),
            Some(request) = self.releases.recv() => return Woken::ToRelease(request),
            () = self.early.notified(), if failures == 0 => {}
            () = lost(&self.database), if failures == 0 => {}
            () = sleep_until(until) => {}
        }
        while let Ok(another) = self.askers.try_recv() {
            askers.push(another);
        }
        Woken::ToWrite(askers)
    }

    /// Releases the database if all changes are written, until it is to be taken again or a stop is requested.
    async fn release(&mut self, request: ReleaseRequest, written: &Outcome) {
        if written.is_err() {
            return answer(vec![request.released], written);
        }
        self.database.release().await;
        answer(vec![request.released], written);
        let mut dropped = request.dropped;
        loop {
            tokio::select! {
                biased;
                _ = self.deadline.changed() => break,
                _ = &mut dropped => break,
                Some(asker) = self.askers.recv() => {
                    answer(vec![asker], &Err(NotWritten(DatabaseError::Released.to_string())));
                }
            }
        }
        self.database.take_back().await;
    }

    /// Writes the waiting changes, but not beyond the deadline of a stop, which may be requested meanwhile.
    async fn write_before_deadline(&mut self) -> Outcome {
        let mut deadline = self.deadline.clone();
        let outcome = tokio::select! {
            biased;
            outcome = self.write() => Some(outcome),
            () = over(&mut deadline) => None,
        };
        outcome.unwrap_or_else(|| {
            let reason = "the deadline of the stop has passed";
            self.shared.failed(reason);
            Err(NotWritten(reason.to_owned()))
        })
    }

    async fn write(&mut self) -> Outcome {
        self.shared.begin();
        match self.store_all().await {
            Ok(()) => Ok(()),
            Err(error) => {
                let reason = error.to_string();
                let waiting = self.shared.failed(&reason);
                self.health.failed(Instant::now(), &reason, waiting);
                Err(NotWritten(reason))
            }
        }
    }

    async fn store_all(&mut self) -> Result<(), DatabaseError> {
        if self.database.hold().await? {
            self.shared.reached();
            self.health.reached(Instant::now());
        }
        while let Some(batch) = self.shared.next(BATCH_MAX) {
            self.database.store(&batch).await?;
            drop(batch);
            self.shared.written();
            self.health.reached(Instant::now());
        }
        Ok(())
    }

    /// Doubles the pause after each failure, up to a limit. A random quarter more or less keeps several trackers with
    /// one database from retrying at the same moment.
    fn retry_pause(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(16);
        let pause = self.settings.retry_max.min(self.settings.retry_first * (1 << doublings));
        let chance = RandomState::new().hash_one(failures) % 1024;
        pause * (768 + u32::try_from(chance / 2).unwrap_or(0)) / 1024
    }

    fn stop_deadline(&self) -> Option<Instant> {
        let is_left_alone = self.deadline.has_changed().is_err();
        let alone = is_left_alone.then(|| Instant::now() + Duration::from_secs(STATEMENT_S_MAX));
        self.deadline.borrow().or(alone)
    }

    /// Retries until all changes are written or the deadline has passed.
    async fn end(mut self, deadline: Instant, mut outcome: Outcome) {
        // The changes that came between the last write and the stop.
        let mut waiting = self.shared.info().waiting;
        while waiting > 0 && Instant::now() < deadline {
            if outcome.is_err() {
                sleep_until(deadline.min(Instant::now() + self.settings.retry_first)).await;
            }
            outcome = match timeout_at(deadline, self.write()).await {
                Ok(outcome) => outcome,
                Err(_) => break,
            };
            waiting = self.shared.info().waiting;
        }
        let lost = self.shared.give_up();
        if lost > 0 {
            let reason = outcome.err().map(|error| error.0).unwrap_or_default();
            tracing::error!(lost, reason, "changes are lost: the database did not take them in time");
        }
        if timeout_at(deadline, self.database.close()).await.is_err() {
            tracing::debug!("the connections to the database were not closed in time");
        }
        self.stopped.send_replace(Some(Stopped { lost }));
    }
}

fn answer(askers: Vec<Asker>, outcome: &Outcome) {
    for asker in askers {
        if asker.send(outcome.clone()).is_err() {
            tracing::trace!("the requester of a write no longer waits for it");
        }
    }
}

/// Returns when the database can no longer be used, as far as that can be detected without writing to it.
async fn lost(database: &Database) {
    loop {
        sleep(LEASE_LOOK).await;
        if database.hold().await.is_err() {
            return;
        }
    }
}

/// Returns when the deadline has passed, if one is ever set.
async fn over(deadline: &mut watch::Receiver<Option<Instant>>) {
    let until = deadline.wait_for(Option::is_some).await.ok().and_then(|deadline| *deadline);
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}
