mod replace;

use super::handover::PassedOn;
use super::memory_watch::{MemoryWatch, resident_bytes};
use super::settings::{LiveSettings, ManagerSettings, TotalsStorage};
use super::shortfall_watch::ShortfallWatch;
use super::totals::Totals;
use crate::bans::{BanManagement, Bans};
use crate::forwarding::ForwardingManagement;
use crate::keys::{KeyManagement, Keys};
use crate::latency::LatencyManagement;
use crate::limits::{EVENTS_POLL_MS, FILES_LOOK_S, FORWARDER_STOP_S, LAST_SAVE_RETRY_MS, LOAD_RETRY_S};
use crate::lists::{ListManagement, Lists};
use crate::management::{
    Answer, ChangePermit, ListenerInfo, Management, ManagementError, MemoryInfo, Reloaded, StorageInfo,
    StorageState,
};
use crate::shared::{Shared, lock};
use crate::snapshots::{SnapshotManagement, Snapshots};
use crate::sources::{ApiGuard, SourceManagement, Sources};
use crate::time::later;
use crate::torrents::{TorrentManagement, Torrents};
use access::{AccessEvent, AccessPolicy, CompletedCounts, TorrentAdmission, UserAdmission};
use core_link::{CoreCommand, CoreEvent, Cores, Reply};
use database::{Database, StoredKey, TooManyWaiting, WriteBehind};
use forwarder::Forwarder;
use metrics::{Gauge, Statistics};
use primitives::{AuthenticationKey, KeyId, ShardId, TorrentList};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tracing::{error, info};

/// Manages a running tracker: loads the state of all subjects, stores it, and passes on what the cores report.
#[derive(Debug)]
pub struct Manager {
    pub(super) shared: Arc<Shared>,
    settings: ManagerSettings,
    /// Those in use.
    live: Mutex<LiveSettings>,
    /// Held while they are replaced.
    replaces: AsyncMutex<()>,
    key_expiry: Once,
    pub(super) keys: Arc<Keys>,
    lists: Arc<Lists>,
    bans: Arc<Bans>,
    sources: Arc<Sources>,
    pub(super) torrents: Torrents,
    pub(super) snapshots: Arc<Snapshots>,
    totals: Mutex<Totals>,
    memory_watch: Mutex<MemoryWatch>,
    /// Where reports go in addition while another process has the stored data.
    pub(super) passed_on: Mutex<Option<mpsc::Sender<PassedOn>>>,
    /// Why some stored data could not be read yet.
    unread: Mutex<Option<String>>,
}

/// A part of the stored data, which is read by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StoredPart {
    Bans,
    Keys,
    List(TorrentList),
    Totals,
    Completed,
}

impl StoredPart {
    /// Whether torrents or sessions are refused while it is unread.
    const fn admits(self) -> bool {
        matches!(self, Self::Keys | Self::List(TorrentList::Allowed))
    }
}

impl Management for Manager {
    fn keys(&self) -> &dyn KeyManagement {
        &self.keys
    }

    fn lists(&self) -> &dyn ListManagement {
        &self.lists
    }

    fn bans(&self) -> &dyn BanManagement {
        &self.bans
    }

    fn sources(&self) -> &dyn SourceManagement {
        &*self.sources
    }

    fn api_guard(&self) -> &ApiGuard {
        self.sources.apis()
    }

    fn torrents(&self) -> &dyn TorrentManagement {
        &self.torrents
    }

    fn latency(&self) -> &dyn LatencyManagement {
        &*self.settings.latencies
    }

    fn forwarding(&self) -> Option<&dyn ForwardingManagement> {
        self.settings.forwarder.as_ref().map(|forwarder| forwarder as _)
    }

    fn snapshots(&self) -> &dyn SnapshotManagement {
        &self.snapshots
    }

    fn policy(&self) -> AccessPolicy {
        lock(&self.live).policy
    }

    fn statistics(&self) -> Statistics {
        self.settings.snapshot.total()
    }

    fn shards(&self) -> Vec<Statistics> {
        self.settings.snapshot.shards()
    }

    fn totals(&self) -> Vec<(&'static str, u64)> {
        lock(&self.totals).now(&self.statistics())
    }

    fn configuration(&self) -> serde_json::Value {
        lock(&self.live).configuration.clone()
    }

    fn begin_change(&self) -> Option<ChangePermit> {
        self.shared.begin_change()
    }

