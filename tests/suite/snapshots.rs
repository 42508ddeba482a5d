//! Snapshots: what survives a restart of the real program, and what does not keep it from serving.

use crate::cores::two_cores;
use crate::databases::block_on;
use crate::http_client::HttpClient;
use crate::management::announces::Announce;
use crate::management::api::Api;
use crate::management::{FREE_PORT, TOKEN};
use crate::patience::until;
use crate::tracker::{Launch, Tracker};
use crate::udp_client::{Client, TorrentCounts};
use primitives::{AnnounceEvent, InfoHash};
use rustix::process::Signal;
use sqlx::{Connection as _, Executor as _, SqliteConnection};
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

/// Enough for each of two cores to own some.
const TORRENTS: u8 = 24;

/// The counts of each torrent in each family.
const COUNTS: TorrentCounts = TorrentCounts { seeders: 1, downloaded: 1, leechers: 1 };

fn torrent(number: u8) -> InfoHash {
    InfoHash([number; 20])
}

/// A tracker with a management API, whose copies share a state directory.
fn launch() -> Launch {
    Launch::on_loopback().set("api.listen", FREE_PORT).set("api.tokens", &format!("tests={TOKEN}"))
}

/// Where a tracker keeps its snapshot.
fn directory(tracker: &Tracker) -> PathBuf {
    tracker.dumps().join("snapshot")
}

/// Announces a seeder over HTTP and a leecher over UDP of each torrent, in both families. Returns the clients over UDP.
fn fill(tracker: &Tracker) -> [Client; 2] {
    [(tracker.v4(), tracker.http_v4()), (tracker.v6(), tracker.http_v6())].map(|(udp, http)| {
        let (client, mut seeder) = (Client::new(udp), HttpClient::new(http));
        for torrent in (1..=TORRENTS).map(torrent) {
            let first = Announce { port: 1000, ..Announce::of(torrent) };
            let done = Announce { left: 0, event: AnnounceEvent::Completed, ..first.clone() };
            for announce in [first, done] {
                assert_eq!(announce.over_http(&mut seeder), None);
            }
            client.announce(client.leecher(torrent, 2000));
        }
        client
    })
}

/// Asserts that each torrent has its peers and counts, and that clients continue with the connection ids that they have.
#[track_caller]
fn assert_filled(tracker: &Tracker, clients: &[Client; 2]) {
    for (client, at) in clients.iter().zip([tracker.v4(), tracker.v6()]) {
        client.turn_to(at);
        for torrent in (1..=TORRENTS).map(torrent) {
            assert_eq!(client.scrape(&[torrent]), [COUNTS], "{torrent} {at}");
            let peers = client.announce(client.leecher(torrent, 2000)).peers;
            assert_eq!(peers, [SocketAddr::new(at.ip(), 1000)], "{torrent}");
        }
    }
}

#[track_caller]
fn assert_empty(tracker: &Tracker) {
    let counts = Client::new(tracker.v4()).scrape(&[torrent(1)]);
    assert_eq!(counts, [TorrentCounts::default()]);
}

/// Returns the last line of its log with these words, once there is one.
fn line(tracker: &Tracker, words: &str) -> String {
    tracker.wait_for_log(words, |lines| lines.iter().rev().find(|line| line.contains(words)).cloned())
}

/// How a tracker ends.
#[derive(Debug, Clone, Copy)]
enum End {
    Stopped,
    KilledAfterSignal,
    KilledAfterRequest,
}

fn end(tracker: Tracker, end: End) {
    match end {
        End::Stopped => {
            let ended = tracker.stop();
            assert_eq!(ended.code, Some(0), "{:#?}", ended.log);
            assert!(ended.log.iter().any(|line| line.contains("wrote a snapshot")), "{:#?}", ended.log);
            return;
        }
        End::KilledAfterSignal => {
            tracker.signal(Signal::USR2);
            line(&tracker, "wrote a snapshot");
        }
        End::KilledAfterRequest => {
            let written = Api::of(&tracker).ask("POST", "snapshot", "");
            assert_eq!(written.status, 200, "{}", written.text());
            let written: serde_json::Value = serde_json::from_slice(&written.body).unwrap();
            assert_eq!(written["peers"], 4 * u64::from(TORRENTS), "{written}");
            assert!(written["bytes"].as_u64() > Some(1000), "{written}");
        }
    }
    tracker.signal(Signal::KILL);
    tracker.wait();
}

