use crate::load::Schedule;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, OnceLock};

/// The barrier at which all threads begin their load: connecting takes a while, and is not part of the schedule.
#[derive(Debug)]
pub(crate) struct Start {
    barrier: Barrier,
    has_failed: AtomicBool,
    schedule: OnceLock<Schedule>,
}

impl Start {
    /// Creates the barrier for this many threads, all of which must wait.
    pub(crate) fn new(threads: usize) -> Self {
        Self { barrier: Barrier::new(threads), has_failed: AtomicBool::new(false), schedule: OnceLock::new() }
    }

    /// Waits for the others. Returns the schedule that `schedule` creates for all, unless one could not prepare.
    pub(crate) fn wait<T, E>(
        &self,
        prepared: &Result<T, E>,
        schedule: impl FnOnce() -> Schedule,
    ) -> Option<Schedule> {
        if prepared.is_err() {
            self.has_failed.store(true, Ordering::Relaxed);
        }
        self.barrier.wait();
        (!self.has_failed.load(Ordering::Relaxed)).then(|| *self.schedule.get_or_init(schedule))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Options;
    use crate::load::schedule;
    use clap::Parser;

    /// Returns the schedules of a thread with this result and of another that is prepared.
    fn beside_another(prepared: Result<(), ()>) -> [Option<u64>; 2] {
        let start = Start::new(2);
        let options = Options::parse_from(["ringtrack-blast", "--target", "127.0.0.1:1"]);
        let begin = |prepared, begin_ns| start.wait(&prepared, || schedule(&options, begin_ns));
        std::thread::scope(|scope| {
            let other = scope.spawn(|| begin(Ok(()), 7));
            let mine = begin(prepared, 8);
            [mine, other.join().expect("no panic")].map(|schedule| schedule.map(|schedule| schedule.begin_ns))
        })
    }

    #[test]
    fn all_begin_by_one_schedule() {
        let [mine, other] = beside_another(Ok(()));
        assert!(mine.is_some() && mine == other);
    }

    #[test]
    fn no_thread_begins_if_one_could_not_prepare() {
        assert_eq!(beside_another(Err(())), [None; 2]);
    }
}
