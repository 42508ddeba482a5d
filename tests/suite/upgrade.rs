//! Upgrades of a running tracker: the real program, in a file that can be replaced.

use std::cell::RefCell;
use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use primitives::InfoHash;
use ringtrack_tests::database_server::{DatabaseServer, ServerKind};
use ringtrack_tests::web_socket_client::handshake;
use rustix::process::{Pid, Signal, getpriority_process, kill_process};
use serde_json::json;
use tempfile::TempDir;
use zerocopy::IntoBytes;

use crate::http_client::{HttpClient, announce_target, get_request};
use crate::management::announces::{Announce, Way};
use crate::management::api::Api;
use crate::management::{FREE_PORT, TOKEN};
use crate::patience::{until, wait_for};
use crate::program::{in_checkout, program};
use crate::tracker::{Launch, Tracker};
use crate::udp_client::{Answer, Client};

/// A folder with a copy of the program, of which no process is left when this is dropped.
pub(crate) struct Installed {
    folder: TempDir,
}

impl Drop for Installed {
    fn drop(&mut self) {
        for process in self.processes() {
            let _ended = kill_process(process, Signal::KILL);
        }
    }
}

impl Installed {
    pub(crate) fn new() -> Self {
        let installed = Self { folder: tempfile::tempdir().expect("a folder for the program") };
        installed.replace(&program());
        installed
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("ringtrack")
    }

    /// Replaces the program, as a package manager does: by renaming another file.
    fn replace(&self, by: &Path) {
        let new = self.folder.path().join("new");
        // A program cannot be started while it is open for writing, also by the child of another test that has just been forked:
        // this process does not open it.
        let copied = Command::new("cp").arg(by).arg(&new).status().expect("cp starts");
        assert!(copied.success());
        fs::rename(new, self.path()).expect("a new program");
    }

    /// Replaces the program by one that fails at a step of the upgrade.
    fn replace_by_one_that_fails(&self, step: &str) {
        fs::write(self.folder.path().join("step"), step).expect("the step");
        let script = in_checkout("tests/suite/upgrade/successor.py");
        self.replace(&script);
        fs::set_permissions(self.path(), Permissions::from_mode(0o755)).expect("a program");
    }

    /// The processes that run from this folder.
    fn processes(&self) -> Vec<Pid> {
        let folder = self.folder.path();
        let runs_from_here = |process: &Path| {
            let file = fs::read_link(process.join("exe")).ok();
            // That of a script has its path.
            let words = fs::read(process.join("cmdline")).unwrap_or_default();
            file.is_some_and(|file| file.starts_with(folder))
                || words
                    .split(|&byte| byte == 0)
                    .any(|word| Path::new(&*String::from_utf8_lossy(word)).starts_with(folder))
        };
        let processes = fs::read_dir("/proc").expect("the processes").flatten().map(|process| process.path());
        let number = |process: &PathBuf| process.file_name()?.to_str()?.parse().ok();
        processes
            .filter(|process| {
                number(process).is_some_and(|number: i32| number > 1) && runs_from_here(process)
            })
            .filter_map(|process| Pid::from_raw(number(&process)?))
            .collect()
    }

    pub(crate) fn start(&self, launch: Launch) -> Tracker {
        launch.program(&self.path()).start()
    }

    /// Upgrades the tracker, and follows it.
    #[track_caller]
    pub(crate) fn upgrade_to_success(&self, tracker: &mut Tracker) {
        let before = tracker.id();
        let output = upgrade(tracker);
        tracker.follow(upgraded_process(&output, tracker));
        assert_ne!(tracker.id(), before);
        assert_usual_priority(tracker.id());
        until("the process before ends", || {
            !self.processes().iter().any(|process| process.as_raw_nonzero().get().cast_unsigned() == before)
                || is_zombie(before)
        });
    }
}

/// Returns the process that the command `upgrade` names.
#[track_caller]
fn upgraded_process(output: &Output, tracker: &Tracker) -> u32 {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}\n{:#?}", tracker.log());
    let process = said.strip_prefix("process ").and_then(|rest| rest.split(' ').next()?.parse().ok());
    process.unwrap_or_else(|| panic!("{said}"))
}

