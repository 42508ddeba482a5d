use super::first_panic::FirstPanic;
use super::report::{log_all_figures, statistics_line};
use super::statistics_snapshot::StatisticsSnapshot;
use crate::latency::{Dumps, LatencyDumps, finish};
use crate::limits::{SUPERVISION_MS, WORKERS_END_MS};
use crate::time::{later, regular, tick};
use config::Interval as Every;
use core_link::Cores;
use metrics::Statistics;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::watch;
use tokio::time::{Instant, Interval, interval, timeout_at};
use tracing::{error, info};

/// A request to the running tracker, such as by a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    Stop,
    /// Log every figure and dump the latencies.
    Report,
}

/// The workers, as supervision sees them.
pub trait Workers {
    /// Returns the links to their cores.
    fn cores(&self) -> &Cores;

    /// Returns whether any worker has exited.
    fn any_finished(&self) -> bool;

    /// Returns whether all workers have exited.
    fn all_finished(&self) -> bool;
}

/// The service manager that started the tracker and watches over it.
pub trait ServiceManager {
    /// Returns the interval at which it expects heartbeats; `None` if it expects none.
    fn heartbeat_interval(&self) -> Option<Duration>;

    /// Reports that the tracker is alive: all its cores have taken turns.
    fn heartbeat(&self);

    /// Reports that the tracker is shutting down.
    fn stopping(&self);
}

/// The settings of [`supervise`] that can be replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupervisionSettings {
    /// Interval of the statistics line in the log.
    pub statistics: Every,
    pub latency_directory: PathBuf,
    /// Interval of the dumps of latencies that are made without a request.
    pub latency_interval: Every,
    /// Time that the workers have to exit.
    pub shutdown_deadline: Duration,
}

/// What [`supervise`] needs.
#[derive(Debug, Clone)]
pub struct Supervision {
    pub settings: watch::Receiver<SupervisionSettings>,
    pub latency: LatencyDumps,
    pub panic: FirstPanic,
}

/// How the tracker ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// As requested, after all requests that had arrived were answered.
    Orderly,
    /// A worker exited unexpectedly, or something panicked. The other workers had until the deadline to answer the
    /// requests that had arrived.
    Failed,
    /// The workers did not exit within the deadline.
    DeadlinePassed,
}

/// Supervises the tracker until its end: logs reports, dumps latencies, sends heartbeats, and shuts the workers down.
///
/// A heartbeat is sent only if the timer of each core has run since the last one. `last_work` is called at a stop, when the cores
/// only do tasks once they have answered all requests, unless a worker has exited. It has to end by the instant that it gets.
pub async fn supervise(
    workers: &impl Workers,
    manager: &impl ServiceManager,
    snapshot: &StatisticsSnapshot,
    supervision: &Supervision,
    mut requests: Receiver<Request>,
    last_work: impl AsyncFnOnce(Instant),
) -> End {
    let mut settings = supervision.settings.clone();
    let mut reporter = Reporter::new(snapshot, settings.borrow_and_update().statistics);
    // Dumps requested while one waits share it.
    let (dumps, inbox) = channel(1);
    let mut dumping = pin!(Dumps::new(workers.cores(), &supervision.latency, settings.clone()).run(inbox));
    let has_failed = tokio::select! {
        () = &mut dumping => unreachable!("the dumps end only on request"),
        () = serve(manager, &mut reporter, &mut settings, &dumps, &mut requests) => false,
        () = exit_of_worker(workers) => true,
        () = supervision.panic.occurs() => true,
    };
    match supervision.panic.description() {
        Some(panic) => error!("stopping: {panic}"),
        None if has_failed => error!("stopping: a worker exited unexpectedly"),
        None => info!("stopping"),
    }
    manager.stopping();
    drop(dumps);
    finish(dumping).await;
    let deadline = settings.borrow().shutdown_deadline;
    let end = stop(workers, deadline, last_work).await;
    reporter.report();
    log_all_figures(&snapshot.total());
    if has_failed { End::Failed } else { end }
}

