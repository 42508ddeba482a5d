use super::{Place, all, assert_sound, block_on, hash};
use crate::faults::full_disk::SmallDisk;
use database::{Change, Creation, Database, WriteBehind, WriteBehindSettings, WriteBehindState};
use primitives::{ListChange, TorrentList};
use std::fs::DirEntry;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::time::Instant;

/// The environment variable that passes the folder to a child test.
const FOLDER: &str = "RINGTRACK_TESTS_DATABASE_FOLDER";

fn url(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("tracker.db").display())
}

async fn open(url: &str, creation: Creation) -> Database {
    Database::open(&url.parse().unwrap(), creation).await.unwrap()
}

/// The folder that the parent test passed to this child.
fn folder() -> PathBuf {
    PathBuf::from(std::env::var_os(FOLDER).expect("a parent that names the folder"))
}

/// The command line that runs one of the child tests of this binary.
fn child_arguments(test: &str) -> Vec<String> {
    let binary = std::env::current_exe().unwrap().to_str().unwrap().to_owned();
    let test = format!("databases::sqlite_files::{test}");
    vec![binary, test, "--exact".to_owned(), "--ignored".to_owned(), "--nocapture".to_owned()]
}

fn seldom() -> WriteBehindSettings {
    WriteBehindSettings { flush_every: Duration::from_secs(3600), ..WriteBehindSettings::default() }
}

fn files_in(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[test]
fn a_tracker_that_stores_nothing_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    block_on(async {
        let database = open(&url(folder.path()), Creation::WhenWritten).await;
        let write_behind = WriteBehind::start(Some(database.clone()), seldom());
        assert_eq!(all(database.load_list(TorrentList::Allowed)).await, []);
        assert_eq!(database.load_totals().await.unwrap(), []);
        write_behind.flush().await.unwrap();
        assert_eq!(files_in(folder.path()), 0);
        write_behind.insert(Change::Completed(hash(1), 3)).unwrap();
        write_behind.flush().await.unwrap();
        assert!(folder.path().join("tracker.db").exists());
        assert_eq!(all(database.load_completed()).await.len(), 1);
        write_behind.stop(Instant::now() + Duration::from_secs(10)).await;
        assert_eq!(files_in(folder.path()), 2, "a closed database leaves only its file and its lock");
    });
}

#[test]
fn whatever_the_umask_only_the_owner_can_read_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = child_arguments("child_makes_files");
    let output = Command::new("sh")
        .args(["-c", "umask 0; exec \"$@\"", "sh"])
        .args(arguments)
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
#[ignore = "the child of another test"]
fn child_makes_files() {
    let folder = folder();
    block_on(async {
        let database = open(&url(&folder), Creation::Now).await;
        let write_behind = WriteBehind::start(Some(database), seldom());
        write_behind.insert(Change::Completed(hash(1), 3)).unwrap();
        write_behind.flush().await.unwrap();
        let mode = |entry: std::io::Result<DirEntry>| {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode();
            (entry.file_name().into_string().unwrap(), format!("{:o}", mode & 0o777))
        };
        let mut modes: Vec<_> = std::fs::read_dir(&folder).unwrap().map(mode).collect();
        modes.sort();
        let wanted = ["tracker.db", "tracker.db-lock", "tracker.db-shm", "tracker.db-wal"];
        assert_eq!(modes, wanted.map(|name| (name.to_owned(), "600".to_owned())));
    });
}

#[test]
fn an_existing_file_is_read_before_anything_is_written() {
    let place = Place::new(super::Backend::Sqlite, "tracker");
    block_on(async {
        let database = place.open().await;
        let write_behind = WriteBehind::start(Some(database), seldom());
        write_behind.insert(Change::Completed(hash(1), 3)).unwrap();
        write_behind.stop(Instant::now() + Duration::from_secs(10)).await;
        let again = Database::open(&place.url(), Creation::WhenWritten).await.unwrap();
        assert_eq!(all(again.load_completed()).await.len(), 1);
    });
}

#[test]
fn a_file_is_intact_after_a_kill_and_contains_everything_flushed() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = child_arguments("child_writes_until_it_is_killed");
    let mut child = Command::new(&arguments[0])
        .args(&arguments[1..])
        .env(FOLDER, folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut flushed = lines.filter_map(|line| line.strip_prefix("flushed ")?.parse::<u32>().ok());
    let seen = flushed.by_ref().find(|count| *count >= 20_000).expect("a child that writes");
    child.kill().unwrap();
    child.wait().unwrap();
    let flushed = flushed.last().unwrap_or(seen);
    block_on(async {
        assert_sound(&url(folder.path())).await;
        let database = open(&url(folder.path()), Creation::WhenWritten).await;
        let stored = all(database.load_list(TorrentList::Allowed)).await;
        let at_least: Vec<_> = (0..flushed).map(hash).collect();
        assert!(stored.starts_with(&at_least), "{flushed} were flushed, {} are stored", stored.len());
        let counts = all(database.load_completed()).await;
        assert_eq!(counts.len(), stored.len(), "one transaction holds both");
    });
}

#[test]
#[ignore = "the child of another test"]
fn child_writes_until_it_is_killed() {
    block_on(async {
        let database = open(&url(&folder()), Creation::Now).await;
        let write_behind = WriteBehind::start(Some(database), seldom());
        for round in 1..1000 {
            let info_hashes: Vec<_> = ((round - 1) * 1000..round * 1000).map(hash).collect();
            write_behind.change_list(TorrentList::Allowed, ListChange::Add, &info_hashes).unwrap();
            info_hashes.into_iter().for_each(|hash| write_behind.insert(Change::Completed(hash, 1)).unwrap());
            write_behind.flush().await.unwrap();
            writeln!(std::io::stdout().lock(), "flushed {}", round * 1000).unwrap();
        }
    });
}

#[test]
fn while_the_disk_is_full_changes_wait_and_none_is_lost() {
    SmallDisk::run_child("databases::sqlite_files::child_fills_its_disk");
}

#[test]
#[ignore = "the child of another test"]
fn child_fills_its_disk() {
    block_on(async {
        let disk = SmallDisk::of_child();
        let database = open(&disk.database_url(), Creation::Now).await;
        let write_behind = WriteBehind::start(Some(database.clone()), seldom());
        write_behind.insert(Change::Completed(hash(1), 1)).unwrap();
        write_behind.flush().await.unwrap();
        disk.fill();
        let wanted: Vec<_> = (0..20_000).map(hash).collect();
        write_behind.change_list(TorrentList::Denied, ListChange::Add, &wanted).unwrap();
        let error = write_behind.flush().await.unwrap_err();
        assert!(error.to_string().contains("full"), "{error}");
        assert!(matches!(write_behind.info().state, WriteBehindState::Away(_)));
        assert_eq!(write_behind.info().waiting, 20_000);
        assert_eq!(all(database.load_completed()).await.len(), 1, "stored records can still be read");
        disk.free();
        write_behind.flush().await.unwrap();
        assert!(all(database.load_list(TorrentList::Denied)).await == wanted);
        assert_eq!(write_behind.info().lost, 0);
        assert_sound(&disk.database_url()).await;
    });
}