    fn reload(&self) -> Answer<'_, Reloaded> {
        Box::pin(async {
            let (request, answer) = oneshot::channel();
            let stopping = || ManagementError::Configuration("the tracker is stopping".to_owned());
            self.settings.reloads.send(request).await.map_err(|_| stopping())?;
            answer.await.map_err(|_| stopping())?
        })
    }

    fn storage(&self) -> StorageInfo {
        let mut info = self.shared.write_behind.info();
        if info.state == StorageState::Connected
            && let Some(reason) = &*lock(&self.unread)
        {
            info.state = StorageState::Away(reason.clone());
        }
        info
    }

    fn memory(&self) -> MemoryInfo {
        let plan = lock(&self.live).memory.clone();
        let swarm_bytes_max = lock(&self.memory_watch).swarm_bytes_max(&plan);
        MemoryInfo { shares: plan.shares, swarm_bytes_max }
    }

    fn listeners(&self) -> Vec<ListenerInfo> {
        lock(&self.live).listeners.clone()
    }
}

impl Manager {
    /// Sends the cores the lists, keys and bans, as far as they can be read within [`ManagerSettings::start_wait`], and the
    /// snapshot that was found. The rest is read later; without the keys and lists that admit its torrents and sessions, so is the
    /// snapshot.
    ///
    /// # Errors
    /// When a list's file cannot be read: without its list, a denied torrent would be served.
    pub async fn start(
        cores: Cores,
        settings: ManagerSettings,
        database: Option<Database>,
    ) -> Result<Arc<Self>, ManagementError> {
        let write_behind = WriteBehind::start(database.clone(), settings.write_behind);
        let shared = Arc::new(Shared { cores, database, write_behind, changes: Arc::default() });
        let bans = Arc::new(Bans::new(Arc::clone(&shared), settings.live.rules.clone()));
        let (apis, sources) = (Arc::clone(&settings.api_guard), settings.live.sources.clone());
        let keys = Arc::new(Keys::new(Arc::clone(&shared), settings.live.keys_max));
        let manager = Arc::new(Self {
            snapshots: Arc::new(Snapshots::new(
                Arc::clone(&shared),
                Arc::clone(&keys),
                settings.snapshot.clone(),
                settings.snapshots.clone(),
            )),
            keys,
            lists: Arc::new(Lists::new(Arc::clone(&shared), settings.live.list_files.clone())),
            sources: Arc::new(Sources::new(Arc::clone(&shared), Arc::clone(&bans), apis, sources)),
            bans,
            live: Mutex::new(settings.live.clone()),
            replaces: AsyncMutex::default(),
            key_expiry: Once::new(),
            torrents: Torrents::new(Arc::clone(&shared)),
            totals: Mutex::default(),
            memory_watch: Mutex::default(),
            passed_on: Mutex::default(),
            unread: Mutex::default(),
            shared,
            settings,
        });
        manager.bans.begin().await;
        manager.lists.read_files().await?;
        let unread = manager.load_first(Instant::now() + manager.settings.start_wait).await;
        tokio::spawn(Arc::clone(&manager.sources).watch());
        tokio::spawn(Arc::clone(&manager).take_events());
        tokio::spawn(Arc::clone(&manager).watch_files());
        manager.snapshots.use_interval(manager.settings.live.snapshot_every);
        manager.look_after_keys();
        if !unread.iter().any(|part| part.admits()) {
            manager.snapshots.load().await;
        }
        if let Some(database) = manager.shared.database.clone() {
            tokio::spawn(Arc::clone(&manager).load_rest(database, unread));
        }
        Ok(manager)
    }

    /// Sends each core a command, and waits until all have replied.
    ///
    /// # Errors
    /// If one does not.
    pub async fn command_all(
        &self,
        command: impl Fn(ShardId, Reply<()>) -> CoreCommand,
    ) -> Result<(), ManagementError> {
        self.shared.command_all(command).await.map(drop)
    }

    /// Returns all keys with the numbers that sessions in the cores have for them.
    pub fn key_numbers(&self) -> Vec<(AuthenticationKey, KeyId)> {
        self.keys.accounts().numbers_after(None, usize::MAX)
    }

    /// Returns the number of a key, if it is known.
    pub fn key_number(&self, key: &AuthenticationKey) -> Option<KeyId> {
        self.keys.accounts().number(key)
    }

    /// Adds keys that are not stored, with their accounts.
    ///
    /// # Errors
    /// If there are too many keys, or a core does not reply.
    pub async fn add_unstored_keys(&self, keys: &[StoredKey]) -> Result<(), ManagementError> {
        self.keys.add_unstored(keys).await
    }