#[test]
fn swarms_counts_and_connection_ids_survive_on_the_same_or_another_number_of_cores() {
    let [first, second] = two_cores();
    let (one, two) = (format!("[{first}]"), format!("[{first}, {second}]"));
    for (how, before, after) in [
        (End::Stopped, &two, &two),
        (End::Stopped, &two, &one),
        (End::Stopped, &one, &two),
        (End::KilledAfterSignal, &two, &two),
        (End::KilledAfterRequest, &two, &one),
    ] {
        let launch = launch();
        let tracker = launch.clone().set("workers.cores", before).start();
        let clients = fill(&tracker);
        let torrents = u64::from(TORRENTS);
        // What the snapshot reports is up to a tenth of a second old.
        tracker.wait_for_figures(&[("leechers_v4", torrents), ("seeders_v6", torrents)]);
        end(tracker, how);
        let tracker = launch.set("workers.cores", after).start();
        let loaded = line(&tracker, "loaded the snapshot");
        assert!(loaded.contains(&format!("peers={} ", 4 * torrents)), "{how:?}: {loaded}");
        assert_filled(&tracker, &clients);
    }
}

/// Returns the uploaded bytes of a key, and its torrents that are seeded.
fn account(api: &Api, key: &str) -> (u64, u64) {
    let account = api.get(&format!("key/{key}"));
    (account["uploaded"].as_u64().unwrap(), account["seeding"].as_u64().unwrap())
}

#[test]
fn transfers_are_accounted_once_across_a_stop_and_not_twice_after_a_crash() {
    let launch = launch().set("access.mode", "private");
    let tracker = launch.clone().start();
    let key = Api::of(&tracker).new_key(None);
    let report = |tracker: &Tracker, uploaded| {
        let announce = Announce { left: 0, uploaded, ..Announce::of(torrent(1)).with_key(&key) };
        assert_eq!(announce.over_http(&mut HttpClient::new(tracker.http_v4())), None);
    };
    report(&tracker, 1000);
    report(&tracker, 1700);
    end(tracker, End::Stopped);

    let tracker = launch.clone().start();
    let api = Api::of(&tracker);
    until("the session is there", || account(&api, &key) == (700, 1));
    report(&tracker, 2000);
    until("the account goes on", || account(&api, &key) == (1000, 1));
    until("it is stored", || api.get("storage")["writes_waiting"] == 0);
    tracker.signal(Signal::KILL);
    tracker.wait();

    // The snapshot knows the session as it was before the last report.
    let tracker = launch.start();
    let api = Api::of(&tracker);
    assert_eq!(account(&api, &key), (1000, 0));
    report(&tracker, 2500);
    report(&tracker, 2600);
    until("the account goes on", || account(&api, &key) == (1100, 1));
}

#[test]
fn a_snapshot_of_a_private_tracker_waits_for_a_database_that_is_away_at_the_start() {
    let launch = launch().set("access.mode", "private");
    let tracker = launch.clone().start();
    let key = Api::of(&tracker).new_key(None);
    let report = |tracker: &Tracker, uploaded| {
        let announce = Announce { left: 0, uploaded, ..Announce::of(torrent(1)).with_key(&key) };
        announce.over_http(&mut HttpClient::new(tracker.http_v4()))
    };
    assert_eq!(report(&tracker, 1000), None);
    let url = format!("sqlite:{}", tracker.dumps().join("ringtrack.db").display());
    end(tracker, End::Stopped);

    let mut lock = block_on(SqliteConnection::connect(&url)).unwrap();
    block_on(lock.execute("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE")).unwrap();
    let mut lock = Some(lock);
    let launch = launch.set("database.start_wait_s", "0").set("shutdown.deadline_s", "2");
    for is_back in [false, true] {
        let tracker = launch.clone().start();
        assert!(report(&tracker, 1300).is_some(), "no key is known");
        tracker.signal(Signal::USR2);
        line(&tracker, "no snapshot was written: the one before stays");
        if is_back {
            block_on(lock.take().unwrap().close()).unwrap();
            line(&tracker, "loaded the snapshot");
            assert_eq!(report(&tracker, 1700), None);
            until("the account goes on", || account(&Api::of(&tracker), &key) == (700, 1));
        }
        assert_eq!(tracker.stop().code, Some(0));
    }
}

