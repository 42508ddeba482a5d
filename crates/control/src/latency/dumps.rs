use super::collector::Collector;
use super::log::{Dump, DumpReason, LatencyLog, encode, listed};
use super::percentile_table::percentile_table;
use super::snapshot::LatencySnapshot;
use crate::lifecycle::SupervisionSettings;
use crate::limits::LAST_DUMP_MS_MAX;
use crate::time::{regular, tick};
use config::Interval as Every;
use core_link::Cores;
use primitives::ShardId;
use std::io;
use std::path::{Path, absolute};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc::Receiver;
use tokio::sync::watch;
use tokio::time::{Instant, Interval, timeout};
use tracing::{error, info, warn};

/// The results of dumps.
#[derive(Debug, Clone)]
pub struct LatencyDumps {
    pub snapshot: Arc<LatencySnapshot>,
    /// The last requested dump as a text: the path of the log, the table of percentiles, and the missing cores. Empty if
    /// it could not be written.
    pub requested: watch::Sender<String>,
}

/// Makes the dumps, one after another.
#[derive(Debug)]
pub(crate) struct Dumps {
    collector: Collector,
    log: LatencyLog,
    settings: watch::Receiver<SupervisionSettings>,
    every: Every,
    interval: Option<Interval>,
    requested: watch::Sender<String>,
    begun: Instant,
    /// Everything recorded before this has been written.
    written_until: Instant,
}

impl Dumps {
    pub(crate) fn new(
        cores: &Cores,
        dumps: &LatencyDumps,
        mut settings: watch::Receiver<SupervisionSettings>,
    ) -> Self {
        let SupervisionSettings { latency_directory, latency_interval: every, .. } =
            settings.borrow_and_update().clone();
        Self {
            collector: Collector::new(cores, Arc::clone(&dumps.snapshot)),
            log: LatencyLog::new(&latency_directory, std::process::id(), SystemTime::now()),
            settings,
            every,
            interval: regular(every),
            requested: dumps.requested.clone(),
            begun: Instant::now(),
            written_until: Instant::now(),
        }
    }

    /// Makes a dump at each request and at each interval, and at the end of the requests one of the unfinished interval, if
    /// there is an interval.
    pub(crate) async fn run(mut self, mut requests: Receiver<()>) {
        loop {
            tokio::select! {
                biased;
                request = requests.recv() => match request {
                    Some(()) => {
                        let dump = self.dump(DumpReason::Requested).await;
                        self.requested.send_replace(dump.unwrap_or_default());
                    }
                    None => break,
                },
                () = tick(self.interval.as_mut()) => drop(self.dump(DumpReason::Interval).await),
                Ok(()) = self.settings.changed() => self.use_settings(),
                () = self.collector.snapshot.wanted.notified() => drop(self.gather().await),
            }
        }
        if self.interval.is_some() {
            self.dump(DumpReason::End).await;
        }
    }

    fn use_settings(&mut self) {
        let settings = self.settings.borrow_and_update();
        self.log.use_directory(&settings.latency_directory);
        if self.every != settings.latency_interval {
            self.every = settings.latency_interval;
            self.interval = regular(self.every);
        }
    }

    /// Collects from the cores without a dump: their latencies are in the next one, too.
    async fn gather(&mut self) -> Vec<ShardId> {
        let missing = self.collector.collect().await;
        self.collector.snapshot.gathered.send_modify(|times| *times += 1);
        missing
    }

    /// Returns the dump as a text, if it could be written.
    async fn dump(&mut self, reason: DumpReason) -> Option<String> {
        let missing = self.gather().await;
        for shard in &missing {
            warn!(%shard, "the core reported no latencies in time: they will be in a later dump");
        }
        let latencies = self.collector.take();
        let (from, until) = (self.written_until - self.begun, Instant::now());
        let length = until - self.written_until;
        let table = percentile_table(latencies.recorded());
        log_table(&table, length, latencies.stamps_ahead());
        let dump = encode(&Dump { reason, from, length, latencies: &latencies, missing: &missing });
        let path = self.log.path().display();
        if let Err(error) = append(&self.log, dump).await {
            error!(%error, "the latencies could not be dumped to {path}");
            self.collector.give_back(&latencies);
            return None;
        }
        info!("latency: dumped to {path}");
        self.written_until = until;
        Some(text(self.log.path(), &table, &missing))
    }
}

/// Waits for the dumps to end, and abandons them if that takes too long.
pub(crate) async fn finish(dumping: impl Future<Output = ()>) {
    if timeout(Duration::from_millis(LAST_DUMP_MS_MAX), dumping).await.is_err() {
        error!("the last dump of latencies took too long and was abandoned");
    }
}

/// Appends on a blocking thread, since a file system can be slow.
async fn append(log: &LatencyLog, dump: Vec<u8>) -> io::Result<()> {
    let log = log.clone();
    tokio::task::spawn_blocking(move || log.append(&dump)).await?
}

