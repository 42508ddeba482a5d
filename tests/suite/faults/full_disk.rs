use super::load::{Load, torrent};
use super::scene::{assert_all_is_stored, launch};
use crate::management::api::Api;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// The environment variable that passes the folder to the child test.
const FOLDER: &str = "RINGTRACK_TESTS_FULL_DISK";

/// A file system of four megabytes that only a child test and its tracker see.
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Runs an ignored test of this binary with such a file system.
    pub(crate) fn run_child(child: &str) {
        let folder = tempfile::tempdir().unwrap();
        let mount = format!("mount -t tmpfs -o size=4m none \"${FOLDER}\" && exec \"$@\"");
        crate::program::program();
        let output = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", &mount, "sh"])
            .arg(std::env::current_exe().unwrap())
            .args([child, "--exact", "--ignored", "--nocapture"])
            .env(FOLDER, folder.path())
            .output()
            .unwrap();
        let [text, errors] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
        assert!(output.status.success() && text.contains("1 passed"), "{text}{errors}");
    }

    /// Returns the one of the child test that calls it.
    pub(crate) fn of_child() -> Self {
        Self(PathBuf::from(std::env::var_os(FOLDER).expect("a parent that names the folder")))
    }

    pub(crate) fn database_url(&self) -> String {
        format!("sqlite:{}", self.0.join("tracker.db").display())
    }

    pub(crate) fn fill(&self) {
        std::fs::write(self.0.join("ballast"), vec![0; 8 << 20]).unwrap_err();
    }

    pub(crate) fn free(&self) {
        std::fs::remove_file(self.0.join("ballast")).unwrap();
    }
}

#[test]
fn while_the_disk_is_full_clients_are_served_and_everything_is_written_once_there_is_room() {
    SmallDisk::run_child("faults::full_disk::child_fills_its_disk");
}

#[test]
#[ignore = "the child of another test"]
fn child_fills_its_disk() {
    let disk = SmallDisk::of_child();
    let url = disk.database_url();
    let tracker = launch(&url).start();
    let mut load = Load::begin(&tracker);
    load.run_for(Duration::from_millis(500));
    assert_all_is_stored(&tracker, &url, &load.sums);
    disk.fill();
    // More than the database file has room for without growing.
    let many: Vec<_> = (4 << 20..).map(torrent).take(20_000).collect();
    Api::of(&tracker).allow_all(&many).unwrap();
    load.sums.allowed.extend(many);
    load.run_until(|api| api.storage().state == "away");
    let reason = Api::of(&tracker).storage().error;
    assert!(reason.contains("full"), "{reason}");
    load.run_for(Duration::from_millis(500));
    disk.free();
    load.run_until(|api| api.storage().state == "connected");
    load.assert_swift();
    assert_all_is_stored(&tracker, &url, &load.sums);
    assert_eq!(tracker.stop().code, Some(0));
}
