//! The manager: holds the state behind the management API, loads and stores it, and sends it to the cores.

use crate::access_lists::{ListFiles, Reading, change_list, load_list};
use crate::ban_book::{BanBook, ConfiguredRules, Rules};
use crate::completed_counts::CompletedCounts;
use crate::cores::update_all;
use crate::key_accounts::KeyAccounts;
use crate::latency_snapshot::LatencySnapshot;
use crate::limits::{EVENTS_POLL_MS, FILES_LOOK_S, KEYS_PER_UPDATE, LAST_SAVE_RETRY_MS, LOAD_RETRY_S};
use crate::management::{ListenerInfo, ManagementError, Modes, TorrentMode, UserMode};
use crate::shortfall_watch::ShortfallWatch;
use crate::sorted_torrents::SortedTorrents;
use crate::statistics_snapshot::StatisticsSnapshot;
use crate::supervise::later;
use crate::totals::Totals;
use access::{AccessEvent, AccessUpdate, KeyGrant};
use core_link::{CoreEvent, Cores};
use database::{Database, StoredKey, TooManyWaiting, WriteBehind, WriteBehindSettings};
use primitives::{InfoHash, ListChange, TorrentList};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{Mutex as AsyncMutex, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tracing::{error, info};

/// Manages a running tracker. Clones share one state.
#[derive(Debug, Clone)]
pub struct Manager {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) cores: Cores,
    pub(crate) settings: ManagerSettings,
    pub(crate) database: Option<Database>,
    pub(crate) write_behind: WriteBehind,
    keys: Mutex<KeyAccounts>,
    totals: Mutex<Totals>,
    completed: Mutex<CompletedCounts>,
    /// Held while keys are sent to the cores, so that they arrive in the order of the changes to `keys`.
    pub(crate) key_changes: AsyncMutex<Stored>,
    /// Held while a list is sent to the cores, in the order of [`TorrentList::ALL`].
    list_changes: [AsyncMutex<()>; 2],
    pub(crate) bans: AsyncMutex<BanBook>,
    files: AsyncMutex<ListFiles>,
    pub(crate) sorted_torrents: SortedTorrents,
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

/// Whether the stored keys have been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    Unread,
    Read,
}

impl Stored {
    /// Fails while the keys are unread: an account changed before that would be stored as an empty one.
    pub(crate) fn require_read(self) -> Result<(), ManagementError> {
        match self {
            Self::Read => Ok(()),
            Self::Unread => {
                Err(ManagementError::Database("the keys could not be read from it yet".to_owned()))
            }
        }
    }
}

/// The settings of a [`Manager`].
#[derive(Debug)]
pub struct ManagerSettings {
    pub modes: Modes,
    pub completed: CompletedStorage,
    pub totals: TotalsStorage,
    pub rules: ConfiguredRules,
    pub allow_file: Option<PathBuf>,
    pub deny_file: Option<PathBuf>,
    pub keys_max: usize,
    pub write_behind: WriteBehindSettings,
    /// How long the start waits for the stored data.
    pub start_wait: Duration,
    /// The configuration without secrets.
    pub configuration: serde_json::Value,
    pub listeners: Vec<ListenerInfo>,
    pub snapshot: StatisticsSnapshot,
    pub latencies: Arc<LatencySnapshot>,
    /// When the tracker started.
    pub begun: SystemTime,
    /// Counts the reloads, which also concern certificates and API tokens.
    pub reloads: watch::Sender<u64>,
}

/// Whether counts of completed events are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompletedStorage {
    Stored,
    Forgotten,
}

/// Whether totals are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TotalsStorage {
    Stored,
    /// They are stored once this file exists. They alone are no reason to create it.
    StoredIn(PathBuf),
}

const RETRY: Duration = Duration::from_secs(LOAD_RETRY_S);

