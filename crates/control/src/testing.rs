//! Workers and cores for the tests of this crate.

use crate::cores::Cores;
use crate::supervise::Workers;
use access::{AccessUpdate, CoreEvent, ListQuery};
use latency::LatencySet;
use primitives::{Query, Reply, Second, ShardCount, ShardId};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Workers that behave as a test configures them.
#[derive(Default)]
pub(crate) struct TestWorkers {
    pub(crate) stop_requested: Cell<bool>,
    pub(crate) obeys: bool,
    pub(crate) lost: bool,
    pub(crate) latency: LatencyReplies,
    pub(crate) answers: RefCell<Vec<(ShardId, Box<LatencySet>)>>,
}

/// How workers reply to requests for latencies.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LatencyReplies {
    /// Each replies at once with one turn of expiry.
    #[default]
    AtOnce,
    /// The second of two accepts no commands.
    SecondRefuses,
    /// The second of two does not reply.
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

/// Returns a set with this many recorded turns of expiry and nothing else.
pub(crate) fn set_with_expiry_turns(turns: u64) -> LatencySet {
    let mut set = LatencySet::default();
    for _ in 0..turns {
        set.record_expiry_turn(Duration::from_micros(7));
    }
    set
}

/// Selects a kind of updates.
type Kind = fn(&AccessUpdate) -> bool;

/// Two cores that record the updates they receive.
#[derive(Debug, Default)]
pub(crate) struct TestCores {
    told: Mutex<Vec<(ShardId, AccessUpdate)>>,
    pub(crate) events: Mutex<VecDeque<CoreEvent>>,
    /// The next update of this kind is lost: it gets no reply.
    pub(crate) refused: Mutex<Option<Kind>>,
    /// Replies that are held back, if a test has asked for that.
    held: Mutex<Option<Vec<Reply<()>>>>,
}

impl TestCores {
    /// Holds back replies from now on, as slow cores would.
    pub(crate) fn hold_answers(&self) {
        *self.held.lock().unwrap() = Some(Vec::new());
    }

    /// Sends the replies that were held back, and holds back no more.
    pub(crate) fn give_answers(&self) {
        let held = self.held.lock().unwrap().take();
        held.into_iter().flatten().for_each(|answer| answer.send(()));
    }

    /// Returns the selected parts of the updates that the second core received, in order.
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
        unreachable!("no test queries torrents: {query:?}")
    }

    fn update(&self, shard: ShardId, update: &AccessUpdate, answer: Reply<()>) -> Result<(), Reply<()>> {
        let mut refused = self.refused.lock().unwrap();
        if refused.is_some_and(|refuses| refuses(update)) {
            *refused = None;
            // The waiting side learns that there will be no reply.
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
        unreachable!("no test queries lists: {query:?}")
    }

    fn next_event(&self) -> Option<CoreEvent> {
        self.events.lock().unwrap().pop_front()
    }

    fn now(&self) -> Second {
        Second(100)
    }
}