    /// Begins to write snapshots at their interval. Before the cores have what they are to serve, one would replace a better one.
    pub fn begin_regular_snapshots(&self) {
        tokio::spawn(Arc::clone(&self.snapshots).write_regularly());
    }

    /// Writes the last snapshot, until `deadline`, if there is a directory. The cores must only do tasks by then.
    pub async fn write_last_snapshot(&self, deadline: Instant) {
        // A panic in it must not keep the rest from being saved.
        drop(tokio::spawn(Arc::clone(&self.snapshots).write_last(deadline)).await);
    }

    /// Begins to look after keys that have expired, if there are keys.
    fn look_after_keys(&self) {
        if self.policy().users == UserAdmission::Private {
            self.key_expiry.call_once(|| drop(tokio::spawn(Arc::clone(&self.keys).look_after_expired())));
        }
    }

    /// Writes everything that is not stored yet, and announces to upstream trackers that the torrents are stopped, until
    /// `deadline`. The cores must have ended before.
    pub async fn stop(&self, deadline: Instant) {
        self.apply_events();
        let forwarding_ends = deadline.min(Instant::now() + Duration::from_secs(FORWARDER_STOP_S));
        tokio::join!(
            async {
                self.save_all(deadline).await;
                self.shared.write_behind.stop(deadline).await;
            },
            async {
                if let Some(forwarder) = &self.settings.forwarder {
                    forwarder.stop(forwarding_ends).await;
                }
            },
        );
    }

    /// Passes all changes to the write-behind. When it is full, waits until it has written its queue.
    async fn save_all(&self, deadline: Instant) {
        while self.save().is_err() && Instant::now() < deadline {
            if let Ok(Err(_)) = timeout_at(deadline, self.shared.write_behind.flush()).await {
                sleep_until(deadline.min(Instant::now() + Duration::from_millis(LAST_SAVE_RETRY_MS))).await;
            }
        }
        let (accounts, completed) = (self.keys.unsaved(), self.torrents.unsaved());
        if accounts > 0 || completed > 0 {
            error!(accounts, completed, "changes are lost: the database did not take them in time");
        }
    }