/// Asserts that all threads of a process have the priority of this one.
#[track_caller]
fn assert_usual_priority(process: u32) {
    let usual = getpriority_process(None).expect("the priority of this thread");
    for entry in fs::read_dir(format!("/proc/{process}/task")).expect("the threads") {
        let name = entry.expect("a thread").file_name();
        let thread = name.to_str().and_then(|id| Pid::from_raw(id.parse().ok()?));
        // A thread may have ended.
        assert_eq!(getpriority_process(thread).unwrap_or(usual), usual, "{name:?}");
    }
}

/// Whether a process has ended, and its parent does not know it yet.
fn is_zombie(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z'))
}

/// Runs the command `upgrade`. It is that of the tests, whatever is installed.
fn upgrade(tracker: &Tracker) -> Output {
    upgrade_process(tracker.id())
}

fn upgrade_process(process: u32) -> Output {
    let process = process.to_string();
    let command = Command::new(program()).args(["upgrade", "--pid", &process]).env_clear().output();
    command.expect("the command starts")
}

/// Several workers if this machine has the cores, on free ports of both families.
fn launch() -> Launch {
    Launch::on_loopback().set("http.connections_max", "1000").set("sources.requests_per_s", "1000000")
}

fn with_api(launch: Launch) -> Launch {
    launch.set("api.listen", FREE_PORT).set("api.tokens", &format!("tests={TOKEN}"))
}

/// Waits until the database has all changes.
fn until_stored(api: &Api) {
    wait_for(|| {
        let storage = api.get("storage");
        let is_stored = storage["state"] == "connected" && storage["writes_waiting"] == 0;
        if is_stored { Ok(()) } else { Err(storage.to_string()) }
    });
}

fn torrent(number: u8) -> InfoHash {
    let mut bytes = [0xab; 20];
    (bytes[0], bytes[19]) = (number, number.wrapping_mul(31));
    InfoHash(bytes)
}

const TORRENTS: u8 = 64;

/// Clients that announce over one protocol, each time a new peer, until they are told to stop.
struct Load<'a> {
    stop: &'a AtomicBool,
    /// The next port of a peer.
    ports: &'a AtomicU16,
}

impl Load<'_> {
    fn next(&self) -> Option<(InfoHash, u16)> {
        let port = self.ports.fetch_add(1, Ordering::Relaxed);
        let torrent = torrent(u8::try_from(port % u16::from(TORRENTS)).expect("few torrents"));
        (!self.stop.load(Ordering::Relaxed) && port < u16::MAX).then_some((torrent, port))
    }

    /// Announces over UDP with one connection id. A datagram may be lost once. Returns how many peers were announced, and how
    /// many datagrams were lost.
    fn over_udp(&self, tracker: SocketAddr) -> (u32, u32) {
        let client = Client::new(tracker);
        client.socket().set_read_timeout(Some(Duration::from_secs(15))).expect("a timeout");
        let (mut announced, mut lost) = (0, 0);
        while let Some((torrent, port)) = self.next() {
            let request = client.leecher(torrent, port);
            client.send(request.as_bytes());
            if let Err(error) = client.socket().peek(&mut [0; 64]) {
                assert!(
                    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut),
                    "{error}"
                );
                lost += 1;
                client.send(request.as_bytes());
            }
            let (_, answer) = client.receive();
            assert!(matches!(answer, Answer::Announced(_)), "{answer:?}");
            announced += 1;
        }
        (announced, lost)
    }

    /// Announces over HTTP, each time with a new connection.
    fn over_http(&self, tracker: SocketAddr) -> (u32, u32) {
        let mut announced = 0;
        while let Some((torrent, port)) = self.next() {
            let answer = HttpClient::new(tracker).get(&announce_target(torrent, port, 1));
            assert!(answer.status == 200 && answer.reason().is_none(), "{answer:?}");
            announced += 1;
        }
        (announced, 0)
    }
}

/// The peers in the swarms of a family.
fn leechers(client: &Client) -> u32 {
    let torrents: Vec<InfoHash> = (0..TORRENTS).map(torrent).collect();
    torrents.iter().flat_map(|&torrent| client.scrape(&[torrent])).map(|counts| counts.leechers).sum()
}

