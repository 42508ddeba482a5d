use super::*;
use crate::bans::{Ban, Banned, ConfiguredRules, StoredBan};
use crate::keys::{KeyExpiry, WantedKey};
use crate::lifecycle::settings::MemorySettings;
use crate::lifecycle::{KeyTransfers, StatisticsSnapshot};
use crate::limits::LIST_BATCH_TORRENTS;
use crate::snapshots::SnapshotSettings;
use crate::sources::SourceSettings;
use crate::testing::{TestCores, api_guard, core_settings, source_limits};
use crate::time::{Moment, unix_s};
use access::{AccessUpdate, AccountChange, DetailsKept};
use core_link::CoreEvent;
use database::{Change, Creation, StoredKey, TotalName, WriteBatch, WriteBehindSettings};
use primitives::{AuthenticationKey, InfoHash, ListChange, ListSource, PeerIdPrefix, Second, SteeringKey};
use snapshot::{Described, Directory, Secrets};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::Ordering;
use tempfile::TempDir;
use tokio::sync::mpsc;

/// A manager of two test cores, with a database in a file.
struct Scene {
    manager: Arc<Manager>,
    cores: Arc<TestCores>,
    database: Database,
    _folder: TempDir,
}

const LONG: Duration = Duration::from_secs(30);

fn settings(keys_max: usize, pending_max: usize) -> ManagerSettings {
    let policy = AccessPolicy {
        users: UserAdmission::Private,
        torrents: TorrentAdmission::Listed,
        completed: CompletedCounts::Remembered,
        details: DetailsKept::Dropped,
    };
    ManagerSettings {
        live: LiveSettings {
            policy,
            rules: ConfiguredRules::default(),
            sources: SourceSettings {
                limits: source_limits(),
                ban_after: Duration::from_secs(10),
                ban_first: Duration::from_secs(60),
                ban_longest: Duration::from_secs(600),
                exempt: Vec::new(),
            },
            list_files: [None, None],
            keys_max,
            torrents_max: 1000,
            flush_every: LONG,
            memory: MemorySettings {
                shares: Vec::new(),
                resident_bytes_max: u64::MAX,
                swarm_bytes_max: u64::MAX,
            },
            snapshot_every: config::Interval::Off,
            configuration: serde_json::Value::Null,
            listeners: Vec::new(),
        },
        totals: TotalsStorage::Stored,
        write_behind: WriteBehindSettings {
            flush_every: LONG,
            pending_max,
            ..WriteBehindSettings::default()
        },
        start_wait: LONG,
        snapshot: StatisticsSnapshot::new(Vec::new()),
        latencies: Arc::default(),
        api_guard: api_guard(),
        snapshots: None,
        forwarder: None,
        reloads: mpsc::channel(1).0,
    }
}

fn key(letter: char) -> AuthenticationKey {
    AuthenticationKey::parse(letter.to_string().repeat(32).as_bytes()).unwrap()
}

fn stored(letter: char) -> Change {
    Change::PutKey(StoredKey {
        key: key(letter),
        valid_until_unix_s: None,
        uploaded: 1000,
        downloaded: 0,
        last_seen_unix_s: None,
    })
}

fn wanted(letter: char) -> WantedKey {
    WantedKey { key: Some(key(letter)), validity: None }
}

fn client() -> Banned {
    Banned::Client(PeerIdPrefix::parse("-XX").unwrap())
}

fn ban() -> StoredBan {
    StoredBan { banned: client(), reason: "lies".to_owned(), since_unix_s: 5 }
}

/// Returns the ban as it is shown.
fn shown(StoredBan { banned, reason, since_unix_s }: StoredBan) -> Ban {
    Ban { banned, reason, since_unix_s, end: None }
}

fn stored_ban() -> Change {
    Change::PutBan(ban())
}

fn listed() -> Change {
    Change::List(TorrentList::Allowed, InfoHash([7; 20]), ListChange::Add)
}