fn log_table(table: &[String], length: Duration, stamps_ahead: u64) {
    info!("latency: of the last {:.1} s, all cores together", length.as_secs_f64());
    for line in table {
        info!("latency: {line}");
    }
    if stamps_ahead > 0 {
        warn!(
            stamps = stamps_ahead,
            "time stamps of the kernel were ahead of the clock, which was set back; they are left out"
        );
    }
}

/// Returns a dump as the command prints it.
fn text(log: &Path, table: &[String], missing: &[ShardId]) -> String {
    let log = absolute(log).unwrap_or_else(|_| log.to_owned());
    let missing =
        if missing.is_empty() { String::new() } else { format!("cores missing: {}\n", listed(missing)) };
    format!("{}\n{}\n{missing}", log.display(), table.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{
        cores_of_which_one_replies, expiry_turns_in, reply_with_latencies, set_with_expiry_turns,
    };
    use core_link::{CoreCommand, CoreEnd};
    use std::fs::read_to_string;
    use std::pin::pin;
    use tokio::sync::mpsc::channel;

    /// Dumps of two cores, of which the second does not reply by itself.
    fn dumps_to(directory: &Path) -> (Dumps, CoreEnd) {
        let (cores, second) = cores_of_which_one_replies();
        let settings = SupervisionSettings {
            statistics: Every::Off,
            latency_directory: directory.to_owned(),
            latency_interval: Every::Off,
            shutdown_deadline: Duration::ZERO,
        };
        let dumps = LatencyDumps { snapshot: Arc::default(), requested: watch::Sender::default() };
        (Dumps::new(&cores, &dumps, watch::channel(settings).1), second)
    }

    #[tokio::test]
    async fn a_dump_has_the_latencies_of_all_cores() {
        let directory = tempfile::tempdir().unwrap();
        let (mut dumps, second) = dumps_to(directory.path());
        reply_with_latencies(second);
        dumps.dump(DumpReason::Requested).await;
        dumps.dump(DumpReason::Interval).await;
        assert_eq!(expiry_turns_in(&read_to_string(dumps.log.path()).unwrap()), 4);
    }

    #[tokio::test]
    async fn latencies_that_could_not_be_written_are_in_the_next_dump() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("made-later");
        let (mut dumps, second) = dumps_to(&missing);
        reply_with_latencies(second);
        assert_eq!(dumps.dump(DumpReason::Requested).await, None);
        std::fs::create_dir(&missing).unwrap();
        dumps.dump(DumpReason::Requested).await;
        assert_eq!(expiry_turns_in(&read_to_string(dumps.log.path()).unwrap()), 4);
    }

    fn lines_in(log: &Path, part: &str) -> Vec<String> {
        let text = read_to_string(log).unwrap();
        text.lines().filter(|line| line.contains(part)).map(str::to_owned).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_dump_that_has_begun_is_finished_before_the_last_one() {
        let directory = tempfile::tempdir().unwrap();
        let (mut dumps, _second) = dumps_to(directory.path());
        dumps.interval = regular(Every::Every(3600));
        let log = dumps.log.clone();
        let (requests, inbox) = channel(1);
        let mut dumping = pin!(dumps.run(inbox));
        requests.try_send(()).unwrap();
        let begun = timeout(Duration::from_millis(100), &mut dumping).await;
        assert!(begun.is_err(), "the dump waits for the second core");
        drop(requests);
        finish(dumping).await;
        let endings = ["#[Dump ended: requested]", "#[Dump ended: before the stop]"];
        assert_eq!(lines_in(log.path(), "Dump ended"), endings);
    }

    #[tokio::test(start_paused = true)]
    async fn dumps_that_do_not_end_are_abandoned() {
        let begun = Instant::now();
        finish(std::future::pending()).await;
        assert_eq!(begun.elapsed().as_millis(), u128::from(LAST_DUMP_MS_MAX));
    }

    #[tokio::test]
    async fn a_core_that_accepts_no_commands_does_not_delay_a_dump() {
        let directory = tempfile::tempdir().unwrap();
        let (mut dumps, second) = dumps_to(directory.path());
        drop(second);
        let text = dumps.dump(DumpReason::Requested).await.unwrap();
        assert!(text.ends_with("\ncores missing: 1\n"), "{text}");
        assert_eq!(expiry_turns_in(&read_to_string(dumps.log.path()).unwrap()), 1);
        assert_eq!(lines_in(dumps.log.path(), "missing"), ["#[Cores missing: 1]"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_reply_is_in_the_next_dump() {
        let (cores, second) = cores_of_which_one_replies();
        let mut collector = Collector::new(&cores, Arc::default());
        assert_eq!(collector.collect().await, [cores.handles()[1].shard()]);
        assert_eq!(*collector.take(), set_with_expiry_turns(1));
        let Some(CoreCommand::TakeLatency(_, reply)) = second.next_command() else { panic!("it was asked") };
        reply.send(Box::new(set_with_expiry_turns(5)));
        collector.collect().await;
        assert_eq!(*collector.take(), set_with_expiry_turns(6));
    }
}