#[test]
fn upgrades_under_load_leave_no_request_unanswered_and_lose_no_peer() {
    let installed = Installed::new();
    let mut tracker = installed.start(launch());
    let (v4, v6, http) = (tracker.v4(), tracker.v6(), tracker.http_v4());
    let (early_v4, early_v6) = (Client::new(v4), Client::new(v6));
    let (stop, ports) = (AtomicBool::new(false), AtomicU16::new(1024));
    let load = Load { stop: &stop, ports: &ports };
    let results = thread::scope(|scope| {
        let clients: [ScopedJoinHandle<'_, _>; 3] = [
            scope.spawn(|| load.over_udp(v4)),
            scope.spawn(|| load.over_udp(v6)),
            scope.spawn(|| load.over_http(http)),
        ];
        let end = StopAtEnd(&stop);
        for _ in 0..2 {
            let before = ports.load(Ordering::Relaxed);
            until("the load goes on", || ports.load(Ordering::Relaxed) > before.saturating_add(300));
            installed.upgrade_to_success(&mut tracker);
        }
        let before = ports.load(Ordering::Relaxed);
        until("the load goes on", || ports.load(Ordering::Relaxed) > before.saturating_add(300));
        drop(end);
        clients.map(|client| client.join().expect("every request is answered"))
    });
    let [(over_v4, lost_v4), (over_v6, lost_v6), (over_http, _)] = results;
    assert_eq!((lost_v4, lost_v6), (0, 0), "of {over_v4} and {over_v6}");
    // Connection ids from before the first upgrade are valid.
    let assert_peers = |client: &Client, announced: u32| {
        wait_for(|| match leechers(client) {
            peers if peers == announced => Ok(()),
            peers => Err(format!("{peers} of {announced} peers are there: {:#?}", took_over(&tracker))),
        });
    };
    assert_peers(&early_v4, over_v4 + over_http);
    assert_peers(&early_v6, over_v6);
    let log = tracker.log();
    let steered = log.iter().filter(|line| line.contains("steering is on")).count();
    assert!([0, 3].contains(&steered), "each process steers, or none: {steered}");
    for address in [v4, v6] {
        let listening = format!("listening on udp://{address}");
        assert_eq!(log.iter().filter(|line| line.ends_with(&listening)).count(), 3, "{log:#?}");
    }
    let errors: Vec<_> = log.iter().filter(|line| line.contains("ERROR")).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    assert_eq!(tracker.stop().code, Some(0));
}

fn took_over(tracker: &Tracker) -> Vec<String> {
    tracker.log().into_iter().filter(|line| line.contains("took over")).collect()
}

/// Ends a load, also when the test fails.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn kept_connections_are_closed_politely() {
    let installed = Installed::new();
    let mut tracker = installed.start(launch());
    let mut kept = HttpClient::new(tracker.http_v4());
    assert_eq!(kept.get(&announce_target(torrent(1), 2000, 1)).header("connection"), None);
    let mut web_socket = HttpClient::new(tracker.http_v4());
    web_socket.send(handshake("/", "").as_bytes());
    assert_eq!(web_socket.head().status, 101);
    let process = thread::scope(|scope| {
        let upgrade = scope.spawn(|| upgrade(&tracker));
        // The end of a WebSocket is the sign that the process before has left.
        let frames = web_socket.rest();
        assert_eq!(frames[..4], [0x88, frames[1], 0x03, 0xf4], "a close frame with code 1012: {frames:x?}");
        let last = kept.get(&announce_target(torrent(1), 2001, 1));
        assert_eq!((last.status, last.header("connection")), (200, Some("close")));
        kept.assert_closed();
        upgraded_process(&upgrade.join().expect("it ends"), &tracker)
    });
    tracker.follow(process);
    until("the announce over the old connection is handed over", || {
        leechers(&Client::new(tracker.v4())) == 2
    });
    assert_eq!(tracker.stop().code, Some(0));
}