impl Scene {
    async fn new(settings: ManagerSettings, stored: impl IntoIterator<Item = Change>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("tracker.db").display()).parse().unwrap();
        let database = Database::open(&url, Creation::Now).await.unwrap();
        store(&database, stored).await;
        let (cores, test_cores) = TestCores::start();
        let manager = Manager::start(cores, settings, Some(database.clone())).await.unwrap();
        Self { manager, cores: test_cores, database, _folder: folder }
    }

    async fn stored_keys(&self) -> Vec<(AuthenticationKey, u64)> {
        let page = self.database.load_keys().next().await.unwrap().unwrap_or_default();
        page.iter().map(|stored| (stored.key, stored.uploaded)).collect()
    }

    fn known_keys(&self) -> Vec<AuthenticationKey> {
        self.manager.keys.page(None, 100).iter().map(|info| info.key).collect()
    }
}

async fn store(database: &Database, changes: impl IntoIterator<Item = Change>) {
    let mut batch = WriteBatch::default();
    changes.into_iter().for_each(|change| batch.insert(change));
    database.store(&batch).await.unwrap();
}

fn granted(update: &AccessUpdate) -> Option<Vec<AuthenticationKey>> {
    match update {
        AccessUpdate::PutKeys(grants) => Some(grants.iter().map(|grant| grant.key).collect()),
        _ => None,
    }
}

fn removed(update: &AccessUpdate) -> Option<AuthenticationKey> {
    match update {
        AccessUpdate::RemoveKeys(keys) => Some(keys[0]),
        _ => None,
    }
}

#[tokio::test]
async fn a_change_is_completed_when_its_requester_has_gone() {
    let scene = Scene::new(settings(10, 10_000), []).await;
    let many = (0..=LIST_BATCH_TORRENTS as u64).map(|number| {
        let mut bytes = [0; 20];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        InfoHash(bytes)
    });
    let many: Vec<_> = many.collect();
    let change = |change, torrents| scene.manager.lists.change(TorrentList::Allowed, change, torrents);
    scene.cores.hold_answers();
    let added = change(ListChange::Add, many.clone());
    assert!(tokio::time::timeout(Duration::from_millis(20), added).await.is_err(), "the cores are slow");
    scene.cores.give_answers();
    // It waits for the earlier change.
    change(ListChange::Remove, vec![many[0]]).await.unwrap();
    let told = scene.cores.told(|update| match update {
        AccessUpdate::ChangeList(change, _, _, torrents) => Some((*change, torrents.len())),
        _ => None,
    });
    assert_eq!(told, [(ListChange::Add, 4096), (ListChange::Add, 1), (ListChange::Remove, 1)]);
}

#[tokio::test]
async fn a_ban_that_cannot_be_stored_is_not_kept_and_one_that_cannot_be_lifted_stays() {
    let full = Scene::new(settings(10, 0), []).await;
    let added = full.manager.bans.add(ban()).await;
    assert!(matches!(added, Err(ManagementError::WritesFull(_))), "{added:?}");
    assert_eq!(full.manager.bans.all().await, []);
    assert_eq!(full.manager.bans.counts().stored, 0);

    let full = Scene::new(settings(10, 0), [stored_ban()]).await;
    let lifted = full.manager.bans.lift(client()).await;
    assert!(matches!(lifted, Err(ManagementError::WritesFull(_))), "{lifted:?}");
    assert_eq!(full.manager.bans.all().await, [shown(ban())]);
    assert_eq!(full.manager.bans.counts().stored, 1);
}

#[tokio::test]
async fn a_key_that_a_core_has_not_removed_can_be_removed_again() {
    let scene = Scene::new(settings(10, 1000), [stored('k')]).await;
    *scene.cores.refused.lock().unwrap() = Some(|update| removed(update).is_some());
    let failed = scene.manager.keys.remove_key(key('k')).await;
    assert!(matches!(failed, Err(ManagementError::CoreBusy)), "{failed:?}");
    assert!(scene.manager.keys.remove_key(key('k')).await.unwrap());
    assert!(!scene.manager.keys.remove_key(key('k')).await.unwrap());
}

