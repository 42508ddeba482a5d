//! The wall clock is set forward and back under a running tracker.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::json;
use tempfile::TempDir;

use super::announces::Announce;
use super::api::Api;
use super::{launch, text, torrent};
use crate::tracker::Launch;
use crate::udp_client::{Answer, Client};

const EXPIRED: &str = "Authentication error: the key has expired";

/// A wall clock for a tracker that a test can set. The monotonic clock is not changed.
struct WallClock {
    folder: TempDir,
}

impl WallClock {
    fn new() -> Self {
        let clock = Self { folder: tempfile::tempdir().unwrap() };
        clock.set(0);
        clock
    }

    /// Sets it ahead of the machine's clock.
    fn set(&self, ahead_s: i64) {
        let new = self.folder.path().join("new");
        std::fs::write(&new, format!("{ahead_s:+}s\n")).unwrap();
        std::fs::rename(new, self.file()).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("clock")
    }

    /// Launches with this clock, which libfaketime reads whenever the tracker queries the time.
    fn under(&self, launch: Launch) -> Launch {
        launch
            .env("LD_PRELOAD", &text(&library()))
            .env("FAKETIME_TIMESTAMP_FILE", &text(&self.file()))
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    }
}

fn library() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap();
    let library = |folder: PathBuf| folder.join("faketime/libfaketimeMT.so.1");
    let mut libraries = folders.map(|folder| library(folder.unwrap().path()));
    libraries.find(|library| library.is_file()).expect("libfaketime, which tests/install installs")
}

/// The answer to an announce with a key.
fn announce(client: &Client, key: &str) -> Answer {
    Announce { port: 3000, ..Announce::of(torrent(1)).with_key(key) }.answer_over_udp(client)
}

#[test]
fn a_clock_step_moves_the_expiry_of_keys_and_costs_a_client_one_connect() {
    const HOUR_S: i64 = 3600;
    const YEAR_S: i64 = 365 * 24 * HOUR_S;
    let clock = WallClock::new();
    let tracker = clock.under(launch("private")).start();
    let api = Api::of(&tracker);
    let (limited, endless) = (api.new_key(Some(3600)), api.new_key(None));
    api.json("POST", "bans", &json!({ "client": "-ZZ", "reason": "it cheats" }).to_string());
    let with_limited = Announce::of(torrent(1)).with_key(&limited);
    with_limited.assert_served(&tracker);
    let peer = SocketAddr::new(tracker.v4().ip(), 2000);
    let mut client = Client::new(tracker.v4());
    let steps =
        [(2 * HOUR_S, Some(EXPIRED)), (0, None), (-YEAR_S, None), (2 * HOUR_S, Some(EXPIRED)), (0, None)];
    for (ahead_s, refusal) in steps {
        clock.set(ahead_s);
        // The connection id was issued at another time.
        assert!(matches!(announce(&client, &endless), Answer::Error(_)), "{ahead_s}");
        client.connect();
        let Answer::Announced(found) = announce(&client, &endless) else { panic!("{ahead_s}: not served") };
        assert!(found.peers.contains(&peer), "{ahead_s}: {found:?}");
        match refusal {
            None => with_limited.assert_served(&tracker),
            Some(refusal) => with_limited.assert_refused(&tracker, refusal),
        }
        assert_eq!(api.get("bans")[0]["client"], "-ZZ", "{ahead_s}");
        // A report of figures also dumps latencies, with the times of that clock.
        assert_eq!(tracker.figures().get("peers_expired"), 0, "{ahead_s}");
    }
    let ended = tracker.stop();
    assert_eq!(ended.code, Some(0), "{:#?}", ended.log);
    let errors: Vec<_> = ended.log.iter().filter(|line| line.contains(" ERROR ")).collect();
    assert_eq!(errors, Vec::<&String>::new());
}