    /// Reads the data needed before requests are served, until `deadline`. Returns what could not be read.
    async fn load_first(&self, deadline: Instant) -> VecDeque<StoredPart> {
        let Some(database) = self.shared.database.clone() else { return VecDeque::new() };
        let mut parts = self.parts_needed_first();
        let failure = match timeout_at(deadline, self.load(&database, &mut parts)).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("it takes longer than database.start_wait_s".to_owned()),
        };
        if let Some(failure) = &failure {
            error!("starting without the stored data, which is read later: {failure}");
        }
        *lock(&self.unread) = failure;
        parts
    }

    async fn load_rest(self: Arc<Self>, database: Database, mut first: VecDeque<StoredPart>) {
        self.load_until_read(&database, &mut first).await;
        self.snapshots.load().await;
        if self.policy().completed == CompletedCounts::Remembered {
            self.load_until_read(&database, &mut VecDeque::from([StoredPart::Completed])).await;
        }
    }

    async fn load_until_read(&self, database: &Database, parts: &mut VecDeque<StoredPart>) {
        while let Err(error) = self.load(database, parts).await {
            *lock(&self.unread) = Some(error.to_string());
            sleep(Duration::from_secs(LOAD_RETRY_S)).await;
        }
        if lock(&self.unread).take().is_some() {
            info!("the stored data has been read");
        }
    }

    /// Reads these parts and sends them to the cores. Parts that have been read are removed: each is read only once,
    /// since later changes are newer than the stored data.
    async fn load(
        &self,
        database: &Database,
        parts: &mut VecDeque<StoredPart>,
    ) -> Result<(), ManagementError> {
        while let Some(part) = parts.front() {
            match self.load_part(database, *part).await {
                // Entries within the limit are served. Waiting for the others would not help.
                Err(error @ ManagementError::Full(_)) => error!("not all stored data is in use: {error}"),
                other => other?,
            }
            parts.pop_front();
        }
        Ok(())
    }

    async fn load_part(&self, database: &Database, part: StoredPart) -> Result<(), ManagementError> {
        match part {
            StoredPart::Bans => self.bans.load(database).await?,
            StoredPart::Keys => self.keys.load().await?,
            StoredPart::List(list) => {
                let torrents = self.lists.load(list).await?;
                if torrents > 0 {
                    info!(torrents, "read the stored list {list:?}");
                }
            }
            StoredPart::Totals => {
                let totals = database.load_totals().await?;
                lock(&self.totals).load(totals);
            }
            StoredPart::Completed => self.torrents.load_completed(database).await?,
        }
        Ok(())
    }

    /// Returns the parts that decide which requests are served, and the small ones.
    fn parts_needed_first(&self) -> VecDeque<StoredPart> {
        let admitting = parts_that_admit(self.policy());
        [StoredPart::Bans].into_iter().chain(admitting).chain([StoredPart::Totals]).collect()
    }

    async fn watch_files(self: Arc<Self>) {
        let (mut looks, mut shortfalls) =
            (later(Duration::from_secs(FILES_LOOK_S)), ShortfallWatch::default());
        loop {
            looks.tick().await;
            shortfalls.look(&self.settings.snapshot.total());
            self.lists.look_at_files().await;
        }
    }

    async fn take_events(self: Arc<Self>) {
        let mut looks = later(Duration::from_millis(EVENTS_POLL_MS));
        loop {
            looks.tick().await;
            self.watch_memory();
            // Otherwise they stay in the cores, which merge them.
            if self.settings.forwarder.as_ref().is_none_or(Forwarder::has_room) {
                self.apply_events();
            }
            // While another process has the stored data, everything waits for it to end. Otherwise changes that are refused are
            // passed to the write-behind at a later tick.
            if lock(&self.passed_on).is_none() {
                let _later = self.save();
            }
        }
    }

    /// Lets the swarms take what the resident memory has room for.
    fn watch_memory(&self) {
        let Some(resident) = resident_bytes() else { return };
        let plan = lock(&self.live).memory.clone();
        let swarms = self.statistics().gauge(Gauge::SwarmBytes);
        let cores = self.shared.cores.handles();
        let mut watch = lock(&self.memory_watch);
        watch.look(&plan, resident, swarms);
        watch.send(&plan, cores.len(), |core, bytes_max| {
            let of_core = bytes_max / cores.len() as u64;
            cores[core].command(CoreCommand::UseSwarmBytes(of_core)).is_ok()
        });
    }

    pub(super) fn apply_events(&self) {
        self.apply_events_to(lock(&self.passed_on).as_ref());
    }

    /// Applies the events of the cores, and passes reports on. Those for which there is no room stay in the cores.
    pub(super) fn apply_events_to(&self, passed_on: Option<&mpsc::Sender<PassedOn>>) {
        while passed_on.is_none_or(|passed_on| passed_on.capacity() > 0)
            && let Some(event) = self.shared.cores.next_event()
        {
            let report = match event {
                // The start has waited for it.
                CoreEvent::Ready => continue,
                CoreEvent::Access(AccessEvent::Accounts(accounts)) => {
                    PassedOn::Transfers(self.keys.add(&accounts, self.shared.cores.now()))
                }
                CoreEvent::Access(AccessEvent::Completed(counts)) => {
                    self.torrents.add_completed(&counts);
                    PassedOn::Completed(counts)
                }
                CoreEvent::Swarms(owner, changes) => {
                    if let Some(forwarder) = &self.settings.forwarder {
                        forwarder.note(owner, changes);
                    }
                    continue;
                }
            };
            // Without a receiver, the other process has failed.
            drop(passed_on.map(|passed_on| passed_on.try_send(report)));
        }
    }

    /// Passes changes to the write-behind until it refuses one; that one and the rest are passed later.
    pub(super) fn save(&self) -> Result<(), TooManyWaiting> {
        self.keys.save()?;
        self.torrents.save_completed()?;
        let are_stored = match &self.settings.totals {
            TotalsStorage::Stored => true,
            TotalsStorage::StoredIn(file) => file.exists(),
        };
        if are_stored {
            lock(&self.totals).save(&self.settings.snapshot.total(), &self.shared.write_behind)?;
        }
        Ok(())
    }
}

/// Returns the keys and lists that decide which requests are served.
fn parts_that_admit(AccessPolicy { users, torrents, .. }: AccessPolicy) -> Vec<StoredPart> {
    let keys = (users == UserAdmission::Private).then_some(StoredPart::Keys);
    let lists: &[TorrentList] = match torrents {
        TorrentAdmission::Any => &[TorrentList::Denied],
        TorrentAdmission::Listed => &TorrentList::ALL,
    };
    keys.into_iter().chain(lists.iter().map(|&list| StoredPart::List(list))).collect()
}

#[cfg(test)]
mod tests;