#[tokio::test]
async fn with_too_many_stored_keys_some_are_served_and_the_other_data_is_read() {
    let scene =
        Scene::new(settings(2, 1000), ['a', 'b', 'c'].map(stored).into_iter().chain([listed()])).await;
    assert_eq!(scene.cores.told(granted), [[key('a'), key('b')]]);
    let lists = scene.cores.told(|update| match update {
        AccessUpdate::ChangeList(ListChange::Add, list, ListSource::Api, torrents) => {
            Some((*list, torrents.len()))
        }
        _ => None,
    });
    assert_eq!(lists, [(TorrentList::Allowed, 1)]);
    assert_eq!(scene.manager.storage().state, StorageState::Connected);
    let reloaded = scene.manager.keys.reload().await;
    assert!(matches!(reloaded, Err(ManagementError::Full(_))), "{reloaded:?}");
    assert!(scene.manager.keys.remove_key(key('a')).await.unwrap());
    scene.manager.keys.reload().await.unwrap();
    assert_eq!(scene.known_keys(), [key('b'), key('c')]);
}

#[tokio::test]
async fn keys_removed_from_the_database_make_room_for_new_ones() {
    let scene = Scene::new(settings(2, 1000), ['a', 'b'].map(stored)).await;
    store(&scene.database, [Change::RemoveKey(key('a')), stored('c')]).await;
    scene.manager.keys.reload().await.unwrap();
    assert_eq!(scene.known_keys(), [key('b'), key('c')]);
    let told = scene.cores.told(|update| granted(update).or(removed(update).map(|key| vec![key])));
    assert_eq!(told, [vec![key('a'), key('b')], vec![key('a')], vec![key('b'), key('c')]]);
}

#[tokio::test]
async fn parts_that_have_been_read_are_not_read_again_after_a_failure() {
    const ANNOUNCES: TotalName = TotalName::new("udp_announces_answered");
    let scene = Scene::new(settings(10, 1000), []).await;
    store(&scene.database, [stored_ban(), stored('a'), Change::Total(ANNOUNCES, 40), listed()]).await;
    let (manager, mut parts) = (&scene.manager, scene.manager.parts_needed_first());
    *scene.cores.refused.lock().unwrap() = Some(|update| matches!(update, AccessUpdate::EndList(..)));
    assert!(matches!(manager.load(&scene.database, &mut parts).await, Err(ManagementError::CoreBusy)));
    assert_eq!(parts[0], StoredPart::List(TorrentList::Allowed), "{parts:?}");
    assert_eq!(manager.bans.counts().stored, 1);
    assert!(manager.bans.lift(client()).await.unwrap());
    assert_eq!(manager.bans.counts().stored, 0);
    assert!(manager.keys.remove_key(key('a')).await.unwrap());
    manager.keys.put_key(wanted('b')).await.unwrap();
    manager.load(&scene.database, &mut parts).await.unwrap();
    assert!(parts.is_empty());
    assert_eq!(manager.bans.all().await, []);
    assert_eq!(scene.known_keys(), [key('b')]);
    assert!(manager.totals().contains(&(ANNOUNCES.as_str(), 40)));
}

#[tokio::test]
async fn the_database_is_reported_as_away_while_stored_data_is_unread() {
    let folder = tempfile::tempdir().unwrap();
    // A directory is not a database.
    let url = format!("sqlite:{}", folder.path().display()).parse().unwrap();
    let (cores, _) = TestCores::start();
    let manager = Manager::start(cores, settings(10, 1000), Some(Database::unopened(&url))).await.unwrap();
    assert!(matches!(manager.storage().state, StorageState::Away(_)), "{:?}", manager.storage());
    let refused = manager.keys.put_key(wanted('k')).await;
    assert!(matches!(refused, Err(ManagementError::KeysUnread)), "{refused:?}");
    manager.bans.add(ban()).await.unwrap();
}

#[tokio::test]
async fn a_stop_stores_more_accounts_and_counts_than_the_queue_holds() {
    let letters = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    let scene = Scene::new(settings(10, 2), letters.map(stored)).await;
    let change = |number| AccountChange {
        key: KeyId(number),
        uploaded: 5,
        downloaded: 0,
        seeding: 0,
        leeching: 0,
        last_seen: Some(Second(99)),
    };
    let completed = (0..7).map(|byte| (InfoHash([byte; 20]), 3)).collect();
    for event in [AccessEvent::Accounts((0..7).map(change).collect()), AccessEvent::Completed(completed)] {
        scene.cores.ends[0].report(CoreEvent::Access(event)).unwrap();
    }
    let again = Database::reader(scene.database.url());
    scene.manager.stop(Instant::now() + LONG).await;
    let scene = Scene { database: again, ..scene };
    assert_eq!(scene.stored_keys().await, letters.map(|letter| (key(letter), 1005)));
    let counts = scene.database.load_completed().next().await.unwrap().unwrap();
    assert_eq!(counts.iter().map(|(_, completed)| *completed).collect::<Vec<_>>(), [3; 7]);
    assert_eq!(scene.manager.storage().waiting, 0);
}

