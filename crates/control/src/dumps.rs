use crate::collector::Collector;
use crate::latency_log::{Dump, DumpReason, LatencyLog, encode};
use crate::limits::LAST_DUMP_MS_MAX;
use crate::percentile_table::percentile_table;
use crate::supervise::{Fleet, regular, tick};
use config::Interval as Every;
use latency::LatencySet;
use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use tokio::sync::Notify;
use tokio::time::{Instant, Interval, timeout};
use tracing::{error, info, warn};

/// Where and how often latencies are dumped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatencyDumps {
    /// The directory of the logs.
    pub directory: PathBuf,
    /// How often a dump is made that nobody asks for.
    pub interval: Every,
}

/// Makes the dumps, one after another.
#[derive(Debug)]
pub(crate) struct Dumps<'a, F> {
    fleet: &'a F,
    collector: Collector,
    log: LatencyLog,
    interval: Option<Interval>,
    begun: Instant,
    /// What was recorded until then is written.
    written_until: Instant,
}

impl<'a, F: Fleet> Dumps<'a, F> {
    pub(crate) fn new(fleet: &'a F, dumps: &LatencyDumps) -> Self {
        Self {
            fleet,
            collector: Collector::new(fleet),
            log: LatencyLog::new(&dumps.directory, std::process::id(), SystemTime::now()),
            interval: regular(dumps.interval),
            begun: Instant::now(),
            written_until: Instant::now(),
        }
    }

    /// Makes a dump at each request and at each interval. Requests that come together share one.
    pub(crate) async fn run(&mut self, requested: &Notify) -> Infallible {
        loop {
            let reason = tokio::select! {
                () = requested.notified() => DumpReason::Requested,
                () = tick(self.interval.as_mut()) => DumpReason::Interval,
            };
            self.dump(reason).await;
        }
    }

    /// Makes the dump of what is left over from the last interval, if there are intervals.
    pub(crate) async fn last(&mut self) {
        if self.interval.is_some() {
            let deadline = Duration::from_millis(LAST_DUMP_MS_MAX);
            if timeout(deadline, self.dump(DumpReason::End)).await.is_err() {
                error!("the last dump of latencies took too long and is given up");
            }
        }
    }

    async fn dump(&mut self, reason: DumpReason) {
        for shard in self.collector.collect(self.fleet).await {
            warn!(%shard, "the core told no latencies in time: they are in a later dump");
        }
        let latencies = self.collector.take();
        let (from, until) = (self.written_until - self.begun, Instant::now());
        let length = until - self.written_until;
        log_table(&latencies, length);
        match append(&self.log, encode(&Dump { reason, from, length, latencies: &latencies })).await {
            Ok(()) => {
                info!("latency: dumped to {}", self.log.path().display());
                self.written_until = until;
            }
            Err(error) => {
                error!(%error, "the latencies could not be dumped to {}", self.log.path().display());
                self.collector.give_back(&latencies);
            }
        }
    }
}

/// On a thread of its own, since a file system can take its time.
async fn append(log: &LatencyLog, dump: Vec<u8>) -> io::Result<()> {
    let log = log.clone();
    tokio::task::spawn_blocking(move || log.append(&dump)).await?
}

fn log_table(latencies: &LatencySet, length: Duration) {
    info!("latency: of the last {:.1} s, all cores together", length.as_secs_f64());
    for line in percentile_table(latencies.recorded()) {
        info!("latency: {line}");
    }
    if latencies.stamps_ahead() > 0 {
        warn!(
            stamps = latencies.stamps_ahead(),
            "time stamps of the kernel lay ahead of the clock, which was set back; they are left out"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestFleet, TestWorkers, set_with_expiry_turns};
    use crate::{newest_log, read_latencies};
    use primitives::ShardCount;
    use std::path::Path;

    fn expiry_turns_in(directory: &Path) -> u64 {
        let log = newest_log(directory, std::process::id()).unwrap().unwrap();
        let latencies = read_latencies(&std::fs::read(log).unwrap()).unwrap();
        latencies.iter().map(|(_, histogram)| histogram.len()).sum()
    }

    fn dumps_to<'a>(directory: &Path, fleet: &'a TestFleet) -> Dumps<'a, TestFleet> {
        Dumps::new(fleet, &LatencyDumps { directory: directory.to_owned(), interval: Every::Off })
    }

    #[tokio::test]
    async fn a_dump_has_what_all_cores_recorded() {
        let (directory, fleet) = (tempfile::tempdir().unwrap(), TestFleet::default());
        let mut dumps = dumps_to(directory.path(), &fleet);
        dumps.dump(DumpReason::Requested).await;
        dumps.dump(DumpReason::Interval).await;
        assert_eq!(expiry_turns_in(directory.path()), 4);
    }

    #[tokio::test]
    async fn what_could_not_be_written_is_in_the_next_dump() {
        let (directory, fleet) = (tempfile::tempdir().unwrap(), TestFleet::default());
        let missing = directory.path().join("made-later");
        let mut dumps = dumps_to(&missing, &fleet);
        dumps.dump(DumpReason::Requested).await;
        std::fs::create_dir(&missing).unwrap();
        dumps.dump(DumpReason::Requested).await;
        assert_eq!(expiry_turns_in(&missing), 4);
    }

    #[tokio::test]
    async fn a_core_that_takes_no_commands_does_not_hold_the_dump_up() {
        let directory = tempfile::tempdir().unwrap();
        let fleet = TestFleet { workers: TestWorkers::SecondRefuses, ..TestFleet::default() };
        let mut collector = Collector::new(&fleet);
        let missing = collector.collect(&fleet).await;
        assert_eq!(missing, fleet.shards().shards().skip(1).collect::<Vec<_>>());
        dumps_to(directory.path(), &fleet).dump(DumpReason::Requested).await;
        assert_eq!(expiry_turns_in(directory.path()), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_comes_late_is_in_the_next_dump() {
        let fleet = TestFleet { workers: TestWorkers::SecondSleeps, ..TestFleet::default() };
        let mut collector = Collector::new(&fleet);
        let second = ShardCount::new(2).unwrap().shards().last().unwrap();
        assert_eq!(collector.collect(&fleet).await, [second]);
        assert_eq!(*collector.take(), set_with_expiry_turns(1));
        fleet.answers.borrow_mut().push((second, Box::new(set_with_expiry_turns(5))));
        collector.collect(&fleet).await;
        assert_eq!(*collector.take(), set_with_expiry_turns(6));
    }
}
