use super::{SnapshotFigures, SnapshotInfo, SnapshotManagement};
use crate::keys::Keys;
use crate::lifecycle::StatisticsSnapshot;
use crate::management::{Answer, ManagementError};
use crate::shared::{Shared, lock, to_the_end};
use crate::time::{Moment, regular, tick, unix_s};
use config::Interval as Every;
use metrics::{Gauge, Statistics};
use snapshot::{
    Described, Directory, Found, KEYS_PER_FRAME, KeyName, KeyPages, LoadError, Loaded, Secrets, Target,
};
use std::sync::{Arc, Mutex};
use tokio::sync::{Mutex as AsyncMutex, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};

/// Where snapshots are, the one that is loaded at the start, and the secrets of this process that they keep.
#[derive(Debug, Clone)]
pub struct SnapshotSettings {
    pub directory: Directory,
    pub found: Option<Found>,
    pub secrets: Secrets,
}

/// Writes and loads snapshots.
#[derive(Debug)]
pub(crate) struct Snapshots {
    shared: Arc<Shared>,
    keys: Arc<Keys>,
    statistics: StatisticsSnapshot,
    settings: Option<SnapshotSettings>,
    /// How often one is written without a request.
    every: watch::Sender<Every>,
    /// The one that was found, until it has been loaded: no other takes its place before. Locked while it is loaded.
    unloaded: AsyncMutex<Option<Found>>,
    /// Locked while one is written.
    writes: AsyncMutex<()>,
    /// Each notification gives up the one that is being written. Once it is true, only the last one is written.
    is_stopping: watch::Sender<bool>,
    figures: Mutex<SnapshotFigures>,
}

const NOT_LOADED: &str = "the one before stays until it has been loaded";

impl SnapshotManagement for Arc<Snapshots> {
    fn write(&self) -> Answer<'_, SnapshotInfo> {
        to_the_end(self, async |snapshots| snapshots.write_while_serving().await)
    }

    fn figures(&self) -> Option<SnapshotFigures> {
        self.settings.as_ref().map(|_| *lock(&self.figures))
    }
}

impl Snapshots {
    pub(crate) fn new(
        shared: Arc<Shared>,
        keys: Arc<Keys>,
        statistics: StatisticsSnapshot,
        settings: Option<SnapshotSettings>,
    ) -> Self {
        Self {
            shared,
            keys,
            statistics,
            unloaded: AsyncMutex::new(settings.as_ref().and_then(|settings| settings.found.clone())),
            settings,
            every: watch::Sender::new(Every::Off),
            writes: AsyncMutex::default(),
            is_stopping: watch::Sender::default(),
            figures: Mutex::default(),
        }
    }

    pub(crate) fn use_interval(&self, every: Every) {
        self.every.send_if_modified(|used| std::mem::replace(used, every) != every);
    }

    /// Writes snapshots at the interval in use.
    pub(crate) async fn write_regularly(self: Arc<Self>) {
        let mut used = self.every.subscribe();
        loop {
            let mut timer = regular(*used.borrow_and_update());
            loop {
                tokio::select! {
                    Ok(()) = used.changed() => break,
                    // The log has what came of it.
                    () = tick(timer.as_mut()) => drop(self.write_while_serving().await),
                }
            }
        }
    }

    /// Loads the snapshot that was found into the cores. One that cannot be used costs its peers only.
    pub(crate) async fn load(&self) {
        let mut unloaded = self.unloaded.lock().await;
        if let (Some(found), Some(settings)) = (&*unloaded, &self.settings) {
            self.load_found(found.clone(), &settings.secrets).await;
        }
        *unloaded = None;
    }

    /// Returns whether there is no snapshot that still has to be loaded.
    pub(crate) fn is_loaded(&self) -> bool {
        self.unloaded.try_lock().is_ok_and(|unloaded| unloaded.is_none())
    }

