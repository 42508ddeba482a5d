//! The management of a running tracker: modes, lists, keys, database and API.

pub(crate) mod announces;
pub(crate) mod api;
mod bans;
mod changes;
mod clock_steps;
mod dashboard;
mod fuzzing;
mod health;
mod keys;
mod lists;
mod millions;
mod restarts;
mod serving;
mod tls;
mod typed_client;
mod version_1;

use std::path::{Path, PathBuf};

use primitives::InfoHash;
use tempfile::TempDir;

use crate::tracker::{Launch, Tracker};

pub(crate) const FREE_PORT: &str = r#"["127.0.0.1:0"]"#;
pub(crate) const TOKEN: &str = "the-token-of-these-tests";

/// A tracker in this mode with a management API, on free ports of the IPv4 loopback address.
fn launch(mode: &str) -> Launch {
    let launch = Launch::with_defaults().set("udp.listen", FREE_PORT).set("http.listen", FREE_PORT);
    launch.set("api.listen", FREE_PORT).set("api.tokens", &format!("tests={TOKEN}")).set("access.mode", mode)
}

fn torrent(number: u8) -> InfoHash {
    InfoHash([number; 20])
}

/// The address in the URL that follows these words in the log.
pub(crate) fn address_in(tracker: &Tracker, words: &str) -> String {
    let log = tracker.log();
    let address = |line: &String| {
        let (_, rest) = line.split_once(words)?;
        let (_, rest) = rest.split_once("://")?;
        Some(rest.split('/').next()?.to_owned())
    };
    log.iter().find_map(address).unwrap_or_else(|| panic!("no {words:?} in {log:#?}"))
}

fn text(path: &Path) -> String {
    path.to_str().expect("a path of plain text").to_owned()
}

/// The file of a list.
struct ListFile {
    directory: TempDir,
}

impl ListFile {
    fn of(torrents: &[u8]) -> Self {
        let list = Self { directory: tempfile::tempdir().unwrap() };
        list.replace(torrents);
        list
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("list")
    }

    /// Replaces the list by renaming a new file, as the documentation advises.
    fn replace(&self, torrents: &[u8]) {
        let lines: String = torrents.iter().map(|&number| format!("{}\n", torrent(number))).collect();
        let new = self.directory.path().join("new");
        std::fs::write(&new, format!("# a comment\n{lines}")).unwrap();
        std::fs::rename(new, self.path()).unwrap();
    }
}
