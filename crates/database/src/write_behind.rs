use crate::batch::Change;
use crate::database::Database;
use crate::flusher::{Asker, Flusher, ReleaseRequest};
use crate::health::Health;
use crate::limits::{FLUSH_EVERY_S, PENDING_MAX, REMIND_EVERY, REQUESTS_MAX, RETRY_FIRST, RETRY_MAX};
use crate::shared::{NotWritten, Shared, TooManyWaiting, WriteBehindInfo, WriteBehindState};
use primitives::{InfoHash, ListChange, TorrentList};
use std::iter::once;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::Instant;

/// Accepts changes at once and writes them later, in a task of its own. Clones share it.
///
/// A change never waits for the database: changes accumulate until they can be written, one per item. Only when
/// [`WriteBehindSettings::pending_max`] of them wait are more refused.
#[derive(Debug, Clone)]
pub struct WriteBehind {
    pending_max: usize,
    shared: Arc<Shared>,
    /// The channels to the writing task; without a database there is no task.
    task: Option<Task>,
}

#[derive(Debug, Clone)]
struct Task {
    askers: mpsc::Sender<Asker>,
    releases: mpsc::Sender<ReleaseRequest>,
    early: Arc<Notify>,
    flush_every: watch::Sender<Duration>,
    deadline: watch::Sender<Option<Instant>>,
    stopped: watch::Receiver<Option<Stopped>>,
}

/// The settings of a [`WriteBehind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteBehindSettings {
    /// How often changes are written. A crash loses at most the changes of this time.
    pub flush_every: Duration,
    pub pending_max: usize,
    /// The pause after a first failure. Each further failure doubles it.
    pub retry_first: Duration,
    /// The longest pause between two attempts.
    pub retry_max: Duration,
    /// How often the log repeats that the database is away.
    pub remind_every: Duration,
}

impl Default for WriteBehindSettings {
    fn default() -> Self {
        Self {
            flush_every: Duration::from_secs(FLUSH_EVERY_S),
            pending_max: PENDING_MAX,
            retry_first: RETRY_FIRST,
            retry_max: RETRY_MAX,
            remind_every: REMIND_EVERY,
        }
    }
}

/// The database is released to another process. When dropped, it is taken again, and writing continues.
#[derive(Debug)]
pub struct Released {
    /// `None` without a database.
    _until_dropped: Option<oneshot::Sender<()>>,
}

/// The outcome of a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// The number of changes lost: 0 if the database stored all of them in time.
    pub lost: usize,
}

#[expect(clippy::missing_errors_doc, reason = "TooManyWaiting describes the error of all methods")]
impl WriteBehind {
    /// Starts the writing task. Without a database, all changes are accepted and discarded.
    ///
    /// # Panics
    /// If called with a database outside of a tokio runtime.
    pub fn start(database: Option<Database>, settings: WriteBehindSettings) -> Self {
        let state = if database.is_some() { WriteBehindState::Connected } else { WriteBehindState::Absent };
        let shared = Arc::new(Shared::new(settings.pending_max, state));
        let task = database.map(|database| Task::start(database, settings, &shared));
        Self { pending_max: settings.pending_max, shared, task }
    }

    /// Adds torrents to a list or removes them: all of them or, if too many changes wait, none.
    pub fn change_list(
        &self,
        list: TorrentList,
        change: ListChange,
        info_hashes: &[InfoHash],
    ) -> Result<(), TooManyWaiting> {
        self.take(info_hashes.iter().map(|info_hash| Change::List(list, *info_hash, change)))
    }

    /// Adds a change, if there is room for it.
    pub fn insert(&self, change: Change) -> Result<(), TooManyWaiting> {
        self.take(once(change))
    }

    /// Waits until all changes that waited at the time of the call are written, so that a later load includes them.
    ///
    /// # Errors
    /// If the attempt fails; the changes continue to wait.
    pub async fn flush(&self) -> Result<(), NotWritten> {
        let Some(task) = &self.task else { return Ok(()) };
        let over = || NotWritten("it has been stopped".to_owned());
        let (asker, answer) = oneshot::channel();
        task.askers.send(asker).await.map_err(|_| over())?;
        answer.await.map_err(|_| over())?
    }

    /// Writes the changes that wait and gives up the right to write, so that another process can take the database over. Changes
    /// that are made meanwhile wait.
    ///
    /// # Errors
    /// If the changes cannot be written; the database is not released then.
    pub async fn release(&self) -> Result<Released, NotWritten> {
        let Some(task) = &self.task else { return Ok(Released { _until_dropped: None }) };
        let over = || NotWritten("it has been stopped".to_owned());
        let (released, answer) = oneshot::channel();
        let (until_dropped, dropped) = oneshot::channel();
        task.releases.send(ReleaseRequest { released, dropped }).await.map_err(|_| over())?;
        answer.await.map_err(|_| over())??;
        Ok(Released { _until_dropped: Some(until_dropped) })
    }

    /// Refuses further changes, writes the waiting ones until `deadline` and closes the database. Changes that could
    /// not be written are lost, and their number is logged.
    pub async fn stop(&self, deadline: Instant) -> Stopped {
        self.shared.stop();
        let Some(task) = &self.task else { return Stopped { lost: 0 } };
        task.deadline.send_if_modified(|until| until.replace(deadline).is_none());
        let mut stopped = task.stopped.clone();
        let outcome = stopped.wait_for(Option::is_some).await.ok().and_then(|outcome| *outcome);
        outcome.unwrap_or_else(|| Stopped { lost: self.shared.give_up() })
    }

    /// Replaces how often changes are written, from the next time on.
    pub fn use_interval(&self, flush_every: Duration) {
        if let Some(task) = &self.task {
            task.flush_every.send_if_modified(|used| std::mem::replace(used, flush_every) != flush_every);
        }
    }

    /// Returns the state and the counts.
    pub fn info(&self) -> WriteBehindInfo {
        self.shared.info()
    }

    /// Counts changes as lost that found no room in a queue in front of this one.
    pub fn note_lost(&self, changes: usize) {
        self.shared.note_lost(changes);
    }

    fn take(&self, changes: impl ExactSizeIterator<Item = Change> + Clone) -> Result<(), TooManyWaiting> {
        let waiting = self.shared.take(changes)?;
        if waiting > self.pending_max / 2
            && let Some(task) = &self.task
        {
            task.early.notify_one();
        }
        Ok(())
    }
}

impl Task {
    fn start(database: Database, settings: WriteBehindSettings, shared: &Arc<Shared>) -> Self {
        let (askers, askers_receiver) = mpsc::channel(REQUESTS_MAX);
        let (releases, releases_receiver) = mpsc::channel(1);
        let (deadline, deadline_receiver) = watch::channel(None);
        let (stopped_sender, stopped) = watch::channel(None);
        let (flush_every, flush_every_receiver) = watch::channel(settings.flush_every);
        let early = Arc::new(Notify::new());
        let flusher = Flusher {
            health: Health::new(database.url().clone(), settings.remind_every),
            database,
            settings,
            shared: Arc::clone(shared),
            askers: askers_receiver,
            releases: releases_receiver,
            early: Arc::clone(&early),
            flush_every: flush_every_receiver,
            deadline: deadline_receiver,
            stopped: stopped_sender,
        };
        drop(tokio::spawn(flusher.run()));
        Self { askers, releases, early, flush_every, deadline, stopped }
    }
}
