use crate::batch::Change;
use crate::database::Database;
use crate::flusher::{Asker, Flusher};
use crate::health::Health;
use crate::limits::{FLUSH_EVERY_S, PENDING_MAX, REMIND_EVERY, REQUESTS_MAX, RETRY_FIRST, RETRY_MAX};
use crate::records::{Banned, DeletedKey, StoredBan, StoredKey, TorrentCount, TotalName};
use crate::shared::{NotWritten, Shared, TooManyWaiting, WriteBehindState};
use primitives::{AuthenticationKey, InfoHash, ListChange, TorrentList};
use std::iter::once;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::Instant;

/// Takes changes at once and has them written later, by a task of its own. Copies are the same one.
///
/// Whatever the database does, who changes something never waits: changes pile up until they can be written, one of
/// each thing. Only where [`WriteBehindSettings::pending_max`] of them wait, more are refused.
#[derive(Debug, Clone)]
pub struct WriteBehind {
    pending_max: usize,
    shared: Arc<Shared>,
    /// What the writing task listens to; without a database there is no task.
    task: Option<Task>,
}

#[derive(Debug, Clone)]
struct Task {
    askers: mpsc::Sender<Asker>,
    early: Arc<Notify>,
    deadline: watch::Sender<Option<Instant>>,
    stopped: watch::Receiver<Option<Stopped>>,
}

/// How a [`WriteBehind`] goes about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteBehindSettings {
    /// How often what waits is written: what a crash loses at most.
    pub flush_every: Duration,
    /// How many changes wait at most.
    pub pending_max: usize,
    /// How long is waited after a first failure. Each other one doubles it.
    pub retry_first: Duration,
    /// How long is waited between two attempts at most.
    pub retry_max: Duration,
    /// How often the log is reminded of a database that is away.
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

/// How the writes do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteBehindInfo {
    /// Whether the database takes them.
    pub state: WriteBehindState,
    /// Changes that wait. One of a thing that is being written counts beside it.
    pub waiting: u64,
    /// Changes written since the start.
    pub done: u64,
    /// Changes refused because too many waited, or given up at the end.
    pub lost: u64,
    /// Attempts that failed.
    pub failures: u64,
}

/// What became of the changes that waited at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// How many were lost: none, if the database took them in time.
    pub lost: usize,
}

#[expect(clippy::missing_errors_doc, reason = "TooManyWaiting says it for all")]
impl WriteBehind {
    /// Begins to keep what is changed. Without a database it takes all changes and forgets them.
    ///
    /// # Panics
    /// With a database, outside of a tokio runtime.
    #[must_use]
    pub fn start(database: Option<Database>, settings: WriteBehindSettings) -> Self {
        let state = if database.is_some() { WriteBehindState::Connected } else { WriteBehindState::Absent };
        let shared = Arc::new(Shared::new(settings.pending_max, state));
        let task = database.map(|database| Task::start(database, settings, &shared));
        Self { pending_max: settings.pending_max, shared, task }
    }

    /// Torrents come on a list, or leave it: all of them or, if too many changes wait, none.
    pub fn change_list(
        &self,
        list: TorrentList,
        change: ListChange,
        info_hashes: &[InfoHash],
    ) -> Result<(), TooManyWaiting> {
        self.take(info_hashes.iter().map(|info_hash| Change::List(list, *info_hash, change)))
    }

    /// A torrent was completed so often. Of several counts the largest is kept.
    pub fn completed(&self, info_hash: InfoHash, completed: u64) -> Result<(), TooManyWaiting> {
        self.take(once(Change::Completed(TorrentCount { info_hash, completed })))
    }

    /// A key is known, with this account.
    pub fn put_key(&self, key: StoredKey) -> Result<(), TooManyWaiting> {
        self.take(once(Change::PutKey(key)))
    }

    /// This is the account of a key now. Nothing is stored where somebody else has removed the key from the database.
    pub fn account(&self, key: StoredKey) -> Result<(), TooManyWaiting> {
        self.take(once(Change::Account(key)))
    }

    /// A key is known no more.
    pub fn remove_key(&self, key: AuthenticationKey) -> Result<(), TooManyWaiting> {
        self.take(once(Change::RemoveKey(key)))
    }

    /// A key is known no more, but can be restored.
    pub fn delete_key(&self, key: DeletedKey) -> Result<(), TooManyWaiting> {
        self.take(once(Change::DeleteKey(key)))
    }

    /// A deleted key is known again, with this account.
    pub fn restore_key(&self, key: StoredKey) -> Result<(), TooManyWaiting> {
        self.take(once(Change::RestoreKey(key)))
    }

    /// Somebody is banned.
    pub fn put_ban(&self, ban: StoredBan) -> Result<(), TooManyWaiting> {
        self.take(once(Change::PutBan(ban)))
    }

    /// Somebody is banned no more.
    pub fn lift_ban(&self, banned: Banned) -> Result<(), TooManyWaiting> {
        self.take(once(Change::LiftBan(banned)))
    }

    /// How much a total is.
    pub fn total(&self, name: TotalName, value: u64) -> Result<(), TooManyWaiting> {
        self.take(once(Change::Total(name, value)))
    }

    /// Waits until all that waited when it was called is written: what is loaded afterwards has it.
    ///
    /// # Errors
    /// If the attempt fails; the changes go on to wait.
    pub async fn flush(&self) -> Result<(), NotWritten> {
        let Some(task) = &self.task else { return Ok(()) };
        let over = || NotWritten("it has been stopped".to_owned());
        let (asker, answer) = oneshot::channel();
        task.askers.send(asker).await.map_err(|_| over())?;
        answer.await.map_err(|_| over())?
    }

    /// Takes no more changes, writes those that wait until `deadline` and leaves the database. What could not be
    /// written is lost, and the log tells how much.
    pub async fn stop(&self, deadline: Instant) -> Stopped {
        self.shared.stop();
        let Some(task) = &self.task else { return Stopped { lost: 0 } };
        task.deadline.send_if_modified(|until| until.replace(deadline).is_none());
        let mut stopped = task.stopped.clone();
        let outcome = stopped.wait_for(Option::is_some).await.ok().and_then(|outcome| *outcome);
        outcome.unwrap_or_else(|| Stopped { lost: self.shared.give_up() })
    }

    /// Whether the database takes writes.
    #[must_use]
    pub fn state(&self) -> WriteBehindState {
        self.shared.info().0
    }

    /// How the writes do.
    #[must_use]
    pub fn info(&self) -> WriteBehindInfo {
        let (state, waiting, figures) = self.shared.info();
        WriteBehindInfo {
            state,
            waiting: waiting as u64,
            done: figures.done,
            lost: figures.lost,
            failures: figures.failures,
        }
    }

    /// Counts changes as lost that found no room where they were to wait for it here.
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
        let (deadline, deadline_receiver) = watch::channel(None);
        let (stopped_sender, stopped) = watch::channel(None);
        let early = Arc::new(Notify::new());
        let flusher = Flusher {
            health: Health::new(database.url().clone(), settings.remind_every),
            database,
            settings,
            shared: Arc::clone(shared),
            askers: askers_receiver,
            early: Arc::clone(&early),
            deadline: deadline_receiver,
            stopped: stopped_sender,
        };
        drop(tokio::spawn(flusher.run()));
        Self { askers, early, deadline, stopped }
    }
}