/// Handles reports and heartbeats until a stop is requested.
async fn serve(
    manager: &impl ServiceManager,
    reporter: &mut Reporter<'_>,
    settings: &mut watch::Receiver<SupervisionSettings>,
    dumps: &Sender<()>,
    requests: &mut Receiver<Request>,
) {
    let mut watchdog = Watchdog::new(manager.heartbeat_interval());
    loop {
        tokio::select! {
            request = requests.recv() => match request {
                Some(Request::Report) => {
                    log_all_figures(&reporter.snapshot.total());
                    let _shared = dumps.try_send(());
                }
                Some(Request::Stop) | None => return,
            },
            Ok(()) = settings.changed() => reporter.use_interval(settings.borrow_and_update().statistics),
            () = tick(reporter.interval.as_mut()) => reporter.report(),
            () = tick(watchdog.interval.as_mut()) => watchdog.beat(manager, reporter.snapshot.timer_turns()),
        }
    }
}

/// Waits for a worker to exit.
async fn exit_of_worker(workers: &impl Workers) {
    let mut watch = interval(Duration::from_millis(SUPERVISION_MS));
    while !workers.any_finished() {
        watch.tick().await;
    }
}

async fn stop(workers: &impl Workers, deadline: Duration, last_work: impl AsyncFnOnce(Instant)) -> End {
    let end = Instant::now() + deadline;
    workers.cores().request_drain();
    if !workers.any_finished() {
        last_work(end - (deadline / 4).min(Duration::from_millis(WORKERS_END_MS))).await;
    }
    workers.cores().request_end();
    let all_finished = async {
        let mut watch = interval(Duration::from_millis(SUPERVISION_MS / 10));
        while !workers.all_finished() {
            watch.tick().await;
            // A core that had too many commands has not got it.
            workers.cores().request_end();
        }
    };
    if timeout_at(end, all_finished).await.is_ok() { End::Orderly } else { End::DeadlinePassed }
}

struct Reporter<'a> {
    snapshot: &'a StatisticsSnapshot,
    every: Every,
    interval: Option<Interval>,
    last: Statistics,
    last_at: Instant,
}

impl<'a> Reporter<'a> {
    fn new(snapshot: &'a StatisticsSnapshot, statistics: Every) -> Self {
        let (last, last_at) = (snapshot.total(), Instant::now());
        Self { snapshot, every: statistics, interval: regular(statistics), last, last_at }
    }

    fn use_interval(&mut self, every: Every) {
        if self.every != every {
            (self.every, self.interval) = (every, regular(every));
        }
    }

    fn report(&mut self) {
        let (now, now_at) = (self.snapshot.total(), Instant::now());
        info!("statistics {}", statistics_line(&self.last, &now, now_at - self.last_at));
        (self.last, self.last_at) = (now, now_at);
    }
}

/// Sends heartbeats to the service manager while all cores take turns.
struct Watchdog {
    interval: Option<Interval>,
    timer_turns: Vec<u64>,
    /// The core that is stuck, which has been logged.
    stuck: Option<usize>,
}

impl Watchdog {
    fn new(every: Option<Duration>) -> Self {
        Self { interval: every.map(later), timer_turns: Vec::new(), stuck: None }
    }

