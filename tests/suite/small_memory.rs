//! A tracker in a control group with little memory.

use std::fs;
use std::io::{Write, stderr};
use std::path::{Path, PathBuf};
use std::process::Command;

use primitives::InfoHash;

use crate::cores::two_cores;
use crate::http_client::HttpClient;
use crate::patience::wait_for;
use crate::program::load_generator;
use crate::tracker::{Launch, Tracker};
use crate::udp_client::Client;

const MEMORY_MAX_BYTES: u64 = 64 << 20;

/// More than fit into half of that memory: most are the only peer of their torrent.
const PEERS: u64 = 700_000;

/// A control group of this test, which is removed at the end.
struct ControlGroup {
    folder: PathBuf,
}

impl ControlGroup {
    /// Makes a group below that of this process (version 1) or at the root, where groups may exist beside processes
    /// (version 2). Returns the reason if this machine does not allow it.
    fn with_memory_max() -> Result<Self, String> {
        let membership = fs::read_to_string("/proc/self/cgroup").map_err(|error| error.to_string())?;
        let of_memory = |line: &str| line.split_once(":memory:").map(|(_, group)| group.to_owned());
        let (parent, limits): (PathBuf, &[&str]) = match membership.lines().find_map(of_memory) {
            Some(group) => (format!("/sys/fs/cgroup/memory{group}").into(), &["memory.limit_in_bytes"]),
            None => ("/sys/fs/cgroup".into(), &["memory.max", "memory.swap.max"]),
        };
        let make = |path: &Path| fs::create_dir(path).map_err(|error| format!("{}: {error}", path.display()));
        let group = Self { folder: parent.join(format!("ringtrack-tests-{}", std::process::id())) };
        make(&group.folder)?;
        for (limit, bytes) in limits.iter().zip([MEMORY_MAX_BYTES, 0]) {
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
    let group = match ControlGroup::with_memory_max() {
        Ok(group) => group,
        Err(reason) => {
            // Not by `eprintln!`, whose output is hidden if the test passes.
            let text = format!("small_memory is skipped, since no control group can be made: {reason}\n");
            return stderr().write_all(text.as_bytes()).expect("it is shown");
        }
    };
    let [core, other] = two_cores();
    let launch = Launch::on_loopback().set("workers.cores", &format!("[{core}]"));
    let tracker = group.around(launch).start();
    let client = Client::new(tracker.v4());
    let torrent = InfoHash([7; 20]);
    client.announce(client.leecher(torrent, 1001));
    fill(&tracker, other);
    let [kept, refused] = wait_for(|| {
        let figures = tracker.figures();
        let kept = figures.get("seeders_v4") + figures.get("leechers_v4");
        let refused = figures.get("peers_refused_memory");
        if kept + refused > PEERS { Ok([kept, refused]) } else { Err(format!("{kept} {refused}")) }
    });
    assert!(kept > 100_000 && refused > 100_000, "{kept} peers are kept, {refused} refused");
    let second = client.announce(client.leecher(torrent, 1002));
    assert_eq!((second.leechers, second.peers.len()), (2, 1), "an existing torrent still grows");
    assert_eq!(HttpClient::new(tracker.http_v4()).get("/health_check").status, 200);
    let ended = tracker.stop();
    assert_eq!((ended.code, group.kills()), (Some(0), 0), "{:#?}", ended.log);
}