#[tokio::test]
async fn what_is_reported_during_a_handover_is_passed_on_and_saved_once_it_has_failed() {
    let scene = Scene::new(settings(10, 1000), [stored('k')]).await;
    let (id, torrent) = (scene.manager.key_number(&key('k')).unwrap(), InfoHash([7; 20]));
    let report = |uploaded| {
        let (downloaded, seeding, leeching) = (0, 0, 0);
        let change = AccountChange { key: id, uploaded, downloaded, seeding, leeching, last_seen: None };
        for event in [AccessEvent::Accounts(vec![change]), AccessEvent::Completed(vec![(torrent, uploaded)])]
        {
            scene.cores.ends[0].report(CoreEvent::Access(event)).unwrap();
        }
    };
    report(10);
    let change = scene.manager.begin_change();
    let early = tokio::time::timeout(Duration::from_millis(20), scene.manager.hand_over_stored_data()).await;
    assert!(early.is_err(), "a change has begun");
    drop(change);
    let mut handover = scene.manager.hand_over_stored_data().await.unwrap();
    assert_eq!(scene.stored_keys().await, [(key('k'), 1010)]);
    assert!(scene.manager.begin_change().is_none());
    report(5);
    let transfers = KeyTransfers { key: key('k'), uploaded: 5, downloaded: 0, last_seen_unix_s: None };
    let reports = [PassedOn::Transfers(vec![transfers]), PassedOn::Completed(vec![(torrent, 5)])];
    assert_eq!(handover.take_reports(), reports);
    assert_eq!(scene.stored_keys().await, [(key('k'), 1010)], "another process stores it");
    drop(handover);
    assert!(scene.manager.begin_change().is_some());
    scene.manager.save().unwrap();
    scene.manager.shared.write_behind.flush().await.unwrap();
    assert_eq!(scene.stored_keys().await, [(key('k'), 1015)]);
}

fn snapshots_in(path: &Path) -> SnapshotSettings {
    let steering = SteeringKey { addend: 0, multipliers: [1; SteeringKey::WORDS] };
    let secrets = Secrets { steering, connection_ids: [0; 16] };
    SnapshotSettings { directory: Directory::new(path.to_owned()), found: None, secrets }
}

/// Writes a snapshot, and returns it as found.
async fn snapshot_found_in(folder: &TempDir) -> SnapshotSettings {
    let (cores, _test_cores) = TestCores::start();
    let settings = snapshots_in(&folder.path().join("snapshot"));
    let described = Described { unix_s: unix_s(), second: Second(0), secrets: settings.secrets };
    settings.directory.write(&cores, described, None).await.unwrap();
    SnapshotSettings { found: settings.directory.find(unix_s(), 1000), ..settings }
}

