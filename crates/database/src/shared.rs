use crate::batch::{Change, WriteBatch};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What waits to be written, shared by those who change something and the task that writes. The lock is never held
/// while a database is waited for.
#[derive(Debug)]
pub(crate) struct Shared {
    pending_max: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// What came since the write that is going on began.
    pending: WriteBatch,
    /// What else is to be written now.
    rest: WriteBatch,
    /// What the database is at.
    writing: Arc<WriteBatch>,
    admission: Admission,
    database: WriteBehindState,
    figures: Figures,
}

/// Whether changes are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Admission {
    Open,
    /// Some were refused since there was room the last time, and the log knows.
    Full,
    Stopped,
}

/// Whether the database takes writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteBehindState {
    /// There is none.
    Absent,
    /// The last attempt to use it, if there was one, went well.
    Connected,
    /// The last attempt failed: why.
    Away(String),
}

/// Why what waited is not written yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotWritten(pub String);

/// As much as may waits to be written already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many changes wait for the database, which is away or slow")]
pub struct TooManyWaiting;

/// How many changes there were since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Written.
    pub done: u64,
    /// Refused, or given up at the end.
    pub lost: u64,
    /// Attempts that failed.
    pub failures: u64,
}

impl Shared {
    pub(crate) fn new(pending_max: usize, database: WriteBehindState) -> Self {
        let state = State {
            pending: WriteBatch::default(),
            rest: WriteBatch::default(),
            writing: Arc::default(),
            admission: Admission::Open,
            database,
            figures: Figures::default(),
        };
        Self { pending_max, state: Mutex::new(state) }
    }

    /// Takes all of the changes, or none. Says how many wait now. Without a database it forgets them.
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
            state.figures.lost += count as u64;
            state.log_refusal();
            return Err(TooManyWaiting);
        }
        changes.for_each(|change| state.pending.insert(change));
        Ok(state.waiting())
    }

    /// What waits now is what is to be written.
    pub(crate) fn begin(&self) {
        let state = &mut *self.state();
        assert!(state.rest.is_empty() && state.writing.is_empty(), "one write at a time");
        state.rest = std::mem::take(&mut state.pending);
    }

    /// The next changes to be written; `None`: all are.
    pub(crate) fn next(&self, changes_max: usize) -> Option<Arc<WriteBatch>> {
        let state = &mut *self.state();
        assert!(state.writing.is_empty(), "one batch at a time");
        state.writing = Arc::new(state.rest.split_first(changes_max));
        (!state.writing.is_empty()).then(|| Arc::clone(&state.writing))
    }

    /// The database can be used, whether or not something waits for it.
    pub(crate) fn reached(&self) {
        self.state().database = WriteBehindState::Connected;
    }

    /// What was at last given is stored.
    pub(crate) fn written(&self) {
        let state = &mut *self.state();
        state.figures.done += state.writing.len() as u64;
        state.writing = Arc::default();
        state.database = WriteBehindState::Connected;
        if state.admission == Admission::Full && state.waiting() < self.pending_max / 2 {
            state.admission = Admission::Open;
        }
    }

    /// Nothing more can be stored now. Says how many changes wait.
    pub(crate) fn failed(&self, reason: &str) -> usize {
        let state = &mut *self.state();
        state.take_back();
        state.figures.failures += 1;
        state.database = WriteBehindState::Away(reason.to_owned());
        state.waiting()
    }

    /// Takes no more changes.
    pub(crate) fn stop(&self) {
        self.state().admission = Admission::Stopped;
    }

    /// Gives up what waits, and says how much that was.
    pub(crate) fn give_up(&self) -> usize {
        let state = &mut *self.state();
        state.take_back();
        let lost = std::mem::take(&mut state.pending).len();
        state.figures.lost += lost as u64;
        lost
    }

    pub(crate) fn note_lost(&self, changes: usize) {
        self.state().figures.lost += changes as u64;
    }

    /// The state of the database, how many changes wait, and the figures.
    pub(crate) fn info(&self) -> (WriteBehindState, usize, Figures) {
        let state = self.state();
        (state.database.clone(), state.waiting(), state.figures)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A thing that is being written and has changed again counts twice.
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
    fn as_many_changes_wait_as_may_and_those_of_the_same_things_are_taken_still() {
        let shared = shared(3);
        assert_eq!(take(&shared, &[1, 2]), Ok(2));
        assert_eq!(take(&shared, &[3, 4]), Err(TooManyWaiting), "all or none");
        assert_eq!(take(&shared, &[3]), Ok(3));
        assert_eq!(take(&shared, &[1, 2, 3]), Ok(3));
        assert_eq!(take(&shared, &[4]), Err(TooManyWaiting));
        assert_eq!(shared.info().2.lost, 3);
    }

    #[test]
    fn what_is_being_written_counts_until_it_is_written() {
        let shared = shared(3);
        take(&shared, &[1, 2, 3]).unwrap();
        shared.begin();
        assert_eq!(shared.next(2).unwrap().len(), 2);
        assert_eq!(take(&shared, &[4]), Err(TooManyWaiting));
        shared.written();
        assert_eq!(take(&shared, &[4]), Ok(2));
        let last = shared.next(2).unwrap();
        assert!(last.has_one_like(&added(3)) && !last.has_one_like(&added(4)), "what came later waits");
        assert_eq!(take(&shared, &[3]), Ok(3));
        shared.written();
        assert_eq!(shared.next(2), None);
        assert_eq!(shared.info().2.done, 3);
    }

    #[test]
    fn what_could_not_be_written_waits_again() {
        let shared = shared(10);
        take(&shared, &[1, 2, 3]).unwrap();
        shared.begin();
        let batch = shared.next(2).unwrap();
        take(&shared, &[1]).unwrap();
        assert_eq!(shared.failed("it is gone"), 3, "the one that changed meanwhile waits once");
        drop(batch);
        assert_eq!(shared.info().0, WriteBehindState::Away("it is gone".to_owned()));
        shared.begin();
        assert_eq!(shared.next(10).unwrap().len(), 3);
    }

    #[test]
    fn without_a_database_nothing_waits() {
        let shared = Shared::new(1, WriteBehindState::Absent);
        assert_eq!(take(&shared, &[1, 2, 3]), Ok(0));
        assert_eq!(shared.info(), (WriteBehindState::Absent, 0, Figures::default()));
    }

    #[test]
    fn at_the_end_nothing_is_taken_and_the_rest_is_counted_as_lost() {
        let shared = shared(10);
        take(&shared, &[1, 2]).unwrap();
        shared.stop();
        assert_eq!(take(&shared, &[1]), Err(TooManyWaiting));
        assert_eq!(shared.give_up(), 2);
        assert_eq!(shared.info().2.lost, 3);
    }
}
