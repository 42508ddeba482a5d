//! Workers and cores for the tests of this crate.

use crate::lifecycle::Workers;
use crate::sources::ApiGuard;
use access::{AccessBounds, AccessPolicy, AccessUpdate, AccountBounds, DetailsBounds, TorrentTableBounds};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use core_link::{
    CoreCommand, CoreEnd, CoreSettings, CoreTask, Cores, HttpLimits, KernelFiltering, KernelSampling, Reply,
    link_cores,
};
use engine::{AnnouncePolicy, EngineSettings, HttpPolicy, InvalidConnectionId};
use guard::{Class, CoreGuard, Guard, SourceLimits};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use latency::LatencySet;
use primitives::{ExportedPage, Imported, ShardCount, StatePage, TableSeed};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use swarm::{SwarmLimits, SwarmSettings};
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

/// Returns settings of two cores with this policy.
pub(crate) fn core_settings(access: AccessPolicy) -> Vec<CoreSettings> {
    let shards = ShardCount::new(2).unwrap();
    let lifetime_s = 2700;
    let limits = SwarmLimits {
        swarms_max: 10,
        peers_max: 10,
        swarm_peers_max: 10,
        peers_per_host_max: 0,
        bytes_max: 1 << 20,
    };
    let engine = |shard| EngineSettings {
        shards,
        shard,
        announce: AnnouncePolicy {
            interval_s: 1800,
            interval_s_max: 1800,
            interval_jitter_percent: 0,
            numwant_default: 1,
            numwant_max: 1,
        },
        path_mtu_bytes: 1280,
        connection_id_lifetime_s: 120,
        invalid_connection_id: InvalidConnectionId::Error,
        swarms: SwarmSettings { limits, peer_lifetime_s: lifetime_s, interval_s_min: 0 },
        access,
        access_bounds: AccessBounds {
            torrent_table: TorrentTableBounds { entries_max: 10, counted_max: 5 },
            keys_max: 10,
            accounts: AccountBounds { sessions_max: 10, changed_max: 10, lifetime_s },
            details: DetailsBounds { peers_max: 10, lifetime_s },
        },
        forwarding: None,
    };
    let http_limits = HttpLimits {
        connections_max: 10,
        connections_per_prefix_max: 10,
        first_request_s: 10,
        request_s: 10,
        idle_s: 10,
        answer_s: 10,
        web_socket_idle_s: 10,
        buffer_bytes_max: 1 << 20,
    };
    let settings = |shard| CoreSettings {
        engine: engine(shard),
        sources: SourceLimits::none(),
        http_policy: HttpPolicy::default(),
        http_limits,
        kernel_sampling: KernelSampling::Off,
        kernel_filtering: KernelFiltering::Off,
        coalesce: Duration::ZERO,
    };
    shards.shards().map(settings).collect()
}

/// Returns limits of ten requests per second and of one connection per second, with a burst of a second.
pub(crate) fn source_limits() -> SourceLimits {
    let mut per_s = [0; Class::ALL.len()];
    (per_s[Class::Requests as usize], per_s[Class::Connections as usize]) = (10, 1);
    SourceLimits { per_s, wider_factor: 8, ..SourceLimits::none() }
}

/// Returns the guards of two cores with these limits.
fn guards() -> [CoreGuard; 2] {
    let guard = Arc::new(Guard::new(TableSeed([7; 16]), 1 << 10));
    [(); 2].map(|()| CoreGuard::new(Arc::clone(&guard), source_limits()))
}

/// Returns a guard of the APIs with these limits.
pub(crate) fn api_guard() -> Arc<ApiGuard> {
    let [guard, _] = guards();
    Arc::new(ApiGuard::new(guard, Instant::now()))
}

type Kind = fn(&AccessUpdate) -> bool;

/// Two cores that record the updates they receive.
#[derive(Debug)]
pub(crate) struct TestCores {
    pub(crate) ends: Vec<CoreEnd>,
    told: Mutex<Vec<(usize, AccessUpdate)>>,
    /// The policies that the second core received, each with the number of updates before.
    pub(crate) policies: Mutex<Vec<(usize, AccessPolicy)>>,
    /// The second core does not reply when it receives this policy next.
    pub(crate) ignored: Mutex<Option<AccessPolicy>>,
    /// The next update of this kind is lost: it gets no reply.
    pub(crate) refused: Mutex<Option<Kind>>,
    /// Refuse sources, as tests ask them.
    pub(crate) guards: Mutex<[CoreGuard; 2]>,
    /// Pages that were imported.
    pub(crate) imports: AtomicUsize,
    /// Replies that are held back, if a test has asked for that.
    held: Mutex<Option<Vec<Reply<()>>>>,
}

impl TestCores {
    pub(crate) fn start() -> (Cores, Arc<Self>) {
        let (cores, ends) = two_cores();
        let test_cores = Arc::new(Self {
            ends,
            told: Mutex::default(),
            policies: Mutex::default(),
            ignored: Mutex::default(),
            refused: Mutex::default(),
            guards: Mutex::new(guards()),
            imports: AtomicUsize::default(),
            held: Mutex::default(),
        });
        tokio::spawn(Arc::clone(&test_cores).serve());
        (cores, test_cores)
    }

    async fn serve(self: Arc<Self>) {
        loop {
            for (core, end) in self.ends.iter().enumerate() {
                while let Some(command) = end.next_command() {
                    match command {
                        CoreCommand::UseSettings(settings, reply) => {
                            self.switch(core, settings.engine.access, reply);
                        }
                        CoreCommand::TakeOffenders(reply) => {
                            reply.send(self.guards.lock().unwrap()[core].take_offenders());
                        }
                        // No test sends another, and without a control plane there is nothing to serve.
                        _ => return,
                    }
                }
                while let Some(task) = end.next_task() {
                    self.serve_task(core, task);
                }
            }
            sleep(Duration::from_millis(1)).await;
        }
    }

    fn serve_task(&self, core: usize, task: CoreTask) {
        match task {
            CoreTask::Update(update, reply) => self.apply(core, update, reply),
            CoreTask::Export(_, reply) => {
                reply.send(ExportedPage { page: StatePage::default(), next: None });
            }
            CoreTask::Import(_, _, reply) => {
                self.imports.fetch_add(1, Ordering::Relaxed);
                reply.send(Imported::default());
            }
            // No test queries torrents or lists.
            _ => {}
        }
    }

    fn switch(&self, core: usize, policy: AccessPolicy, reply: Reply<()>) {
        if core == 1 {
            let updates = self.told(|_| Some(())).len();
            self.policies.lock().unwrap().push((updates, policy));
            let mut ignored = self.ignored.lock().unwrap();
            if *ignored == Some(policy) {
                *ignored = None;
                return;
            }
        }
        reply.send(());
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