impl Manager {
    /// Sends the cores the lists, keys and bans, as far as they can be read within [`ManagerSettings::start_wait`]. The
    /// rest is read later.
    ///
    /// # Errors
    /// When a list's file cannot be read: without its list, a denied torrent would be served.
    pub async fn start(
        cores: Cores,
        settings: ManagerSettings,
        database: Option<Database>,
    ) -> Result<Self, ManagementError> {
        let start_wait = settings.start_wait;
        let stored = if database.is_some() { Stored::Unread } else { Stored::Read };
        let inner = Inner {
            write_behind: WriteBehind::start(database.clone(), settings.write_behind),
            database,
            keys: Mutex::new(KeyAccounts::new(settings.keys_max)),
            totals: Mutex::default(),
            key_changes: AsyncMutex::new(stored),
            list_changes: [AsyncMutex::new(()), AsyncMutex::new(())],
            bans: AsyncMutex::new(BanBook::new(settings.rules.clone())),
            files: AsyncMutex::new(ListFiles::new(settings.allow_file.clone(), settings.deny_file.clone())),
            sorted_torrents: SortedTorrents::default(),
            completed: Mutex::default(),
            unread: Mutex::default(),
            cores,
            settings,
        };
        let manager = Self { inner: Arc::new(inner) };
        manager.send_rules().await;
        manager.read_files().await?;
        manager.load_first(Instant::now() + start_wait).await;
        tokio::spawn(manager.clone().take_events());
        tokio::spawn(manager.clone().watch_files());
        if manager.inner.settings.modes.users == UserMode::Private {
            tokio::spawn(manager.clone().look_after_expired_keys());
        }
        Ok(manager)
    }

    /// Writes everything that is not stored yet, until `deadline`. The cores must have ended before.
    pub async fn stop(&self, deadline: Instant) {
        self.apply_events();
        self.save_all(deadline).await;
        self.inner.write_behind.stop(deadline).await;
    }

    /// Passes all changes to the write-behind. When it is full, waits until it has written its queue.
    async fn save_all(&self, deadline: Instant) {
        while self.save().is_err() && Instant::now() < deadline {
            if let Ok(Err(_)) = timeout_at(deadline, self.flush()).await {
                sleep_until(deadline.min(Instant::now() + Duration::from_millis(LAST_SAVE_RETRY_MS))).await;
            }
        }
        let (accounts, completed) = (self.keys().unsaved(), self.completed().len());
        if accounts > 0 || completed > 0 {
            error!(accounts, completed, "changes are lost: the database did not take them in time");
        }
    }

    /// Reloads the files of the lists.
    pub(crate) async fn read_files(&self) -> Result<(), ManagementError> {
        let mut files = self.inner.files.lock().await;
        let mut outcome = Ok(());
        for list in TorrentList::ALL {
            // An error in one file is no reason not to read the other.
            outcome = outcome.and(files.look(&self.inner.cores, list, Reading::InAnyCase).await);
        }
        outcome
    }

    /// Reloads a list from its file and from the database.
    pub(crate) async fn read_list(&self, list: TorrentList) -> Result<(), ManagementError> {
        self.inner.files.lock().await.look(&self.inner.cores, list, Reading::InAnyCase).await?;
        let Some(database) = &self.inner.database else { return Ok(()) };
        self.load_list(database, list).await.map(drop)
    }

    /// Reloads the keys from the database.
    pub(crate) async fn read_keys(&self) -> Result<(), ManagementError> {
        let Some(database) = &self.inner.database else { return Ok(()) };
        let mut stored = self.inner.key_changes.lock().await;
        let read = self.load_keys(database).await;
        if matches!(read, Ok(()) | Err(ManagementError::Full(_))) {
            *stored = Stored::Read;
        }
        read
    }

    /// Puts torrents on a list or takes them off, in the cores and in the database.
    pub(crate) async fn change_list(
        &self,
        list: TorrentList,
        change: ListChange,
        info_hashes: &[InfoHash],
    ) -> Result<(), ManagementError> {
        let _sent_in_order = self.list_lock(list).lock().await;
        self.inner.write_behind.change_list(list, change, info_hashes)?;
        change_list(&self.inner.cores, (list, change), info_hashes).await
    }

    pub(crate) async fn use_rules(&self, rules: Rules) -> Result<(), ManagementError> {
        update_all(&self.inner.cores, &AccessUpdate::UseClients(Arc::new(rules.clients))).await?;
        update_all(&self.inner.cores, &AccessUpdate::UseNetworks(Arc::new(rules.networks))).await
    }

    pub(crate) fn keys(&self) -> MutexGuard<'_, KeyAccounts> {
        // The accounts stay usable after a panic.
        self.inner.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn totals(&self) -> MutexGuard<'_, Totals> {
        self.inner.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns why some stored data could not be read yet; `None` if all has been read.
    pub(crate) fn unread(&self) -> Option<String> {
        self.inner.unread.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the previous reason.
    fn note_unread(&self, why: Option<String>) -> Option<String> {
        let mut unread = self.inner.unread.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut unread, why)
    }

