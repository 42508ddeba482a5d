use crate::batch::{Change, WriteBatch};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The changes that wait to be written, shared by the tasks that make them and the task that writes them. The lock is
/// never held while waiting for a database.
#[derive(Debug)]
pub(crate) struct Shared {
    pending_max: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Changes made since the current write began.
    pending: WriteBatch,
    /// Changes that the current write has yet to store.
    rest: WriteBatch,
    /// The batch that the database is storing.
    writing: Arc<WriteBatch>,
    /// When the first of the pending changes was made.
    pending_since: Option<Instant>,
    /// When the first of the changes that the current write stores was made.
    writing_since: Option<Instant>,
    admission: Admission,
    database: WriteBehindState,
    done: u64,
    lost: u64,
    failures: u64,
}

/// Whether changes are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Admission {
    Open,
    /// Changes were refused since there was last room, which has been logged.
    Full,
    Stopped,
}

/// Whether the database accepts writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteBehindState {
    Absent,
    /// The last attempt to use the database, if there was one, succeeded.
    Connected,
    /// The last attempt failed, for this reason.
    Away(String),
}

/// The reason why the waiting changes are not written yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotWritten(pub String);

/// The maximum number of changes already waits to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many changes wait for the database, which is away or slow")]
pub struct TooManyWaiting;

/// The state and the counts of a [`WriteBehind`](crate::WriteBehind).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteBehindInfo {
    pub state: WriteBehindState,
    /// Changes that wait. A change of an item that is being written counts in addition.
    pub waiting: u64,
    /// How long the oldest of them has waited.
    pub oldest: Option<Duration>,
    /// Changes written since the start.
    pub done: u64,
    /// Changes refused because too many waited, or given up at the stop.
    pub lost: u64,
    /// Failed attempts to write.
    pub failures: u64,
}

impl Shared {
    pub(crate) fn new(pending_max: usize, database: WriteBehindState) -> Self {
        let state = State {
            pending: WriteBatch::default(),
            rest: WriteBatch::default(),
            writing: Arc::default(),
            pending_since: None,
            writing_since: None,
            admission: Admission::Open,
            database,
            done: 0,
            lost: 0,
            failures: 0,
        };
        Self { pending_max, state: Mutex::new(state) }
    }

    /// Accepts all of the changes, or none, and returns how many wait. Without a database they are discarded.
    pub(crate) fn take(
        &self,
        changes: impl ExactSizeIterator<Item = Change> + Clone,
    ) -> Result<usize, TooManyWaiting> {
        let mut state = self.state();
        if state.database == WriteBehindState::Absent {
            return Ok(0);
        }
        let count = changes.len();
        if !state.has_room(self.pending_max, changes.clone()) {
            state.lost += count as u64;
            state.log_refusal();
            return Err(TooManyWaiting);
        }
        if count > 0 {
            state.pending_since.get_or_insert_with(Instant::now);
        }
        changes.for_each(|change| state.pending.insert(change));
        Ok(state.waiting())
    }

    /// Begins a write of all changes that wait.
    pub(crate) fn begin(&self) {
        let state = &mut *self.state();
        assert!(state.rest.is_empty() && state.writing.is_empty(), "one write at a time");
        state.rest = std::mem::take(&mut state.pending);
        state.writing_since = state.pending_since.take();
    }

    /// Returns the next changes to be written, or `None` if all are written.
    pub(crate) fn next(&self, changes_max: usize) -> Option<Arc<WriteBatch>> {
        let state = &mut *self.state();
        assert!(state.writing.is_empty(), "one batch at a time");
        state.writing = Arc::new(state.rest.split_first(changes_max));
        (!state.writing.is_empty()).then(|| Arc::clone(&state.writing))
    }

    /// Records that the database can be used, whether or not changes wait for it.
    pub(crate) fn reached(&self) {
        self.state().database = WriteBehindState::Connected;
    }

    /// Records that the last batch is stored.
    pub(crate) fn written(&self) {
        let state = &mut *self.state();
        state.done += state.writing.len() as u64;
        state.writing = Arc::default();
        state.writing_since = state.writing_since.filter(|_| !state.rest.is_empty());
        state.database = WriteBehindState::Connected;
        if state.admission == Admission::Full && state.waiting() < self.pending_max / 2 {
            state.admission = Admission::Open;
        }
    }

    /// Records that the write failed, and returns how many changes wait.
    pub(crate) fn failed(&self, reason: &str) -> usize {
        let state = &mut *self.state();
        state.take_back();
        state.failures += 1;
        state.database = WriteBehindState::Away(reason.to_owned());
        state.waiting()
    }

    /// Refuses all further changes.
    pub(crate) fn stop(&self) {
        self.state().admission = Admission::Stopped;
    }

    /// Gives up the waiting changes, and returns their number.
    pub(crate) fn give_up(&self) -> usize {
        let state = &mut *self.state();
        state.take_back();
        let lost = std::mem::take(&mut state.pending).len();
        state.pending_since = None;
        state.lost += lost as u64;
        lost
    }

    pub(crate) fn note_lost(&self, changes: usize) {
        self.state().lost += changes as u64;
    }

