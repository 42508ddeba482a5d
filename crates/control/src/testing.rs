//! What the tests of this crate share.

use crate::cores::Cores;
use crate::supervise::Workers;
use access::{AccessUpdate, CoreEvent, ListQuery};
use latency::LatencySet;
use primitives::{Query, Reply, Second, ShardCount, ShardId};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Workers that do as they are told to.
#[derive(Default)]
pub(crate) struct TestWorkers {
    pub(crate) stop_requested: Cell<bool>,
    pub(crate) obeys: bool,
    pub(crate) lost: bool,
    pub(crate) latency: LatencyReplies,
    pub(crate) answers: RefCell<Vec<(ShardId, Box<LatencySet>)>>,
}

/// What becomes of a question for latencies.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LatencyReplies {
    /// Each answers at once with a turn of expiry.
    #[default]
    AtOnce,
    /// The second of two takes no commands.
    SecondRefuses,
    /// The second of two does not answer.
    SecondSleeps,
}

impl Workers for TestWorkers {
    fn request_stop(&self) {
        self.stop_requested.set(true);
    }

    fn any_finished(&self) -> bool {
        self.lost
    }

    fn all_finished(&self) -> bool {
        self.obeys && self.stop_requested.get()
    }

    fn shards(&self) -> ShardCount {
        ShardCount::new(2).unwrap()
    }

    fn ask_latency(&self, shard: ShardId, empty: Box<LatencySet>) -> Result<(), Box<LatencySet>> {
        assert_eq!(*empty, LatencySet::default());
        match self.latency {
            LatencyReplies::SecondRefuses if shard.index() == 1 => return Err(empty),
            LatencyReplies::SecondSleeps if shard.index() == 1 => {}
            _ => self.answers.borrow_mut().push((shard, Box::new(set_with_expiry_turns(1)))),
        }
        Ok(())
    }

    fn latency_answer(&self) -> Option<(ShardId, Box<LatencySet>)> {
        self.answers.borrow_mut().pop()
    }
}

/// A set in which so many turns of expiry are recorded, and nothing else.
pub(crate) fn set_with_expiry_turns(turns: u64) -> LatencySet {
    let mut set = LatencySet::default();
    for _ in 0..turns {
        set.record_expiry_turn(Duration::from_micros(7));
    }
    set
}

/// A kind of updates.
type Kind = fn(&AccessUpdate) -> bool;

/// Two cores that note what they are told of who is served.
#[derive(Debug, Default)]
pub(crate) struct TestCores {
    told: Mutex<Vec<(ShardId, AccessUpdate)>>,
    pub(crate) events: Mutex<VecDeque<CoreEvent>>,
    /// The next update of this kind is taken by no core.
    pub(crate) refused: Mutex<Option<Kind>>,
    /// Answers that wait, where there is somebody who makes them wait.
    held: Mutex<Option<Vec<Reply<()>>>>,
}

impl TestCores {
    /// From now on the cores are slow.
    pub(crate) fn hold_answers(&self) {
        *self.held.lock().unwrap() = Some(Vec::new());
    }

    /// They are quick again, and answer what waited.
    pub(crate) fn give_answers(&self) {
        let held = self.held.lock().unwrap().take();
        held.into_iter().flatten().for_each(|answer| answer.send(()));
    }

    /// What of it the second core was told, in order.
    pub(crate) fn told<T>(&self, what: impl Fn(&AccessUpdate) -> Option<T>) -> Vec<T> {
        let told = self.told.lock().unwrap();
        told.iter().filter(|(shard, _)| shard.index() == 1).filter_map(|(_, update)| what(update)).collect()
    }
}

impl Cores for Arc<TestCores> {
    fn shards(&self) -> ShardCount {
        ShardCount::new(2).unwrap()
    }

    fn query(&self, _: ShardId, query: Query) -> Result<(), Query> {
        unreachable!("nobody asks for torrents: {query:?}")
    }

    fn update(&self, shard: ShardId, update: &AccessUpdate, answer: Reply<()>) -> Result<(), Reply<()>> {
        let mut refused = self.refused.lock().unwrap();
        if refused.is_some_and(|refuses| refuses(update)) {
            *refused = None;
            // Who waits for the answer hears that there is none.
            drop(answer);
            return Ok(());
        }
        self.told.lock().unwrap().push((shard, update.clone()));
        match self.held.lock().unwrap().as_mut() {
            Some(held) => held.push(answer),
            None => answer.send(()),
        }
        Ok(())
    }

    fn list(&self, _: ShardId, query: ListQuery) -> Result<(), ListQuery> {
        unreachable!("nobody asks for lists: {query:?}")
    }

    fn next_event(&self) -> Option<CoreEvent> {
        self.events.lock().unwrap().pop_front()
    }

    fn now(&self) -> Second {
        Second(100)
    }
}