#[test]
fn what_the_process_before_answers_until_its_cores_stop_is_handed_over() {
    let installed = Installed::new();
    let mut tracker = installed.start(launch().set("shutdown.deadline_s", "1"));
    // The process before stops its cores after the deadline, since they are open.
    let kept: Vec<_> = (0..600).map(|_| HttpClient::new(tracker.http_v4())).collect();
    tracker.wait_for_figures(&[("http_connections_open", 600)]);
    let process = upgraded_process(&upgrade(&tracker), &tracker);
    let mut answered = 0;
    for (port, mut client) in (2000..).zip(kept) {
        let target = announce_target(torrent(u8::try_from(port % 64).expect("few torrents")), port, 1);
        let sent = client.stream().write_all(get_request(&target).as_bytes());
        let received = sent.and_then(|()| client.stream().read(&mut [0; 1024]));
        answered += u32::from(received.is_ok_and(|bytes| bytes > 0));
        // The requests are spread over the time before the stop and after it.
        thread::sleep(Duration::from_millis(2));
    }
    tracker.follow(process);
    let client = Client::new(tracker.v4());
    wait_for(|| match leechers(&client) {
        peers if peers >= answered => Ok(()),
        peers => Err(format!("{peers} of {answered} peers are there")),
    });
    assert_eq!(tracker.stop().code, Some(0));
}

#[test]
fn bytes_of_keys_are_accounted_once_across_upgrades() {
    let installed = Installed::new();
    let mut tracker =
        installed.start(with_api(launch()).set("access.mode", "private").set("database.flush_every_s", "1"));
    let api = Api::of(&tracker);
    let key = api.new_key(None);
    let report = |tracker: &Tracker, uploaded, downloaded| {
        for (way, port) in [(Way::Udp, 2000), (Way::Http, 3000)] {
            let announce = Announce { port, uploaded, downloaded, ..Announce::of(torrent(1)).with_key(&key) };
            assert_eq!(announce.refusal(tracker, way), None);
        }
    };
    report(&tracker, 1000, 500);
    for upgrade in 1..=2 {
        report(&tracker, 1000 + 7 * upgrade, 500 + upgrade);
        installed.upgrade_to_success(&mut tracker);
        report(&tracker, 1000 + 10 * upgrade, 500 + 2 * upgrade);
    }
    let api = Api::of(&tracker);
    wait_for(|| {
        let known = api.get(&format!("key/{key}"));
        let has = |name: &str| known[name].as_u64();
        let accounted = [has("uploaded"), has("downloaded"), has("leeching")];
        // Both clients have transferred as much since their first announce.
        if accounted == [Some(40), Some(8), Some(2)] { Ok(()) } else { Err(known.to_string()) }
    });
    assert_eq!(tracker.stop().code, Some(0));
}

#[test]
fn without_a_database_what_came_over_the_management_api_is_handed_over() {
    let installed = Installed::new();
    let launch = with_api(launch()).set("access.mode", "private-listed").set("database.url", "none");
    let mut tracker = installed.start(launch);
    let api = Api::of(&tracker);
    let key = api.new_key(None);
    let bans = [
        json!({ "network": "192.0.2.0/24", "reason": "a flood", "seconds": 3600 }),
        json!({ "network": "198.51.100.0/24", "reason": "another" }),
        json!({ "client": "-XX9", "reason": "lies" }),
    ];
    bans.iter().for_each(|ban| drop(api.json("POST", "bans", &ban.to_string())));
    api.put_on("whitelist", torrent(1));
    api.put_on("denylist", torrent(2));
    let announce = Announce { port: 2000, ..Announce::of(torrent(1)).with_key(&key) };
    assert_eq!(announce.refusal(&tracker, Way::Http), None);
    let transferred = Announce { uploaded: 70, ..announce };
    assert_eq!(transferred.refusal(&tracker, Way::Http), None);
    installed.upgrade_to_success(&mut tracker);
    let api = Api::of(&tracker);
    wait_for(|| {
        let account = api.get(&format!("key/{key}"));
        if account["uploaded"] == 70 { Ok(()) } else { Err(account.to_string()) }
    });
    let networks = api.get("bans").to_string();
    assert!(
        ["192.0.2.0/24", "198.51.100.0/24", "-XX9", "until"].iter().all(|part| networks.contains(part)),
        "{networks}"
    );
    assert_eq!(transferred.refusal(&tracker, Way::Http), None);
    for number in [2, 3] {
        let other = Announce { torrent: torrent(number), ..transferred.clone() };
        assert!(other.refusal(&tracker, Way::Http).is_some(), "{number}");
    }
    assert_eq!(tracker.stop().code, Some(0));
}