#[tokio::test]
async fn a_snapshot_stays_until_what_admits_its_torrents_and_sessions_has_been_read_and_it_is_loaded() {
    let strict = settings(10, 1000).live.policy;
    let private = AccessPolicy { torrents: TorrentAdmission::Any, ..strict };
    let public_of_listed = AccessPolicy { users: UserAdmission::Public, ..strict };
    for (policy, waits) in [(private, true), (public_of_listed, true), (AccessPolicy::PUBLIC, false)] {
        let folder = tempfile::tempdir().unwrap();
        let snapshots = Some(snapshot_found_in(&folder).await);
        let mut settings = ManagerSettings { start_wait: Duration::ZERO, snapshots, ..settings(10, 1000) };
        settings.live.policy = policy;
        let scene = Scene::new(settings, [stored('k'), listed()]).await;
        scene.cores.hold_answers();
        let (manager, imports) = (&scene.manager, || scene.cores.imports.load(Ordering::Relaxed));
        assert_eq!((imports() == 0, manager.snapshots.is_loaded()), (waits, !waits), "{policy:?}");
        if waits {
            assert!(matches!(manager.snapshots().write().await, Err(ManagementError::SnapshotBusy)));
            let handed_over = manager.hand_over_stored_data().await;
            assert!(matches!(handed_over, Err(ManagementError::HandingOver(_))), "{handed_over:?}");
            manager.write_last_snapshot(Instant::now() + LONG).await;
            assert!(folder.path().join("snapshot/swarms-1-0").exists());
            assert_eq!((imports(), manager.snapshots.figures().unwrap().failures), (0, 2));
        }
        scene.cores.give_answers();
        while !manager.snapshots.is_loaded() {
            tokio::task::yield_now().await;
        }
        assert_eq!(imports(), 2);
        assert!(policy.users == UserAdmission::Public || scene.known_keys() == [key('k')]);
    }
}

#[tokio::test(start_paused = true)]
async fn no_snapshot_is_written_at_the_interval_before_that_is_begun() {
    // None can be written to it.
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut settings = ManagerSettings { snapshots: Some(snapshots_in(file.path())), ..settings(10, 1000) };
    settings.live.snapshot_every = config::Interval::Every(60);
    let manager = Manager::start(TestCores::start().0, settings, None).await.unwrap();
    let failures = || manager.snapshots.figures().unwrap().failures;
    sleep(Duration::from_secs(200)).await;
    assert_eq!(failures(), 0);
    manager.begin_regular_snapshots();
    sleep(Duration::from_secs(200)).await;
    assert_eq!(failures(), 3);
}

#[tokio::test]
async fn a_handover_does_not_wait_for_a_snapshot() {
    let directory = tempfile::tempdir().unwrap();
    // Whoever opens a pipe to write waits for a reader.
    let lock = directory.path().join("lock");
    assert!(Command::new("mkfifo").arg(&lock).status().unwrap().success());
    let snapshots = Some(snapshots_in(directory.path()));
    let scene = Scene::new(ManagerSettings { snapshots, ..settings(10, 1000) }, []).await;
    let (manager, handover) = (Arc::clone(&scene.manager), scene.manager.hand_over_stored_data());
    let written = tokio::spawn(async move { manager.snapshots().write().await });
    let is_under_way = || scene.manager.shared.changes.try_write().is_err();
    while !is_under_way() {
        sleep(Duration::from_millis(1)).await;
    }
    drop(handover.await.unwrap());
    assert!(matches!(written.await.unwrap(), Err(ManagementError::SnapshotBusy)), "it is given up");
    // Whoever waits for a reader of the pipe goes on, so that the test can end.
    drop(std::fs::OpenOptions::new().read(true).write(true).open(lock).unwrap());
}

#[tokio::test]
async fn counts_that_another_process_passes_on_are_stored_and_the_cores_continue_from_them() {
    let scene = Scene::new(settings(10, 1000), []).await;
    let counts = vec![(InfoHash([7; 20]), 8)];
    scene.manager.take_passed_on(PassedOn::Completed(counts.clone())).await.unwrap();
    let told = scene.cores.told(|update| match update {
        AccessUpdate::RememberCompleted(counts) => Some(counts.to_vec()),
        _ => None,
    });
    assert_eq!(told.concat(), counts);
    scene.manager.save().unwrap();
    scene.manager.shared.write_behind.flush().await.unwrap();
    assert_eq!(scene.database.load_completed().next().await.unwrap(), Some(counts));
}

#[tokio::test]
async fn a_key_used_while_events_are_applied_was_last_seen_now() {
    let scene = Scene::new(settings(10, 1000), [stored('a')]).await;
    let id = scene.cores.told(|update| match update {
        AccessUpdate::PutKeys(grants) => Some(grants[0].id),
        _ => None,
    })[0];
    // The core's clock has advanced since it was read.
    let last_seen = Second(1000);
    let change = AccountChange {
        key: id,
        uploaded: 1,
        downloaded: 0,
        seeding: 0,
        leeching: 0,
        last_seen: Some(last_seen),
    };
    let before_unix_s = unix_s();
    scene.cores.ends[0].report(CoreEvent::Access(AccessEvent::Accounts(vec![change]))).unwrap();
    scene.manager.apply_events();
    let seen_unix_s = scene.manager.keys.key(key('a')).unwrap().last_seen_unix_s;
    assert!((before_unix_s..=unix_s()).contains(&seen_unix_s.unwrap()), "{seen_unix_s:?}");
}