    async fn load_found(&self, found: Found, secrets: &Secrets) {
        let begun = Instant::now();
        let number_of = |key: &_| self.keys.accounts().number(key);
        let (cores, steering) = (&self.shared.cores, &secrets.steering);
        let target = Target { cores, unix_s: unix_s(), second: cores.now(), steering, number_of: &number_of };
        match found.load(&target).await {
            Ok(loaded) => log_loaded(loaded, begun),
            // A file system that hangs is not waited for.
            Err(LoadError::Refused(refused)) => drop(spawn_blocking(move || found.refuse(&refused))),
            Err(error) => warn!("the snapshot is used in part only: {error}"),
        }
    }

    /// Gives up the snapshot that is being written.
    pub(crate) fn give_up(&self) {
        self.is_stopping.send_modify(|_| ());
    }

    /// Writes the last snapshot, until `deadline`. The cores only do tasks by then: it has the sessions, which are accounted until
    /// then, and the keys.
    pub(crate) async fn write_last(self: Arc<Self>, deadline: Instant) {
        let Some(settings) = &self.settings else { return };
        self.is_stopping.send_replace(true);
        if !self.is_loaded() {
            return self.fail(NOT_LOADED);
        }
        let write = async {
            let _one_at_a_time = self.writes.lock().await;
            // The log has what came of it.
            drop(self.write_with(settings, Some(self.key_pages())).await);
        };
        if timeout_at(deadline, write).await.is_err() {
            self.fail("it takes longer than shutdown.deadline_s allows");
        }
    }

    async fn write_while_serving(&self) -> Result<SnapshotInfo, ManagementError> {
        let settings = self.settings.as_ref().ok_or(ManagementError::NoSnapshots)?;
        if !self.is_loaded() {
            self.fail(NOT_LOADED);
            return Err(ManagementError::SnapshotBusy);
        }
        let Ok(_one_at_a_time) = self.writes.try_lock() else {
            self.fail("the one before is still being written");
            return Err(ManagementError::SnapshotBusy);
        };
        // A process that takes over writes its own.
        let Some(_permit) = self.shared.begin_change() else { return Err(ManagementError::SnapshotBusy) };
        let mut is_stopping = self.is_stopping.subscribe();
        if *is_stopping.borrow_and_update() {
            return Err(ManagementError::SnapshotBusy);
        }
        tokio::select! {
            outcome = self.write_with(settings, None) => outcome,
            _ = is_stopping.changed() => Err(ManagementError::SnapshotBusy),
        }
    }

    /// Writes a snapshot with the sessions of these keys.
    async fn write_with(
        &self,
        settings: &SnapshotSettings,
        keys: Option<KeyPages>,
    ) -> Result<SnapshotInfo, ManagementError> {
        let (begun, statistics) = (Moment::now(), self.statistics.total());
        let (cores, secrets) = (&self.shared.cores, settings.secrets);
        let described = Described { unix_s: begun.unix_s, second: cores.now(), secrets };
        match settings.directory.write(cores, described, keys).await {
            Ok(written) => Ok(self.succeed(begun, &statistics, written.bytes)),
            Err(error) => {
                self.fail(&error.to_string());
                Err(ManagementError::Snapshot(error.to_string()))
            }
        }
    }

    fn succeed(&self, begun: Moment, statistics: &Statistics, bytes: u64) -> SnapshotInfo {
        let sum = |gauges: &[Gauge]| gauges.iter().map(|&gauge| statistics.gauge(gauge)).sum();
        let written = SnapshotInfo {
            swarms: sum(&[Gauge::SwarmsV4, Gauge::SwarmsV6]),
            peers: sum(&[Gauge::SeedersV4, Gauge::SeedersV6, Gauge::LeechersV4, Gauge::LeechersV6]),
            bytes,
            unix_s: begun.unix_s,
            duration: begun.instant.elapsed(),
        };
        let SnapshotInfo { swarms, peers, duration, .. } = written;
        let seconds = format!("{:.1}", duration.as_secs_f64());
        info!(peers, swarms, bytes, seconds, "wrote a snapshot");
        lock(&self.figures).last = Some(written);
        written
    }

    fn fail(&self, why: &str) {
        lock(&self.figures).failures += 1;
        warn!("no snapshot was written: {why}");
    }