/// The texts of an upgrade that fails at each step.
const FAILURES: [(&str, &str); 8] = [
    ("start", "the new process ended before it served: exit status: 7"),
    ("introduced", "the new process ended before it served: exit status: 7"),
    ("refusal", "it is Thursday"),
    ("accepted", "the new process ended before it served: exit status: 7"),
    ("wrong order", "the new process sent Loaded, which does not follow"),
    ("released", "the new process ended before it served: exit status: 7"),
    ("state", "the new process ended before it served: exit status: 7"),
    ("sent", "the new process ended before it served: exit status: 7"),
];

#[test]
fn after_a_failed_upgrade_the_tracker_serves_on_with_all_that_it_had() {
    let installed = Installed::new();
    let file = installed.folder.path().join("ringtrack.toml");
    fs::write(&file, "").expect("a configuration");
    let launch =
        with_api(launch()).set("access.mode", "listed").set("database.flush_every_s", "1").config(&file);
    let mut tracker = installed.start(launch);
    let api = Api::of(&tracker);
    let client = Client::new(tracker.v4());
    let stored = RefCell::new(Vec::new());
    let mut port = 2000;
    let mut assert_serves = |tracker: &Tracker, why: &str| {
        port += 1;
        let listed = torrent(u8::try_from(port % 64).expect("few"));
        let change = api.ask("POST", &format!("whitelist/{listed}"), "");
        assert_eq!(change.status, 200, "{why}: {}", change.text());
        client.announce(client.leecher(listed, port));
        assert!(
            HttpClient::new(tracker.http_v4())
                .get(&announce_target(listed, port + 1000, 1))
                .reason()
                .is_none()
        );
        assert_eq!(client.scrape(&[listed])[0].leechers, 2, "{why}");
        until_stored(&api);
        stored.borrow_mut().push(listed);
    };
    assert_serves(&tracker, "at first");
    let mut assert_fails = |tracker: &Tracker, because: &str| {
        let output = upgrade(tracker);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && error.contains(because), "{because}: {error}");
        tracker.wait_for_log("the reason", |lines| {
            lines.iter().any(|line| line.contains("not upgraded") && line.contains(because)).then_some(())
        });
        assert_serves(tracker, because);
        until("the new process is gone", || installed.processes().len() == 1);
    };
    for (step, because) in FAILURES {
        installed.replace_by_one_that_fails(step);
        assert_fails(&tracker, because);
    }
    fs::set_permissions(installed.path(), Permissions::from_mode(0o644)).expect("no program");
    assert_fails(&tracker, "cannot be started: Permission denied");
    installed.replace(&program());
    fs::write(&file, "[udp]\nlistne = []\n").expect("a wrong configuration");
    assert_fails(&tracker, "listne");
    fs::write(&file, "[workers]\ncores = [0, 0]\n").expect("a wrong configuration");
    assert_fails(&tracker, "workers.cores");
    // While the old process serves, the new one has time to load.
    fs::write(&file, "[database]\nstart_wait_s = 0\n").expect("a configuration");
    installed.upgrade_to_success(&mut tracker);
    // The new process has read the list from the database.
    for torrent in stored.take() {
        client.announce(client.leecher(torrent, 9000));
    }
    assert_eq!(tracker.stop().code, Some(0));
}

#[test]
fn while_the_database_is_away_an_upgrade_fails_and_no_change_is_lost() {
    let mut server = DatabaseServer::start(ServerKind::Postgres);
    let url = server.make_database("tracker");
    let installed = Installed::new();
    let launch = with_api(launch()).set("access.mode", "listed").set("database.url", &url);
    let mut tracker = installed.start(launch.set("database.start_wait_s", "1"));
    let api = Api::of(&tracker);
    server.crash();
    api.put_on("whitelist", torrent(1));
    let output = upgrade(&tracker);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && error.contains("the database"), "{error}");
    let client = Client::new(tracker.v4());
    client.announce(client.leecher(torrent(1), 2000));
    server.restart();
    until_stored(&api);
    installed.upgrade_to_success(&mut tracker);
    // The new process has read the list from the database.
    client.announce(client.leecher(torrent(1), 2001));
    assert_eq!(leechers(&client), 2);
    assert_eq!(tracker.stop().code, Some(0));
}