    fn beat(&mut self, manager: &impl ServiceManager, timer_turns: Vec<u64>) {
        let stuck = timer_turns.iter().zip(&self.timer_turns).position(|(now, before)| now == before);
        match stuck {
            Some(shard) if self.stuck != stuck => error!(shard, "the core is stuck: no heartbeat is sent"),
            Some(_) => {}
            None => manager.heartbeat(),
        }
        (self.timer_turns, self.stuck) = (timer_turns, stuck);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestWorkers;
    use core_link::CoreCommand;
    use metrics::{Counter, PublishedStatistics};
    use std::cell::Cell;
    use std::sync::Arc;

    #[derive(Default)]
    struct TestManager {
        interval: Option<Duration>,
        heartbeats: Cell<u32>,
    }

    impl ServiceManager for TestManager {
        fn heartbeat_interval(&self) -> Option<Duration> {
            self.interval
        }

        fn heartbeat(&self) {
            self.heartbeats.set(self.heartbeats.get() + 1);
        }

        fn stopping(&self) {}
    }

    fn supervision() -> Supervision {
        let settings = SupervisionSettings {
            statistics: Every::Off,
            latency_directory: "/nonexistent".into(),
            latency_interval: Every::Off,
            shutdown_deadline: Duration::from_secs(10),
        };
        Supervision {
            settings: watch::channel(settings).1,
            latency: LatencyDumps { snapshot: Arc::default(), requested: watch::Sender::default() },
            panic: FirstPanic::default(),
        }
    }

    /// Returns how a tracker ends that is asked to stop.
    async fn end_of(workers: &TestWorkers) -> End {
        let (requests, inbox) = channel(1);
        requests.send(Request::Stop).await.unwrap();
        let snapshot = StatisticsSnapshot::new(vec![Arc::default()]);
        supervise(workers, &TestManager::default(), &snapshot, &supervision(), inbox, async |_| ()).await
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_work_is_done_when_the_cores_have_stopped_and_before_they_end() {
        let workers = TestWorkers { obeys: true, ..TestWorkers::default() };
        let (requests, inbox) = channel(1);
        requests.send(Request::Stop).await.unwrap();
        let (snapshot, start) = (StatisticsSnapshot::new(vec![Arc::default()]), Instant::now());
        let work = async |until: Instant| {
            assert_eq!((until - start).as_secs(), 9);
            for end in &workers.cores.1 {
                assert!(matches!(end.next_command(), Some(CoreCommand::Stop)));
                assert!(end.next_command().is_none());
            }
            workers.stop_requested.set(true);
        };
        let end = supervise(&workers, &TestManager::default(), &snapshot, &supervision(), inbox, work).await;
        // The look for their end takes that of the first.
        assert!(matches!(workers.cores.1[1].next_command(), Some(CoreCommand::End)));
        assert_eq!(end, End::Orderly);
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_is_orderly_when_all_workers_stop() {
        let workers = TestWorkers { obeys: true, ..TestWorkers::default() };
        assert_eq!(end_of(&workers).await, End::Orderly);
    }

    #[tokio::test(start_paused = true)]
    async fn workers_that_do_not_exit_are_abandoned_at_the_deadline() {
        let start = Instant::now();
        assert_eq!(end_of(&TestWorkers::default()).await, End::DeadlinePassed);
        assert_eq!(start.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_lost_worker_or_a_panic_the_other_workers_are_stopped() {
        for (lost, panicked) in [(true, false), (false, true)] {
            let workers = TestWorkers { lost, obeys: true, ..TestWorkers::default() };
            let supervision = supervision();
            if panicked {
                supervision.panic.note("a task panicked".to_owned());
            }
            let snapshot = StatisticsSnapshot::new(vec![Arc::default()]);
            let (_requests, inbox) = channel(1);
            let mut worked = false;
            let work = async |_| worked = true;
            let end =
                supervise(&workers, &TestManager::default(), &snapshot, &supervision, inbox, work).await;
            assert_eq!((end, worked), (End::Failed, panicked), "a lost worker has no state");
            assert!(workers.stop_requested.get(), "the other workers are asked to stop");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stuck_core_stops_the_heartbeat() {
        let published = Arc::new(PublishedStatistics::default());
        let snapshot = StatisticsSnapshot::new(vec![Arc::clone(&published)]);
        let manager = TestManager { interval: Some(Duration::from_secs(1)), ..TestManager::default() };
        let workers = TestWorkers { obeys: true, ..TestWorkers::default() };
        let (requests, inbox) = channel(1);
        let script = async {
            let mut statistics = Statistics::default();
            for _ in 0..3 {
                statistics.add(Counter::TimerTurns, 10);
                published.publish(&statistics);
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            tokio::time::sleep(Duration::from_millis(5500)).await;
            requests.send(Request::Stop).await.unwrap();
        };
        let supervision = supervision();
        let (end, ()) =
            tokio::join!(supervise(&workers, &manager, &snapshot, &supervision, inbox, async |_| ()), script);
        assert_eq!(end, End::Orderly);
        assert_eq!(manager.heartbeats.get(), 3);
    }
}
