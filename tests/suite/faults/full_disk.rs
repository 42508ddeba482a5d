use super::api::Api;
use super::load::{Load, torrent};
use super::scene::{assert_all_is_stored, launch};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// The environment variable that passes the folder to the child test.
const FOLDER: &str = "RINGTRACK_TESTS_FULL_DISK";

#[test]
fn while_the_disk_is_full_clients_are_served_and_everything_is_written_once_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    // A file system of four megabytes that only the child and its tracker see.
    let mount = format!("mount -t tmpfs -o size=4m none \"${FOLDER}\" && exec \"$@\"");
    crate::program::program();
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &mount, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["faults::full_disk::child_fills_its_disk", "--exact", "--ignored", "--nocapture"])
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
#[ignore = "the child of another test"]
fn child_fills_its_disk() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).expect("a parent that names the folder"));
    let url = format!("sqlite:{}", folder.join("tracker.db").display());
    let tracker = launch(&url).start();
    let mut load = Load::begin(&tracker);
    load.run_for(Duration::from_millis(500));
    assert_all_is_stored(&tracker, &url, &load.sums);
    let ballast = folder.join("ballast");
    std::fs::write(&ballast, vec![0; 8 << 20]).unwrap_err();
    // More than the database file has room for without growing.
    let many: Vec<_> = (4 << 20..).map(torrent).take(20_000).collect();
    Api::of(&tracker).allow_all(&many).unwrap();
    load.sums.allowed.extend(many);
    load.run_until(|api| api.storage().state == "away");
    let reason = Api::of(&tracker).storage().error;
    assert!(reason.contains("full"), "{reason}");
    load.run_for(Duration::from_millis(500));
    std::fs::remove_file(&ballast).unwrap();
    load.run_until(|api| api.storage().state == "connected");
    load.assert_swift();
    assert_all_is_stored(&tracker, &url, &load.sums);
    assert_eq!(tracker.stop().code, Some(0));
}