const YEAR_S: u64 = 365 * 86_400;

/// Looks at expired keys every half day, with a clock that may be wrong.
struct Looks {
    expiry: KeyExpiry,
    begin: Moment,
    half_days: u64,
}

impl Looks {
    fn new(unix_s: u64) -> Self {
        let begin = Moment { unix_s, instant: Instant::now() };
        Self { expiry: KeyExpiry::new(begin), begin, half_days: 0 }
    }

    async fn look(&mut self, scene: &Scene, wrong_by_s: u64, times: usize) {
        for _ in 0..times {
            self.half_days += 1;
            let passed_s = self.half_days * 43_200;
            let now = Moment {
                unix_s: self.begin.unix_s + wrong_by_s + passed_s,
                instant: self.begin.instant + Duration::from_secs(passed_s),
            };
            scene.manager.keys.look_at_expired(&mut self.expiry, now).await;
        }
    }
}

/// A hundred keys, one of which expires each day.
fn keys_of_a_site(begin_unix_s: u64) -> Vec<Change> {
    let key = |number: u64| StoredKey {
        key: AuthenticationKey::parse(format!("{number:032}").as_bytes()).unwrap(),
        valid_until_unix_s: Some(begin_unix_s + (number + 1) * 86_400),
        uploaded: 1000 + number,
        downloaded: 0,
        last_seen_unix_s: None,
    };
    (0..100).map(key).map(Change::PutKey).collect()
}

async fn deleted_keys(scene: &Scene) -> usize {
    scene.manager.shared.write_behind.flush().await.unwrap();
    scene.database.load_deleted_keys().next().await.unwrap().unwrap_or_default().len()
}

#[tokio::test]
async fn a_clock_that_is_wrong_for_days_and_then_corrected_loses_no_key() {
    let begin_unix_s = 1_800_000_000;
    // Ten years ahead, all keys expired long ago, too many to delete; forty days ahead, about ten did.
    for (wrong_by_s, deleted) in [(10 * YEAR_S, 0), (40 * 86_400, 12)] {
        let scene = Scene::new(settings(1000, 10_000), keys_of_a_site(begin_unix_s)).await;
        let before = scene.stored_keys().await;
        let mut looks = Looks::new(begin_unix_s);
        looks.look(&scene, 0, 1).await;
        looks.look(&scene, wrong_by_s, 4).await;
        assert_eq!((scene.known_keys().len(), deleted_keys(&scene).await), (100 - deleted, deleted));
        assert_eq!(scene.cores.told(removed).is_empty(), deleted == 0);
        looks.look(&scene, 0, 1).await;
        assert_eq!((scene.known_keys().len(), deleted_keys(&scene).await), (100, 0));
        assert_eq!(scene.stored_keys().await, before, "with their accounts");
        let granted: usize = scene.cores.told(granted).iter().map(Vec::len).sum();
        assert_eq!(granted, 100 + deleted, "the cores know them again");
    }
}

#[tokio::test]
async fn a_key_is_deleted_a_month_after_it_has_expired_and_a_day_after_the_start() {
    let begin_unix_s = 1_800_000_000;
    let scene = Scene::new(settings(1000, 10_000), keys_of_a_site(begin_unix_s - 33 * 86_400)).await;
    let mut looks = Looks::new(begin_unix_s);
    looks.look(&scene, 0, 1).await;
    assert_eq!(deleted_keys(&scene).await, 0);
    looks.look(&scene, 0, 1).await;
    assert_eq!((scene.known_keys().len(), deleted_keys(&scene).await), (97, 3));
    looks.look(&scene, 0, 2).await;
    assert_eq!((scene.known_keys().len(), deleted_keys(&scene).await), (96, 4));
}