#[test]
fn when_the_new_process_fails_after_it_served_the_old_one_serves_again_or_stores_everything() {
    let installed = Installed::new();
    // Under a service manager, which starts the tracker again, it ends.
    for (service_manager, code) in [(None, 0), (Some("/nonexistent"), 1)] {
        let folder = tempfile::tempdir().expect("a folder for the snapshot");
        let folder = folder.path().to_str().expect("a path of plain text");
        let mut launch = launch().set("snapshot.directory", folder);
        if let Some(socket) = service_manager {
            launch = launch.env("NOTIFY_SOCKET", socket);
        }
        let tracker = installed.start(launch.clone());
        let client = Client::new(tracker.v4());
        client.announce(client.leecher(torrent(1), 2000));
        // While it is open, the cores do not stop.
        let mut kept = HttpClient::new(tracker.http_v4());
        assert_eq!(kept.get(&announce_target(torrent(1), 2001, 1)).reason(), None);
        installed.replace_by_one_that_fails("served");
        let output = upgrade(&tracker);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        tracker.wait_for_log("how the new process failed", |lines| {
            lines.iter().any(|line| line.contains("the new process has failed: exit status: 7")).then_some(())
        });
        let ended = if service_manager.is_none() {
            assert_eq!(leechers(&client), 2);
            tracker.stop()
        } else {
            tracker.wait()
        };
        assert_eq!(ended.code, Some(code), "{:#?}", ended.log);
        installed.replace(&program());
        let tracker = installed.start(launch);
        assert_eq!(leechers(&Client::new(tracker.v4())), 2);
        assert_eq!(tracker.stop().code, Some(0));
    }
}

#[test]
fn a_program_that_says_nothing_is_given_up_and_meanwhile_no_other_upgrade_begins() {
    let installed = Installed::new();
    let tracker = installed.start(launch());
    installed.replace_by_one_that_fails("silence");
    thread::scope(|scope| {
        let first = scope.spawn(|| upgrade(&tracker));
        until("the new process runs", || installed.processes().len() == 2);
        let second = String::from_utf8_lossy(&upgrade(&tracker).stderr).into_owned();
        assert!(second.contains("another upgrade is under way"), "{second}");
        let first = String::from_utf8_lossy(&first.join().expect("it ends").stderr).into_owned();
        assert!(first.contains("the new process did not answer within 10 s"), "{first}");
    });
    until("the new process is gone", || installed.processes().len() == 1);
    Client::new(tracker.v4());
    assert_eq!(tracker.stop().code, Some(0));
}

#[test]
fn no_other_upgrade_begins_before_the_process_before_has_handed_over_everything() {
    let installed = Installed::new();
    let mut tracker = installed.start(launch());
    // While it is open, the process before does not end.
    let kept = HttpClient::new(tracker.http_v4());
    tracker.wait_for_figures(&[("http_connections_open", 1)]);
    let process = upgraded_process(&upgrade(&tracker), &tracker);
    tracker.follow(process);
    let second = String::from_utf8_lossy(&upgrade(&tracker).stderr).into_owned();
    assert!(second.contains("another upgrade is under way"), "{second}");
    drop(kept);
    until("the process before ends", || installed.processes().len() == 1);
    installed.upgrade_to_success(&mut tracker);
    assert_eq!(tracker.stop().code, Some(0));
}

