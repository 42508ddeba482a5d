use crate::limits::SUPERVISION_MS;
use crate::report::{log_all_figures, statistics_line};
use crate::statistics_board::StatisticsBoard;
use config::StatisticsInterval;
use primitives::Statistics;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, interval_at};
use tracing::{error, info};

/// What somebody asks of the running tracker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// To end in good order.
    Stop,
    /// To log every figure.
    ReportFigures,
}

/// The workers, as far as supervision goes.
pub trait Fleet {
    /// Tells all workers to answer what has arrived and end.
    fn request_stop(&self);

    /// Whether a worker has ended.
    fn any_finished(&self) -> bool;

    /// Whether all have.
    fn all_finished(&self) -> bool;
}

/// Who started the tracker and wants to know how it is.
pub trait ServiceManager {
    /// How often it wants to hear that the tracker lives; `None`: never.
    fn heartbeat_interval(&self) -> Option<Duration>;

    /// The tracker lives: all its cores have taken turns.
    fn heartbeat(&self);

    /// The tracker is going down.
    fn stopping(&self);
}

/// How supervision is done.
#[derive(Debug, Clone, Copy)]
pub struct Supervision {
    /// How often a line with statistics is logged.
    pub statistics: StatisticsInterval,
    /// How long the workers may take to end.
    pub shutdown_deadline: Duration,
}

/// How the tracker ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// As asked, with everything answered that had arrived.
    Orderly,
    /// A worker ended that nobody had told to.
    WorkerLost,
    /// The workers did not end within the deadline.
    DeadlinePassed,
}

/// The tracker's life from here: reports, heartbeats, and the way down.
///
/// A heartbeat is given only if the timer task of each core has run since the last one.
pub async fn supervise(
    fleet: &impl Fleet,
    manager: &impl ServiceManager,
    board: &StatisticsBoard,
    supervision: Supervision,
    mut requests: Receiver<Request>,
) -> End {
    let mut reporter = Reporter::new(board, supervision.statistics);
    let mut pulse = Pulse::new(manager.heartbeat_interval());
    let mut watch = interval(Duration::from_millis(SUPERVISION_MS));
    loop {
        tokio::select! {
            request = requests.recv() => match request {
                Some(Request::ReportFigures) => log_all_figures(&board.total()),
                Some(Request::Stop) | None => break,
            },
            () = reporter.due() => reporter.report(),
            () = pulse.due() => pulse.beat(manager, board.timer_turns()),
            _ = watch.tick() => if fleet.any_finished() { return End::WorkerLost },
        }
    }
    info!("stopping");
    manager.stopping();
    let end = stop(fleet, supervision.shutdown_deadline).await;
    reporter.report();
    log_all_figures(&board.total());
    end
}

async fn stop(fleet: &impl Fleet, deadline: Duration) -> End {
    fleet.request_stop();
    let all_finished = async {
        let mut watch = interval(Duration::from_millis(SUPERVISION_MS / 10));
        while !fleet.all_finished() {
            watch.tick().await;
        }
    };
    if tokio::time::timeout(deadline, all_finished).await.is_ok() {
        End::Orderly
    } else {
        End::DeadlinePassed
    }
}

/// Logs the line with statistics.
struct Reporter<'a> {
    board: &'a StatisticsBoard,
    interval: Option<Interval>,
    last: Statistics,
    last_at: Instant,
}

impl<'a> Reporter<'a> {
    fn new(board: &'a StatisticsBoard, statistics: StatisticsInterval) -> Self {
        let interval = match statistics {
            StatisticsInterval::Off => None,
            StatisticsInterval::Every(seconds) => Some(later(Duration::from_secs(u64::from(seconds)))),
        };
        Self { board, interval, last: board.total(), last_at: Instant::now() }
    }

    async fn due(&mut self) {
        tick(self.interval.as_mut()).await;
    }

    fn report(&mut self) {
        let (now, now_at) = (self.board.total(), Instant::now());
        info!("statistics {}", statistics_line(&self.last, &now, now_at - self.last_at));
        (self.last, self.last_at) = (now, now_at);
    }
}

/// Tells the service manager that all cores live.
struct Pulse {
    interval: Option<Interval>,
    timer_turns: Vec<u64>,
}

impl Pulse {
    fn new(every: Option<Duration>) -> Self {
        Self { interval: every.map(later), timer_turns: Vec::new() }
    }

    async fn due(&mut self) {
        tick(self.interval.as_mut()).await;
    }

    fn beat(&mut self, manager: &impl ServiceManager, timer_turns: Vec<u64>) {
        let stuck = timer_turns.iter().zip(&self.timer_turns).position(|(now, before)| now == before);
        match stuck {
            Some(shard) => error!(shard, "the core takes no turns; no heartbeat is given"),
            None => manager.heartbeat(),
        }
        self.timer_turns = timer_turns;
    }
}

fn later(period: Duration) -> Interval {
    let mut interval = interval_at(Instant::now() + period, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// The next tick; never, without an interval.
async fn tick(interval: Option<&mut Interval>) {
    match interval {
        Some(interval) => {
            interval.tick().await;
        }
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use primitives::{Counter, PublishedStatistics};
    use std::cell::Cell;
    use std::sync::Arc;
    use tokio::sync::mpsc::channel;

    #[derive(Default)]
    struct TestFleet {
        stop_requested: Cell<bool>,
        obeys: bool,
        lost: bool,
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
    }

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

    const SUPERVISION: Supervision =
        Supervision { statistics: StatisticsInterval::Off, shutdown_deadline: Duration::from_secs(10) };

    fn board() -> StatisticsBoard {
        StatisticsBoard::new(vec![Arc::default()])
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_that_the_workers_obey_is_orderly() {
        let fleet = TestFleet { obeys: true, ..TestFleet::default() };
        let (requests, inbox) = channel(1);
        requests.send(Request::Stop).await.unwrap();
        let end = supervise(&fleet, &TestManager::default(), &board(), SUPERVISION, inbox).await;
        assert_eq!(end, End::Orderly);
    }

    #[tokio::test(start_paused = true)]
    async fn workers_that_do_not_end_are_given_up_at_the_deadline() {
        let (requests, inbox) = channel(1);
        requests.send(Request::Stop).await.unwrap();
        let start = Instant::now();
        let fleet = TestFleet::default();
        let end = supervise(&fleet, &TestManager::default(), &board(), SUPERVISION, inbox).await;
        assert_eq!(end, End::DeadlinePassed);
        assert_eq!(start.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn the_loss_of_a_worker_ends_the_tracker() {
        let fleet = TestFleet { lost: true, ..TestFleet::default() };
        let (_requests, inbox) = channel(1);
        let end = supervise(&fleet, &TestManager::default(), &board(), SUPERVISION, inbox).await;
        assert_eq!(end, End::WorkerLost);
    }

    #[tokio::test(start_paused = true)]
    async fn a_core_that_takes_no_turns_stops_the_heartbeat() {
        let published = Arc::new(PublishedStatistics::default());
        let board = StatisticsBoard::new(vec![Arc::clone(&published)]);
        let manager = TestManager { interval: Some(Duration::from_secs(1)), ..TestManager::default() };
        let fleet = TestFleet { obeys: true, ..TestFleet::default() };
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
        let (end, ()) = tokio::join!(supervise(&fleet, &manager, &board, SUPERVISION, inbox), script);
        assert_eq!(end, End::Orderly);
        assert_eq!(manager.heartbeats.get(), 3);
    }
}