#[tokio::test]
async fn counts_of_completed_events_are_sent_to_the_cores_after_the_start() {
    let count = |byte, completed| Change::Completed(InfoHash([byte; 20]), completed);
    let settings = ManagerSettings { start_wait: Duration::ZERO, ..settings(10, 1000) };
    let scene = Scene::new(settings, [count(1, 5_000_000_000), count(2, 7)]).await;
    let told = |update: &AccessUpdate| match update {
        AccessUpdate::RememberCompleted(counts) => Some(counts.to_vec()),
        AccessUpdate::EndCompleted => Some(Vec::new()),
        _ => None,
    };
    while scene.cores.told(told).len() < 2 {
        tokio::task::yield_now().await;
    }
    let counts = vec![(InfoHash([1; 20]), 5_000_000_000), (InfoHash([2; 20]), 7)];
    assert_eq!(scene.cores.told(told), [counts, Vec::new()]);
    assert_eq!(scene.manager.storage().state, StorageState::Connected);
}

/// Replaces the policy of a tracker.
async fn use_policy(scene: &Scene, policy: AccessPolicy) -> Result<(), ManagementError> {
    let live = LiveSettings { policy, ..scene.manager.settings.live.clone() };
    scene.manager.use_settings(live, core_settings(policy)).await
}

/// Returns what the second core received up to the last replacement of the policy, and after it.
fn before_and_after(scene: &Scene) -> [Vec<&'static str>; 2] {
    let updates = scene.cores.told(|update| {
        Some(match update {
            AccessUpdate::PutKeys(_) => "keys",
            AccessUpdate::EndKeys => "all keys",
            AccessUpdate::ChangeList(_, _, ListSource::File, _) => "file",
            AccessUpdate::EndList(_, ListSource::File) => "end of file",
            AccessUpdate::ChangeList(..) => "torrents",
            AccessUpdate::EndList(..) => "whole list",
            AccessUpdate::UseNetworks(_) => "rules",
            AccessUpdate::DropUnserved => "drop",
            _ => "",
        })
    });
    let switched = scene.cores.policies.lock().unwrap().last().unwrap().0;
    let (before, after) = updates.split_at(switched);
    [before, after].map(|updates| updates.iter().copied().filter(|update| !update.is_empty()).collect())
}

/// Returns the policies that the second core has received.
fn policies(scene: &Scene) -> Vec<AccessPolicy> {
    scene.cores.policies.lock().unwrap().iter().map(|(_, policy)| *policy).collect()
}

#[tokio::test]
async fn keys_and_lists_are_complete_before_cores_serve_by_them_and_swarms_are_dropped_afterwards() {
    let strict = settings(10, 1000).live.policy;
    let public = AccessPolicy { completed: CompletedCounts::Remembered, ..AccessPolicy::PUBLIC };
    let mut start = settings(10, 1000);
    start.live.policy = public;
    let scene = Scene::new(start, [stored('a'), listed()]).await;
    assert!(matches!(scene.manager.keys.remove_key(key('a')).await, Err(ManagementError::KeysUnread)));
    use_policy(&scene, strict).await.unwrap();
    assert_eq!(policies(&scene), [public, strict], "other settings come first, the policy last");
    let [before, after] = before_and_after(&scene);
    assert!(before.ends_with(&["keys", "all keys", "torrents", "whole list"]), "{before:?}");
    assert_eq!(after, ["rules", "drop"]);
    assert_eq!((scene.manager.policy(), scene.known_keys()), (strict, vec![key('a')]));

    use_policy(&scene, public).await.unwrap();
    assert_eq!(before_and_after(&scene)[1], Vec::<&str>::new(), "no swarm is dropped");
    assert_eq!(scene.manager.policy(), public);
}

#[tokio::test]
async fn the_policy_stays_as_it_was_if_a_core_does_not_take_the_keys() {
    let mut start = settings(10, 1000);
    start.live.policy = AccessPolicy::PUBLIC;
    let scene = Scene::new(start, [stored('a')]).await;
    *scene.cores.refused.lock().unwrap() = Some(|update| matches!(update, AccessUpdate::PutKeys(_)));
    let strict = settings(10, 1000).live.policy;
    assert!(matches!(use_policy(&scene, strict).await, Err(ManagementError::CoreBusy)));
    assert_eq!(
        (policies(&scene), scene.manager.policy()),
        (vec![AccessPolicy::PUBLIC], AccessPolicy::PUBLIC)
    );
}

