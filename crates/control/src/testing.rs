//! What the tests of this crate share.

use crate::supervise::Fleet;
use latency::LatencySet;
use primitives::{ShardCount, ShardId};
use std::cell::{Cell, RefCell};
use std::time::Duration;

/// Workers that do as they are told to.
#[derive(Default)]
pub(crate) struct TestFleet {
    pub(crate) stop_requested: Cell<bool>,
    pub(crate) obeys: bool,
    pub(crate) lost: bool,
    pub(crate) workers: TestWorkers,
    pub(crate) answers: RefCell<Vec<(ShardId, Box<LatencySet>)>>,
}

/// What becomes of a question for latencies.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TestWorkers {
    /// Each answers at once with a turn of expiry.
    #[default]
    Answer,
    /// The second of two takes no commands.
    SecondRefuses,
    /// The second of two does not answer.
    SecondSleeps,
}

impl Fleet for TestFleet {
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
        match self.workers {
            TestWorkers::SecondRefuses if shard.index() == 1 => return Err(empty),
            TestWorkers::SecondSleeps if shard.index() == 1 => {}
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