    fn key_pages(&self) -> KeyPages {
        let (keys, mut last) = (Arc::clone(&self.keys), None);
        Box::new(std::iter::from_fn(move || {
            let page = keys.accounts().numbers_after(last, KEYS_PER_FRAME);
            last = Some(page.last()?.0);
            Some(page.iter().map(|(key, number)| KeyName::new(*number, key)).collect())
        }))
    }
}

fn log_loaded(loaded: Loaded, begun: Instant) {
    let Loaded { imported, unknown_sessions } = loaded;
    let snapshot::Imported { swarms, peers, sessions, expired, refused, malformed_bytes } = imported;
    let seconds = format!("{:.1}", begun.elapsed().as_secs_f64());
    info!(peers, swarms, sessions, expired, refused, seconds, "loaded the snapshot");
    if unknown_sessions > 0 {
        info!(unknown_sessions, "sessions of unknown keys were left out of the snapshot");
    }
    if malformed_bytes > 0 {
        warn!(malformed_bytes, "the snapshot has records that this program cannot read");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core_link::link_cores;
    use database::{WriteBehind, WriteBehindSettings};
    use primitives::{ShardCount, SteeringKey};
    use std::path::Path;
    use std::process::Command;
    use std::time::Duration;
    use tokio::time::sleep;

    /// Returns the snapshots of a core whose worker has exited.
    fn snapshots(directory: Option<&Path>) -> Arc<Snapshots> {
        let (cores, _ends) = link_cores(ShardCount::ONE, std::time::Instant::now());
        let write_behind = WriteBehind::start(None, WriteBehindSettings::default());
        let shared = Arc::new(Shared { cores, database: None, write_behind, changes: Arc::default() });
        let steering = SteeringKey { addend: 0, multipliers: [1; SteeringKey::WORDS] };
        let secrets = Secrets { steering, connection_ids: [0; 16] };
        let settings = |path: &Path| SnapshotSettings {
            directory: Directory::new(path.to_owned()),
            found: None,
            secrets,
        };
        let keys = Arc::new(Keys::new(Arc::clone(&shared), 10));
        let statistics = StatisticsSnapshot::new(vec![Arc::default()]);
        Arc::new(Snapshots::new(shared, keys, statistics, directory.map(settings)))
    }

    #[tokio::test]
    async fn without_a_directory_there_are_no_snapshots() {
        let snapshots = snapshots(None);
        assert!(matches!(snapshots.write().await, Err(ManagementError::NoSnapshots)));
        assert_eq!(snapshots.figures(), None);
        snapshots.write_last(Instant::now()).await;
    }

    #[tokio::test]
    async fn a_hanging_file_system_takes_one_snapshot_at_a_time_and_no_longer_than_the_deadline() {
        let directory = tempfile::tempdir().unwrap();
        let lock = directory.path().join("lock");
        assert!(Command::new("mkfifo").arg(&lock).status().unwrap().success());
        let snapshots = snapshots(Some(directory.path()));
        let hanging = tokio::spawn({
            let snapshots = Arc::clone(&snapshots);
            async move { snapshots.write().await }
        });
        while snapshots.writes.try_lock().is_ok() {
            sleep(Duration::from_millis(1)).await;
        }
        assert!(matches!(snapshots.write().await, Err(ManagementError::SnapshotBusy)));
        Arc::clone(&snapshots).write_last(Instant::now() + Duration::from_millis(100)).await;
        assert!(matches!(hanging.await.unwrap(), Err(ManagementError::SnapshotBusy)), "it is given up");
        assert_eq!(snapshots.figures().unwrap().failures, 2);
        // Whoever waits for a reader of the pipe goes on, so that the test can end.
        drop(std::fs::OpenOptions::new().read(true).write(true).open(lock).unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn snapshots_are_written_at_the_interval_that_is_in_use() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let snapshots = snapshots(Some(file.path()));
        tokio::spawn(Arc::clone(&snapshots).write_regularly());
        let failures = || snapshots.figures().unwrap().failures;
        for (every, after_an_hour) in [(Every::Off, 0), (Every::Every(600), 6), (Every::Off, 6)] {
            snapshots.use_interval(every);
            sleep(Duration::from_secs(3605)).await;
            assert_eq!(failures(), after_an_hour, "{every:?}");
        }
    }
}