    fn completed(&self) -> MutexGuard<'_, CompletedCounts> {
        self.inner.completed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn list_lock(&self, list: TorrentList) -> &AsyncMutex<()> {
        &self.inner.list_changes[list as usize]
    }

    pub(crate) async fn flush(&self) -> Result<(), ManagementError> {
        self.inner.write_behind.flush().await.map_err(|error| ManagementError::Database(error.to_string()))
    }

    async fn send_rules(&self) {
        let rules = self.inner.bans.lock().await.rules();
        let told = match rules {
            Ok(rules) => self.use_rules(rules).await,
            Err(error) => Err(error),
        };
        if let Err(error) = told {
            error!("the bans of clients and networks are not in force: {error}");
        }
    }

    async fn look_at_files(&self) {
        let mut files = self.inner.files.lock().await;
        for list in TorrentList::ALL {
            // Errors in a file are logged where they are found.
            if let Err(error @ ManagementError::CoreBusy) =
                files.look(&self.inner.cores, list, Reading::IfChanged).await
            {
                error!("a list could not be sent to the cores: {error}");
            }
        }
    }

    /// Reads the data needed before requests are served, until `deadline`. The rest is read in the background.
    async fn load_first(&self, deadline: Instant) {
        let Some(database) = self.inner.database.clone() else { return };
        let mut parts = self.parts_needed_first();
        let failure = match timeout_at(deadline, self.load(&database, &mut parts)).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("it takes longer than database.start_wait_s".to_owned()),
        };
        if let Some(failure) = &failure {
            error!("starting without the stored data, which is read later: {failure}");
        }
        self.note_unread(failure);
        tokio::spawn(self.clone().load_rest(database, parts));
    }

    async fn load_rest(self, database: Database, mut first: VecDeque<StoredPart>) {
        self.load_until_read(&database, &mut first).await;
        if self.inner.settings.completed == CompletedStorage::Stored {
            self.load_until_read(&database, &mut VecDeque::from([StoredPart::Completed])).await;
        }
    }

    async fn load_until_read(&self, database: &Database, parts: &mut VecDeque<StoredPart>) {
        while let Err(error) = self.load(database, parts).await {
            self.note_unread(Some(error.to_string()));
            sleep(RETRY).await;
        }
        if self.note_unread(None).is_some() {
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
            StoredPart::Bans => self.load_bans(database).await,
            StoredPart::Keys => self.read_keys().await,
            StoredPart::List(list) => {
                let torrents = self.load_list(database, list).await?;
                if torrents > 0 {
                    info!(torrents, "read the stored list {list:?}");
                }
                Ok(())
            }
            StoredPart::Totals => {
                let totals = database.load_totals().await?;
                self.totals().load(totals);
                Ok(())
            }
            StoredPart::Completed => self.load_completed(database).await,
        }
    }

    /// Returns the parts that decide which requests are served, and the small ones.
    fn parts_needed_first(&self) -> VecDeque<StoredPart> {
        let Modes { users, torrents } = self.inner.settings.modes;
        let keys = (users == UserMode::Private).then_some(StoredPart::Keys);
        let lists: &[TorrentList] = match torrents {
            TorrentMode::Any => &[TorrentList::Denied],
            TorrentMode::Listed => &TorrentList::ALL,
        };
        let lists = lists.iter().map(|&list| StoredPart::List(list));
        [StoredPart::Bans].into_iter().chain(keys).chain(lists).chain([StoredPart::Totals]).collect()
    }

    async fn load_bans(&self, database: &Database) -> Result<(), ManagementError> {
        let mut bans = self.inner.bans.lock().await;
        // Earlier changes may not be stored yet, and the older stored bans would replace them.
        self.flush().await?;
        let mut pages = database.load_bans();
        while let Some(page) = pages.next().await? {
            bans.load(page);
        }
        let rules = bans.rules()?;
        self.use_rules(rules).await
    }

    async fn load_list(&self, database: &Database, list: TorrentList) -> Result<u64, ManagementError> {
        let _sent_in_order = self.list_lock(list).lock().await;
        // Torrents added before may not be stored yet, and would be taken off.
        self.flush().await?;
        load_list(&self.inner.cores, database, list).await
    }

    /// Loads the stored keys, up to the limit.
    async fn load_keys(&self, database: &Database) -> Result<(), ManagementError> {
        // Keys made before may not be stored yet, and would be removed.
        self.flush().await?;
        let (mut pages, mut stored) = (database.load_keys(), Vec::new());
        while let Some(page) = pages.next().await? {
            stored.extend(page);
        }
        let (gone, grants, all) = {
            let mut book = self.keys();
            // Removed keys make room for others, here and in the cores.
            let gone = book.keep_only(stored.iter().map(|stored| stored.key));
            let (grants, all) = restore(&mut book, &stored);
            (gone, grants, all)
        };
        for some in gone.chunks(KEYS_PER_UPDATE) {
            update_all(&self.inner.cores, &AccessUpdate::RemoveKeys(some.into())).await?;
        }
        self.send_all_keys(&grants).await?;
        all
    }

    async fn send_all_keys(&self, grants: &[KeyGrant]) -> Result<(), ManagementError> {
        let cores = &self.inner.cores;
        update_all(cores, &AccessUpdate::BeginKeys).await?;
        for some in grants.chunks(KEYS_PER_UPDATE) {
            update_all(cores, &AccessUpdate::PutKeys(some.into())).await?;
        }
        update_all(cores, &AccessUpdate::EndKeys).await
    }

    /// Sends each page of counts to the cores while the next one is read. It can be repeated after a failure, since a
    /// core does not add a count twice.
    async fn load_completed(&self, database: &Database) -> Result<(), ManagementError> {
        let (cores, mut pages, mut torrents) = (&self.inner.cores, database.load_completed(), 0);
        let mut page = pages.next().await?;
        while let Some(counts) = page {
            torrents += counts.len();
            let counts = counts.iter().map(|torrent| (torrent.info_hash, torrent.completed));
            let update = AccessUpdate::RememberCompleted(counts.collect());
            let (applied, next) = tokio::join!(update_all(cores, &update), pages.next());
            applied?;
            page = next?;
        }
        update_all(cores, &AccessUpdate::EndCompleted).await?;
        if torrents > 0 {
            info!(torrents, "read the stored counts of completed events");
        }
        Ok(())
    }

    async fn watch_files(self) {
        let (mut looks, mut shortfalls) =
            (later(Duration::from_secs(FILES_LOOK_S)), ShortfallWatch::default());
        loop {
            looks.tick().await;
            shortfalls.look(&self.inner.settings.snapshot.total());
            self.look_at_files().await;
        }
    }

    async fn take_events(self) {
        let mut looks = later(Duration::from_millis(EVENTS_POLL_MS));
        loop {
            looks.tick().await;
            self.apply_events();
            // Changes that are refused are passed to the write-behind at a later tick.
            let _later = self.save();
        }
    }

    fn apply_events(&self) {
        let (now, now_unix_s) = (self.inner.cores.now(), unix_s());
        while let Some(event) = self.inner.cores.next_event() {
            match event {
                // The start has waited for it.
                CoreEvent::Ready => {}
                CoreEvent::Access(AccessEvent::Accounts(accounts)) => {
                    let mut book = self.keys();
                    for account in &accounts {
                        // A core may report a second that began after `now` was read.
                        let ago_s = now.0.saturating_sub(account.last_seen.0);
                        book.add(account, now_unix_s.saturating_sub(u64::from(ago_s)));
                    }
                }
                CoreEvent::Access(AccessEvent::Completed(counts)) => {
                    let mut waiting = self.completed();
                    let refused = |&(info_hash, count): &_| waiting.put(info_hash, count).is_err();
                    let refused = counts.iter().copied().filter(refused).count();
                    self.inner.write_behind.note_lost(refused);
                }
            }
        }
    }

    /// Passes changes to the write-behind until it refuses one; that one and the rest are passed later.
    fn save(&self) -> Result<(), TooManyWaiting> {
        let write_behind = &self.inner.write_behind;
        self.keys().save(|stored| write_behind.account(stored))?;
        self.completed().save(|info_hash, count| write_behind.completed(info_hash, count))?;
        let are_stored = match &self.inner.settings.totals {
            TotalsStorage::Stored => true,
            TotalsStorage::StoredIn(file) => file.exists(),
        };
        if are_stored {
            self.totals().save(&self.inner.settings.snapshot.total(), write_behind)?;
        }
        Ok(())
    }
}

/// Restores stored keys. Returns the grants, and an error if some exceed the limit.
fn restore(book: &mut KeyAccounts, stored: &[StoredKey]) -> (Vec<KeyGrant>, Result<(), ManagementError>) {
    let (mut grants, mut all) = (Vec::with_capacity(stored.len()), Ok(()));
    for key in stored {
        match book.restore(key) {
            Ok(grant) => grants.push(grant),
            Err(error) => all = Err(error),
        }
    }
    (grants, all)
}

pub(crate) fn unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests;