    pub(crate) fn info(&self) -> WriteBehindInfo {
        let state = self.state();
        WriteBehindInfo {
            state: state.database.clone(),
            waiting: state.waiting() as u64,
            oldest: state.writing_since.or(state.pending_since).map(|since| since.elapsed()),
            done: state.done,
            lost: state.lost,
            failures: state.failures,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// An item that is being written and has changed again counts twice.
    fn waiting(&self) -> usize {
        self.pending.len() + self.rest.len() + self.writing.len()
    }

    fn has_room(&self, pending_max: usize, changes: impl ExactSizeIterator<Item = Change>) -> bool {
        let room = match self.admission {
            Admission::Stopped => return false,
            Admission::Open | Admission::Full => pending_max.saturating_sub(self.waiting()),
        };
        if changes.len() <= room {
            return true;
        }
        let waits = |change: &Change| {
            [&self.pending, &self.rest, &self.writing].iter().any(|batch| batch.has_one_like(change))
        };
        changes.filter(|change| !waits(change)).count() <= room
    }

    fn log_refusal(&mut self) {
        if self.admission == Admission::Open {
            self.admission = Admission::Full;
            let waiting = self.waiting();
            tracing::error!(waiting, "too many changes wait for the database: more are refused");
        }
    }

    fn take_back(&mut self) {
        self.pending.take_older(std::mem::take(&mut self.rest));
        self.pending.take_older(Arc::unwrap_or_clone(std::mem::take(&mut self.writing)));
        self.pending_since = self.writing_since.take().or(self.pending_since);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use primitives::{InfoHash, ListChange, TorrentList};

    fn added(byte: u8) -> Change {
        Change::List(TorrentList::Allowed, InfoHash([byte; 20]), ListChange::Add)
    }

    fn take(shared: &Shared, bytes: &[u8]) -> Result<usize, TooManyWaiting> {
        shared.take(bytes.iter().map(|byte| added(*byte)))
    }

    fn shared(pending_max: usize) -> Shared {
        Shared::new(pending_max, WriteBehindState::Connected)
    }

    #[test]
    fn changes_beyond_the_limit_are_refused_unless_their_items_already_wait() {
        let shared = shared(3);
        assert_eq!(take(&shared, &[1, 2]), Ok(2));
        assert_eq!(take(&shared, &[3, 4]), Err(TooManyWaiting), "all or none");
        assert_eq!(take(&shared, &[3]), Ok(3));
        assert_eq!(take(&shared, &[1, 2, 3]), Ok(3));
        assert_eq!(take(&shared, &[4]), Err(TooManyWaiting));
        assert_eq!(shared.info().lost, 3);
    }

    #[test]
    fn changes_count_as_waiting_until_they_are_written() {
        let shared = shared(3);
        take(&shared, &[1, 2, 3]).unwrap();
        shared.begin();
        assert_eq!(shared.next(2).unwrap().len(), 2);
        assert_eq!(take(&shared, &[4]), Err(TooManyWaiting));
        shared.written();
        assert_eq!(take(&shared, &[4]), Ok(2));
        let last = shared.next(2).unwrap();
        assert!(last.has_one_like(&added(3)) && !last.has_one_like(&added(4)), "later changes wait");
        assert_eq!(take(&shared, &[3]), Ok(3));
        shared.written();
        assert_eq!(shared.next(2), None);
        assert_eq!(shared.info().done, 3);
    }

    #[test]
    fn changes_that_could_not_be_written_wait_again() {
        let shared = shared(10);
        take(&shared, &[1, 2, 3]).unwrap();
        shared.begin();
        let batch = shared.next(2).unwrap();
        take(&shared, &[1]).unwrap();
        assert_eq!(shared.failed("it is gone"), 3, "an item that changed meanwhile waits once");
        drop(batch);
        assert_eq!(shared.info().state, WriteBehindState::Away("it is gone".to_owned()));
        shared.begin();
        assert_eq!(shared.next(10).unwrap().len(), 3);
    }

    #[test]
    fn the_oldest_change_is_known_until_it_is_written() {
        let shared = shared(10);
        assert_eq!(shared.info().oldest, None);
        take(&shared, &[1, 2]).unwrap();
        let made = shared.state().pending_since;
        assert!(made.is_some());
        shared.begin();
        drop(shared.next(1));
        take(&shared, &[3]).unwrap();
        assert_eq!(shared.state().writing_since, made);
        shared.failed("it is gone");
        assert_eq!(shared.state().pending_since, made);
        shared.begin();
        while shared.next(1).is_some() {
            assert!(shared.info().oldest.is_some());
            shared.written();
        }
        assert_eq!(shared.info().oldest, None);
    }

    #[test]
    fn without_a_database_nothing_waits() {
        let shared = Shared::new(1, WriteBehindState::Absent);
        assert_eq!(take(&shared, &[1, 2, 3]), Ok(0));
        assert_eq!((shared.info().state, shared.info().waiting), (WriteBehindState::Absent, 0));
    }

    #[test]
    fn after_a_stop_changes_are_refused_and_the_rest_is_counted_as_lost() {
        let shared = shared(10);
        take(&shared, &[1, 2]).unwrap();
        shared.stop();
        assert_eq!(take(&shared, &[1]), Err(TooManyWaiting));
        assert_eq!(shared.give_up(), 2);
        assert_eq!(shared.info().lost, 3);
    }
}