#[test]
fn a_reload_that_is_requested_during_an_upgrade_is_done_by_the_process_that_serves_at_its_end() {
    let installed = Installed::new();
    let file = installed.folder.path().join("ringtrack.toml");
    fs::write(&file, "").expect("a configuration");
    let tracker = installed.start(launch().config(&file));
    let mut kept = HttpClient::new(tracker.http_v4());
    assert_eq!(kept.get(&announce_target(torrent(1), 2001, 1)).reason(), None);
    tracker.wait_for_figures(&[("http_connections_open", 1)]);
    installed.replace_by_one_that_fails("released, late");
    thread::scope(|scope| {
        let failing = scope.spawn(|| upgrade(&tracker));
        until("the new process has the stored data", || installed.folder.path().join("released").exists());
        fs::write(&file, "[announce]\ninterval_s = 900\n").expect("another configuration");
        tracker.signal(Signal::HUP);
        assert!(!failing.join().expect("it ends").status.success());
    });
    tracker.wait_for_log("the reload", |lines| {
        let line = |text: &str| lines.iter().position(|line| line.contains(text));
        (line("not upgraded")? < line("changed=\"announce.interval_s\"")?).then_some(())
    });
    installed.replace_by_one_that_fails("served, late");
    assert!(upgrade(&tracker).status.success());
    tracker.signal(Signal::HUP);
    // The script does not catch the signal.
    tracker.wait_for_log("how the new process ended", |lines| {
        lines.iter().any(|line| line.contains("has failed: signal: 1")).then_some(())
    });
    assert_eq!(tracker.stop().code, Some(0));
}

#[test]
fn a_process_whose_end_is_that_of_its_container_is_not_upgraded() {
    let installed = Installed::new();
    let container = ["unshare", "--pid", "--fork", "--kill-child"];
    let with_init = ["sh", "-c", "\"$@\" & wait", "sh"];
    for init in [&[][..], &with_init] {
        let tracker = installed.start(launch().under(&container).under(init));
        let is_tracker = |process: &&Pid| {
            let process = process.as_raw_nonzero();
            fs::read_link(format!("/proc/{process}/exe")).is_ok_and(|file| file == installed.path())
        };
        let processes = installed.processes();
        let process = processes.iter().find(is_tracker).expect("the tracker");
        let output = upgrade_process(process.as_raw_nonzero().get().cast_unsigned());
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains("restart the container"), "{error}");
        Client::new(tracker.v4());
    }
}

#[test]
fn a_stop_during_an_upgrade_ends_both_processes() {
    let installed = Installed::new();
    let tracker = installed.start(with_api(launch()));
    installed.replace_by_one_that_fails("hang");
    thread::scope(|scope| {
        scope.spawn(|| upgrade(&tracker));
        until("the new process runs", || installed.processes().len() == 2);
        tracker.signal(Signal::TERM);
    });
    assert_eq!(tracker.wait().code, Some(0));
    until("no process is left", || installed.processes().is_empty());
}

#[test]
fn addresses_that_the_new_configuration_adds_and_removes_are_bound_and_closed() {
    let installed = Installed::new();
    let file = installed.folder.path().join("ringtrack.toml");
    fs::write(&file, "[udp]\nlisten = [\"127.0.0.1:0\", \"127.0.0.2:0\"]\n").expect("a configuration");
    let mut tracker = installed.start(Launch::with_defaults().config(&file));
    let port = |tracker: &Tracker, ip: &str| {
        let log = tracker.log();
        let line = log.iter().rev().find_map(|line| line.split_once(&format!("listening on udp://{ip}:")));
        line.map(|(_, port)| port.parse::<u16>().expect("a port")).expect("it listens there")
    };
    let (kept, removed) = (port(&tracker, "127.0.0.1"), port(&tracker, "127.0.0.2"));
    let early = Client::from([127, 0, 0, 1], SocketAddr::from(([127, 0, 0, 1], kept)));
    let changed = "[udp]\nlisten = [\"127.0.0.1:0\", \"127.0.0.3:0\"]\n[connection_ids]\nlifetime_s = 300\n";
    fs::write(&file, changed).expect("a configuration");
    installed.upgrade_to_success(&mut tracker);
    assert_eq!(port(&tracker, "127.0.0.1"), kept);
    // Its connection id has the lifetime of before.
    early.announce(early.leecher(torrent(1), 2000));
    Client::from([127, 0, 0, 1], SocketAddr::from(([127, 0, 0, 1], kept)));
    Client::from([127, 0, 0, 1], SocketAddr::from(([127, 0, 0, 3], port(&tracker, "127.0.0.3"))));
    std::net::UdpSocket::bind(("127.0.0.2", removed)).expect("the address is free");
    assert_eq!(tracker.stop().code, Some(0));
}
