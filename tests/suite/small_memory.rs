//! A tracker in a control group with little memory, whatever is sent to it.

use std::fs;
use std::io::{ErrorKind, Read, Write, stderr};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use primitives::InfoHash;

use crate::cores::two_cores;
use crate::http_client::{HttpClient, announce_target, connect_from, get_request};
use crate::patience::wait_for;
use crate::program::load_generator;
use crate::tracker::{Launch, Tracker};
use crate::udp_client::Client;

const LEAST_BYTES: u64 = 64 << 20;

/// More than fit into the share of the swarms in that memory: most are the only peer of their torrent.
const PEERS: u64 = 700_000;

/// A control group of this test, which is removed at the end.
struct ControlGroup {
    folder: PathBuf,
}

impl ControlGroup {
    /// Makes a group below that of this process (version 1) or at the root, where groups may exist beside processes
    /// (version 2). Returns the reason if this machine does not allow it.
    fn with_memory_max(memory_max_bytes: u64) -> Result<Self, String> {
        let membership = fs::read_to_string("/proc/self/cgroup").map_err(|error| error.to_string())?;
        let of_memory = |line: &str| line.split_once(":memory:").map(|(_, group)| group.to_owned());
        let (parent, limits): (PathBuf, &[&str]) = match membership.lines().find_map(of_memory) {
            Some(group) => (format!("/sys/fs/cgroup/memory{group}").into(), &["memory.limit_in_bytes"]),
            None => ("/sys/fs/cgroup".into(), &["memory.max", "memory.swap.max"]),
        };
        let make = |path: &Path| fs::create_dir(path).map_err(|error| format!("{}: {error}", path.display()));
        let group = Self {
            folder: parent.join(format!("ringtrack-tests-{}-{memory_max_bytes}", std::process::id())),
        };
        make(&group.folder)?;
        for (limit, bytes) in limits.iter().zip([memory_max_bytes, 0]) {
            let file = group.folder.join(limit);
            fs::write(&file, bytes.to_string()).map_err(|error| format!("{}: {error}", file.display()))?;
        }
        Ok(group)
    }

    /// A launch whose process starts in this group.
    fn around(&self, launch: Launch) -> Launch {
        let enter = format!("echo $$ > {}/cgroup.procs && exec \"$@\"", self.folder.display());
        launch.under(&["sh", "-c", &enter, "sh"])
    }

    /// Makes such a group, or says why the test is skipped.
    fn or_skip(memory_max_bytes: u64) -> Option<Self> {
        let made = Self::with_memory_max(memory_max_bytes);
        made.inspect_err(|reason| {
            // Not by `eprintln!`, whose output is hidden if the test passes.
            let text = format!("small_memory is skipped, since no control group can be made: {reason}\n");
            stderr().write_all(text.as_bytes()).expect("it is shown");
        })
        .ok()
    }

    /// The most bytes that the group has had.
    fn bytes_max(&self) -> u64 {
        let read = |file: &str| fs::read_to_string(self.folder.join(file));
        let bytes =
            read("memory.peak").or_else(|_| read("memory.max_usage_in_bytes")).expect("a group's peak");
        bytes.trim().parse().expect("a number")
    }

    /// How often the kernel has killed a process of the group for its memory.
    fn kills(&self) -> u64 {
        let read = |file: &str| fs::read_to_string(self.folder.join(file));
        let events = read("memory.events").or_else(|_| read("memory.oom_control")).expect("a group's events");
        let line = events.lines().find_map(|line| line.strip_prefix("oom_kill "));
        line.expect("it is counted").trim().parse().expect("a number")
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        drop(fs::remove_dir(&self.folder));
    }
}

