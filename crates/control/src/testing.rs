//! Workers and cores for the tests of this crate.

use crate::lifecycle::Workers;
use access::AccessUpdate;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use core_link::{CoreCommand, CoreEnd, CoreTask, Cores, Reply, link_cores};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use latency::LatencySet;
use primitives::ShardCount;
use std::cell::Cell;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::time::sleep;

fn two_cores() -> (Cores, Vec<CoreEnd>) {
    link_cores(ShardCount::new(2).unwrap(), Instant::now())
}

/// Workers that behave as a test configures them.
pub(crate) struct TestWorkers {
    pub(crate) stop_requested: Cell<bool>,
    pub(crate) obeys: bool,
    pub(crate) lost: bool,
    pub(crate) cores: (Cores, Vec<CoreEnd>),
}

impl Default for TestWorkers {
    fn default() -> Self {
        Self { stop_requested: Cell::default(), obeys: false, lost: false, cores: two_cores() }
    }
}

impl Workers for TestWorkers {
    fn cores(&self) -> &Cores {
        &self.cores.0
    }

    fn any_finished(&self) -> bool {
        self.lost
    }

    fn all_finished(&self) -> bool {
        if self.cores.1.iter().all(|end| matches!(end.next_command(), Some(CoreCommand::Stop))) {
            self.stop_requested.set(true);
        }
        self.obeys && self.stop_requested.get()
    }
}

/// Returns two cores and the end of the second. The first replies to requests for latencies.
pub(crate) fn cores_of_which_one_replies() -> (Cores, CoreEnd) {
    let (cores, mut ends) = two_cores();
    reply_with_latencies(ends.remove(0));
    (cores, ends.remove(0))
}

/// Replies to each request for latencies with one turn of expiry.
pub(crate) fn reply_with_latencies(end: CoreEnd) {
    tokio::spawn(async move {
        loop {
            if let Some(CoreCommand::TakeLatency(empty, reply)) = end.next_command() {
                assert_eq!(*empty, LatencySet::default());
                reply.send(Box::new(set_with_expiry_turns(1)));
            }
            sleep(Duration::from_millis(1)).await;
        }
    });
}

/// Returns a set with this many recorded turns of expiry and nothing else.
pub(crate) fn set_with_expiry_turns(turns: u64) -> LatencySet {
    let mut set = LatencySet::default();
    for _ in 0..turns {
        set.record_expiry_turn(Duration::from_micros(7));
    }
    set
}

/// Returns the number of turns of expiry in a log, which has nothing else.
pub(crate) fn expiry_turns_in(log: &str) -> u64 {
    let turns = |entry| {
        let LogEntry::Interval(interval) = entry else { return 0 };
        assert_eq!(interval.tag().unwrap().as_str(), "expiry-turn");
        let bytes = BASE64_STANDARD.decode(interval.encoded_histogram()).unwrap();
        let histogram: Histogram<u64> = Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
        histogram.len()
    };
    IntervalLogIterator::new(log.as_bytes()).map(|entry| turns(entry.unwrap())).sum()
}

type Kind = fn(&AccessUpdate) -> bool;

/// Two cores that record the updates they receive.
#[derive(Debug)]
pub(crate) struct TestCores {
    pub(crate) ends: Vec<CoreEnd>,
    told: Mutex<Vec<(usize, AccessUpdate)>>,
    /// The next update of this kind is lost: it gets no reply.
    pub(crate) refused: Mutex<Option<Kind>>,
    /// Replies that are held back, if a test has asked for that.
    held: Mutex<Option<Vec<Reply<()>>>>,
}

impl TestCores {
    pub(crate) fn start() -> (Cores, Arc<Self>) {
        let (cores, ends) = two_cores();
        let (told, refused, held) = (Mutex::default(), Mutex::default(), Mutex::default());
        let test_cores = Arc::new(Self { ends, told, refused, held });
        tokio::spawn(Arc::clone(&test_cores).serve());
        (cores, test_cores)
    }

    async fn serve(self: Arc<Self>) {
        loop {
            for (core, end) in self.ends.iter().enumerate() {
                // No test queries torrents or lists.
                while let Some(CoreTask::Update(update, reply)) = end.next_task() {
                    self.apply(core, update, reply);
                }
            }
            sleep(Duration::from_millis(1)).await;
        }
    }

    fn apply(&self, core: usize, update: AccessUpdate, reply: Reply<()>) {
        let mut refused = self.refused.lock().unwrap();
        if refused.is_some_and(|refuses| refuses(&update)) {
            // The waiting side learns that there will be no reply.
            *refused = None;
            return;
        }
        self.told.lock().unwrap().push((core, update));
        match self.held.lock().unwrap().as_mut() {
            Some(held) => held.push(reply),
            None => reply.send(()),
        }
    }

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
        told.iter().filter(|(core, _)| *core == 1).filter_map(|(_, update)| what(update)).collect()
    }
}