#[tokio::test]
async fn files_and_rules_deny_torrents_before_a_laxer_policy_and_until_a_stricter_one_is_in_use() {
    let strict = settings(10, 1000).live.policy;
    let public = AccessPolicy { completed: CompletedCounts::Remembered, ..AccessPolicy::PUBLIC };
    let scene = Scene::new(settings(10, 1000), []).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, "7".repeat(40)).unwrap();
    let denying = LiveSettings {
        policy: public,
        list_files: [None, Some(file.path().to_owned())],
        ..scene.manager.settings.live.clone()
    };
    scene.manager.use_settings(denying, core_settings(public)).await.unwrap();
    let [before, after] = before_and_after(&scene);
    assert!(before.ends_with(&["file", "rules"]), "{before:?}");
    assert_eq!(after, ["end of file"]);

    use_policy(&scene, strict).await.unwrap();
    assert_eq!(before_and_after(&scene)[1], ["rules", "end of file", "drop"]);
}

#[tokio::test]
async fn a_policy_that_is_laxer_in_one_way_and_stricter_in_the_other_replaces_one_that_is_strict_in_both() {
    let strict = settings(10, 1000).live.policy;
    let listed = AccessPolicy { users: UserAdmission::Public, ..strict };
    let private = AccessPolicy { torrents: TorrentAdmission::Any, ..strict };
    let mut start = settings(10, 1000);
    start.live.policy = listed;
    let scene = Scene::new(start, []).await;
    use_policy(&scene, private).await.unwrap();
    assert_eq!(policies(&scene), [listed, strict, private]);
}

#[tokio::test]
async fn all_cores_go_back_if_one_does_not_reply_to_the_switch() {
    let strict = settings(10, 1000).live.policy;
    let mut start = settings(10, 1000);
    start.live.policy = AccessPolicy::PUBLIC;
    let scene = Scene::new(start, []).await;
    *scene.cores.ignored.lock().unwrap() = Some(strict);
    assert!(matches!(use_policy(&scene, strict).await, Err(ManagementError::CoreBusy)));
    // Nor does it reply at first when it is to go back.
    *scene.cores.ignored.lock().unwrap() = Some(AccessPolicy::PUBLIC);
    let went_back = scene.manager.go_back(&core_settings(AccessPolicy::PUBLIC)).await;
    assert!(matches!(went_back, Err(ManagementError::CoreBusy)), "{went_back:?}");
    assert_eq!(policies(&scene), [AccessPolicy::PUBLIC, strict, AccessPolicy::PUBLIC]);
    assert_eq!(before_and_after(&scene)[1], ["rules"], "the rest goes back in any case");
    assert_eq!(scene.manager.policy(), AccessPolicy::PUBLIC);
}

#[tokio::test]
async fn lists_and_keys_of_which_more_fit_are_read_again_after_the_cores_have_the_new_limits() {
    let scene = Scene::new(settings(1, 1000), ['a', 'b'].map(stored)).await;
    assert_eq!(scene.known_keys(), [key('a')]);
    let live = scene.manager.settings.live.clone();
    let more = LiveSettings { keys_max: 3, torrents_max: 2000, ..live.clone() };
    scene.manager.use_settings(more, core_settings(live.policy)).await.unwrap();
    assert_eq!(scene.known_keys(), [key('a'), key('b')]);
    let read = ["keys", "all keys", "whole list", "whole list", "rules"];
    assert_eq!(before_and_after(&scene)[1], read);

    store(&scene.database, ['c', 'd'].map(stored)).await;
    let too_few = LiveSettings { keys_max: 3, ..live.clone() };
    scene
        .manager
        .use_settings(LiveSettings { keys_max: 2, ..too_few.clone() }, core_settings(live.policy))
        .await
        .unwrap();
    scene.manager.use_settings(too_few, core_settings(live.policy)).await.expect("as at a start");
    assert_eq!(scene.known_keys().len(), 3);
}