fn fill(tracker: &Tracker, core: usize) {
    let (target, core, peers) = (tracker.v4().to_string(), core.to_string(), PEERS.to_string());
    let mut load = Command::new(load_generator());
    load.args(["--target", &target, "--cores", &core, "--fill", "--quiet", "--sources", "40"]);
    let output =
        load.args(["--peers", &peers, "--torrents", "4000000", "--skew", "1"]).output().expect("it starts");
    // Refused peers are answered too.
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_full_tracker_stays_within_its_control_group_and_keeps_answering() {
    let Some(group) = ControlGroup::or_skip(LEAST_BYTES) else { return };
    let [core, other] = two_cores();
    let launch = Launch::on_loopback().set("workers.cores", &format!("[{core}]"));
    let tracker = group.around(launch).start();
    fill(&tracker, other);
    wait_for(|| {
        let figures = tracker.figures();
        let kept = figures.get("seeders_v4") + figures.get("leechers_v4");
        let evicted = figures.get("peers_evicted_memory");
        if kept > PEERS / 20 && evicted > PEERS / 4 { Ok(()) } else { Err(format!("{kept} {evicted}")) }
    });
    let client = Client::new(tracker.v4());
    let torrent = InfoHash([7; 20]);
    client.announce(client.leecher(torrent, 1001));
    let second = client.announce(client.leecher(torrent, 1002));
    assert_eq!((second.leechers, second.peers.len()), (2, 1), "a torrent's second peer finds the first");
    assert_eq!(HttpClient::new(tracker.http_v4()).get("/health_check").status, 200);
    let ended = tracker.stop();
    assert_eq!((ended.code, group.kills()), (Some(0), 0), "{:#?}", ended.log);
}

const USUAL_BYTES: u64 = 512 << 20;

/// More connections than there are places.
const CONNECTIONS: u16 = 2500;

/// What a hostile client sends over each of its connections, and then holds it.
struct Attack {
    name: &'static str,
    bytes: Vec<u8>,
    /// Bytes that the tracker then holds for it at least.
    held_bytes_min: u64,
}

/// Requests that are never whole, messages that are never whole, and requests whose answers are never read.
fn attacks() -> [Attack; 3] {
    let announce = get_request(&announce_target(InfoHash([8; 20]), 1003, 1));
    let upgrade = "GET / HTTP/1.1\r\nHost: tracker\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    // A masked frame of text with 64,000 bytes, of which the last is missing.
    let frame = [&[0x81, 0xfe, 0xfa, 0x00, 0, 0, 0, 0][..], &[b' '; 63_999]].concat();
    [
        Attack {
            name: "heads",
            bytes: [b"GET /announce?".as_slice(), &[b'a'; 8000]].concat(),
            held_bytes_min: 4 << 20,
        },
        Attack { name: "messages", bytes: [upgrade.as_bytes(), &frame].concat(), held_bytes_min: 4 << 20 },
        Attack { name: "pipelines", bytes: announce.repeat(1000).into_bytes(), held_bytes_min: 4 << 20 },
    ]
}

/// Opens connections from many sources, and sends over each as much as the tracker takes, until it has places for no more and
/// holds as many bytes as the attack wants. A connection may be closed at any time.
fn hold(attack: &Attack, tracker: &Tracker, connections_max: u64) -> Vec<TcpStream> {
    let connections: Vec<TcpStream> = (0..CONNECTIONS)
        .map(|number| {
            let [.., high, low] = (u32::from(number % 20) + 2).to_be_bytes();
            let connection = connect_from(Ipv4Addr::new(127, 7, high, low).into(), tracker.http_v4());
            connection.set_nonblocking(true).expect("a socket that does not wait");
            connection
        })
        .collect();
    let mut sent = vec![0; connections.len()];
    let (mut open_max, mut held_max) = (0, 0);
    wait_for(|| {
        for (mut connection, sent) in connections.iter().zip(&mut sent) {
            match connection.write(&attack.bytes[*sent..]) {
                Ok(bytes) => *sent += bytes,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => *sent = attack.bytes.len(),
            }
        }
        let figures = tracker.figures();
        let open = figures.get("http_connections_open");
        assert!(open <= connections_max, "{}: {open} connections", attack.name);
        open_max = open_max.max(open);
        held_max = held_max.max(figures.get("http_buffered_bytes"));
        if open_max > connections_max * 3 / 4 && held_max >= attack.held_bytes_min {
            return Ok(());
        }
        Err(format!("{}: {open_max} connections hold {held_max} bytes", attack.name))
    });
    connections
}

fn assert_serves(tracker: &Tracker, name: &str) {
    let client = Client::new(tracker.v4());
    let answer = client.announce(client.leecher(InfoHash([7; 20]), 1001));
    assert_eq!(answer.leechers, 1, "{name}");
    wait_for(|| {
        let mut connection = connect_from(Ipv4Addr::new(127, 9, 0, 1).into(), tracker.http_v4());
        let request = get_request("/health_check").replace("Host", "Connection: close\r\nHost");
        connection.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).map_err(|error| error.to_string())?;
        if answer.starts_with(b"HTTP/1.1 200") { Ok(()) } else { Err(format!("{name}: {answer:?}")) }
    });
}

#[test]
fn a_tracker_with_default_settings_stays_within_512_mib_whatever_connections_hold() {
    let Some(group) = ControlGroup::or_skip(USUAL_BYTES) else { return };
    let [core, _] = two_cores();
    let launch = Launch::on_loopback().set("workers.cores", &format!("[{core}]"));
    let tracker = group.around(launch).start();
    let connections_max = tracker.wait_for_log("the places for connections", |lines| {
        let line = lines.iter().find(|line| line.contains("memory: http.connections_max is "))?;
        line.split(" is ").nth(1)?.split(' ').next()?.parse::<u64>().ok()
    });
    assert!((1000..2500).contains(&connections_max), "{connections_max}");
    for attack in attacks() {
        drop(hold(&attack, &tracker, connections_max));
        assert_serves(&tracker, attack.name);
        assert!(group.bytes_max() < USUAL_BYTES * 7 / 8, "{}: {} bytes", attack.name, group.bytes_max());
    }
    let ended = tracker.stop();
    assert_eq!((ended.code, group.kills()), (Some(0), 0), "{:#?}", ended.log);
}