#[test]
fn a_snapshot_that_cannot_be_used_is_set_aside_with_one_line_and_the_tracker_starts_empty() {
    let launch = launch();
    let tracker = launch.clone().start();
    drop(fill(&tracker));
    let directory = directory(&tracker);
    end(tracker, End::Stopped);
    let shard = directory.join("swarms-1-0");
    let whole = fs::read(&shard).unwrap();
    fs::write(&shard, &whole[..whole.len() - 1]).unwrap();

    let tracker = launch.clone().start();
    assert_empty(&tracker);
    let refused = line(&tracker, "starts without its snapshot");
    assert!(refused.contains("swarms-1-0 is torn: it is not as it was written; it is kept in"), "{refused}");
    until("it is kept", || directory.join("refused/manifest").exists());
    assert!(!directory.join("manifest").exists());
    drop(fill(&tracker));
    end(tracker, End::Stopped);
    fs::write(directory.join("manifest"), "not a manifest").unwrap();

    let tracker = launch.start();
    assert_empty(&tracker);
    let log = tracker.log();
    let lines: Vec<_> = log.iter().filter(|line| line.contains("snapshot")).collect();
    let [refused] = lines[..] else { panic!("{lines:#?}") };
    assert!(refused.contains("manifest is not a file of a snapshot; it is kept in"), "{refused}");
    assert_eq!(fs::read_to_string(directory.join("refused/manifest")).unwrap(), "not a manifest");
}

#[test]
fn a_bad_directory_costs_the_snapshot_only() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let launch = launch().set("snapshot.directory", file.path().to_str().unwrap());
    let tracker = launch.start();
    line(&tracker, "starts without its snapshot");
    let clients = fill(&tracker);
    let answer = Api::of(&tracker).ask("POST", "snapshot", "");
    assert_eq!(answer.status, 500, "{}", answer.text());
    tracker.signal(Signal::USR2);
    line(&tracker, "no snapshot was written");
    assert_filled(&tracker, &clients);
    let ended = tracker.stop();
    assert_eq!(ended.code, Some(0), "{:#?}", ended.log);
}

#[test]
fn without_a_directory_requests_are_refused_and_nothing_is_written() {
    let tracker = launch().set("snapshot.directory", "none").start();
    let answer = Api::of(&tracker).ask("POST", "snapshot", "");
    assert_eq!((answer.status, answer.text().contains("set snapshot.directory")), (409, true));
    tracker.signal(Signal::USR2);
    tracker.figures();
    assert!(!directory(&tracker).exists());
    assert_eq!(tracker.stop().code, Some(0));
}

#[test]
fn a_hanging_file_system_delays_neither_requests_nor_the_stop_beyond_its_deadline() {
    let launch = launch().set("shutdown.deadline_s", "2");
    let tracker = launch.start();
    let directory = directory(&tracker);
    fs::create_dir(&directory).unwrap();
    // Whoever opens a pipe to write waits for a reader, as for a server that does not answer.
    assert!(Command::new("mkfifo").arg(directory.join("lock")).status().unwrap().success());
    tracker.signal(Signal::USR2);
    let clients = fill(&tracker);
    let busy = || Api::of(&tracker).ask("POST", "snapshot", "").status == 503;
    until("the one on SIGUSR2 is being written", busy);
    assert_filled(&tracker, &clients);
    let ended = tracker.stop();
    assert_eq!(ended.code, Some(0), "{:#?}", ended.log);
    assert!(
        ended.log.iter().any(|line| line.contains("longer than shutdown.deadline_s")),
        "{:#?}",
        ended.log
    );
}
