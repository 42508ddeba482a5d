//! The unit file: systemd finds no fault in it, its exposure is low, and the tracker can run under it.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use primitives::InfoHash;
use rustix::process::Signal;
use syscalls::Sysno;
use tempfile::TempDir;

use crate::forbidden::with_system_calls_only;
use crate::program::{in_checkout, program};
use crate::tracker::Launch;
use crate::udp_client::Client;
use crate::upgrade::Installed;

/// The worst rating of the unit by `systemd-analyze security`, in tenths of its scale from 0 (safe) to 10.
const EXPOSURE_MAX: &str = "15";

const INSTALLED_PROGRAM: &str = "/usr/local/bin/ringtrack";

/// A copy of the unit in its own folder, with the program under test in place of the installed one.
fn unit() -> (TempDir, PathBuf) {
    let text = fs::read_to_string(in_checkout("systemd/ringtrack.service")).expect("the unit");
    let path = program();
    let program = path.to_str().expect("a path of plain text");
    assert!(text.contains(&format!("ExecStart={INSTALLED_PROGRAM} ")), "{text}");
    let folder = tempfile::tempdir().expect("a folder for the unit");
    let unit = folder.path().join("ringtrack.service");
    fs::write(&unit, text.replace(INSTALLED_PROGRAM, program)).expect("the unit's copy");
    (folder, unit)
}

/// The values of a key of the unit, in their order.
fn values(key: &str) -> Vec<String> {
    let (_folder, unit) = unit();
    let text = fs::read_to_string(unit).expect("the unit");
    let value = |line: &str| line.strip_prefix(key)?.strip_prefix('=').map(str::to_owned);
    text.lines().filter_map(value).collect()
}

fn systemd_analyze(arguments: &[&str]) -> Output {
    let mut command = Command::new("systemd-analyze");
    command.args(arguments).env("SYSTEMD_PAGER", "").env("LC_ALL", "C");
    command.output().expect("systemd-analyze, of the package systemd, starts")
}

fn text_of(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

#[test]
fn systemd_finds_no_fault_in_the_unit() {
    let (_folder, unit) = unit();
    // The sockets are of the service beside them.
    let socket = unit.with_extension("socket");
    fs::copy(in_checkout("systemd/ringtrack.socket"), &socket).expect("the copy of the example");
    let [unit, socket] = [&unit, &socket].map(|path| path.to_str().expect("a path of plain text"));
    let output = systemd_analyze(&["verify", "--man=no", "--recursive-errors=no", unit, socket]);
    let said = text_of(&output);
    // Older versions ignore the keys of systemd 254.
    let newer = |line: &&str| line.contains("'RestartSteps'") || line.contains("'RestartMaxDelaySec'");
    let (ignored, faults): (Vec<&str>, Vec<&str>) =
        said.lines().filter(|line| line.contains("ringtrack")).partition(newer);
    assert_eq!(faults, [""; 0], "{said}");
    assert!(ignored.iter().all(|line| line.ends_with(", ignoring.")), "{said}");
    assert!(output.status.success() || !ignored.is_empty(), "{said}");
}

#[test]
fn systemd_restarts_the_tracker_after_any_end_except_an_invalid_configuration() {
    // systemd does not see how a process exits that has taken over at an upgrade: it is no child of systemd.
    assert_eq!(values("Restart"), ["always"]);
    assert_eq!(values("OOMPolicy"), ["continue"], "at an upgrade there are two processes");
    assert_eq!(values("RestartPreventExitStatus"), ["2"]);
    assert_eq!(values("StartLimitIntervalSec"), ["0"], "it never gives up");
    assert_eq!(values("LimitCORE"), ["0"], "a dump of its secrets is the operator's decision");
    let seconds = |key| -> u32 { values(key)[0].parse().expect("a number of seconds") };
    assert!(seconds("RestartSec") < seconds("RestartMaxDelaySec") && seconds("RestartSteps") > 1);
}

#[test]
fn the_exposure_of_the_unit_is_low() {
    let (_folder, unit) = unit();
    let unit = unit.to_str().expect("a path of plain text");
    let threshold = format!("--threshold={EXPOSURE_MAX}");
    let output = systemd_analyze(&["security", "--offline=true", "--no-pager", &threshold, unit]);
    assert!(output.status.success(), "{}", text_of(&output));
}

#[test]
fn the_unit_has_the_user_that_sysusers_creates_and_sufficient_limits() {
    let line = fs::read_to_string(in_checkout("systemd/ringtrack.sysusers.conf")).expect("the users' file");
    let users: Vec<&str> = line
        .lines()
        .filter_map(|line| line.strip_prefix("u "))
        .filter_map(|rest| rest.split_whitespace().next())
        .collect();
    assert_eq!(values("User"), users);
    assert_eq!(values("Group"), users);
    let open_files: u32 = values("LimitNOFILE")[0].parse().expect("a number");
    assert!(open_files > 65_536 + 96 * 256, "http.connections_max is 65536 by default");
    assert_eq!(values("LimitNICE"), ["+0"], "the new process of an upgrade raises its priority again");
    let unit_deadline_s: u64 = values("TimeoutStopSec")[0].parse().expect("a number of seconds");
    // The last dump of latencies, the workers, the database.
    assert!(unit_deadline_s > 3 + 10 + 10, "shutdown.deadline_s is 10 by default");
}

#[test]
fn the_tracker_needs_no_capability() {
    assert_eq!([values("CapabilityBoundingSet"), values("NoNewPrivileges")], [vec![""], vec!["yes"]]);
    // This process may have a low limit on open files.
    let launch = Launch::on_wildcards().set("http.connections_max", "1000").under(&[
        "setpriv",
        "--bounding-set=-all",
        "--inh-caps=-all",
    ]);
    let tracker = launch.under(&["--no-new-privs", "--"]).start();
    for address in [tracker.v4(), tracker.v6()] {
        Client::new(address);
    }
    let log = tracker.log();
    assert!(log.iter().any(|line| line.contains("steering is on")), "{log:#?}");
    // glommio warns if this process has a low limit on locked memory. The unit sets no limit.
    assert_eq!(values("LimitMEMLOCK"), ["infinity"]);
    let is_of_limit = |line: &str| line.contains("registering buffers in the main ring");
    let warnings: Vec<_> = log.iter().filter(|line| line.contains("WARN") && !is_of_limit(line)).collect();
    assert_eq!(warnings, Vec::<&String>::new());
}

#[test]
fn the_directory_of_the_database_is_readable_only_by_the_user_of_the_unit() {
    assert_eq!(values("StateDirectoryMode"), ["0700"], "it contains keys");
    // systemd passes it in the variable STATE_DIRECTORY.
    let directories: Vec<String> =
        values("StateDirectory").iter().map(|name| format!("/var/lib/{name}")).collect();
    let file =
        config::Configuration::default().database.url.sqlite_file(Some(directories.join(":").as_ref()));
    assert_eq!(file, Some("/var/lib/ringtrack/ringtrack.db".into()));
}

/// The names of the system calls in a set that systemd defines, such as `@aio`.
fn system_calls(set: &str) -> HashSet<String> {
    let output = systemd_analyze(&["syscall-filter", set]);
    assert!(output.status.success(), "{}", text_of(&output));
    let text = text_of(&output);
    let mut names = HashSet::new();
    for word in text.lines().map(str::trim).filter(|line| !line.starts_with('#') && *line != set) {
        if word.starts_with('@') {
            names.extend(system_calls(word));
        } else if !word.is_empty() {
            names.insert(word.to_owned());
        }
    }
    names
}

/// The system calls that the unit's `SystemCallFilter=` lines allow.
fn allowed_system_calls() -> HashSet<String> {
    let mut allowed = HashSet::new();
    for value in values("SystemCallFilter") {
        let (is_deny, sets) = value.strip_prefix('~').map_or((false, value.as_str()), |sets| (true, sets));
        for name in sets.split_whitespace().flat_map(system_calls) {
            if is_deny {
                allowed.remove(&name)
            } else {
                allowed.insert(name)
            };
        }
    }
    allowed
}

#[test]
fn systemd_keeps_as_many_sockets_as_the_variable_says() {
    let room = format!("FDSTORE={}", values("FileDescriptorStoreMax")[0]);
    assert_eq!(values("Environment"), [room]);
}

/// Runs the tracker from its start to its orderly end, with an upgrade.
fn live() {
    let launch = Launch::on_wildcards().set("statistics.interval_s", "1").set("log.format", "json");
    // The wrapper of other tests' trackers sets capabilities, which the filter forbids.
    let installed = Installed::new();
    let mut tracker = installed.start(launch.by_itself());
    for address in [tracker.v4(), tracker.v6()] {
        let client = Client::new(address);
        let torrents: Vec<InfoHash> = (0..16).map(|byte| InfoHash([byte; 20])).collect();
        torrents.iter().for_each(|&torrent| drop(client.announce(client.leecher(torrent, 1001))));
        client.scrape(&torrents);
    }
    tracker.signal(Signal::USR1);
    tracker.wait_for_log("a dump of latencies", |lines| {
        lines.iter().any(|line| line.contains("latency: dumped to ")).then_some(())
    });
    tracker.wait_for_log("a line with statistics", |lines| {
        lines.iter().any(|line| line.contains("statistics received/s=")).then_some(())
    });
    installed.upgrade_to_success(&mut tracker);
    assert_eq!(tracker.stop().code, Some(0));
}

/// The numbers of these system calls; systemd names some that this machine does not have.
fn numbers(names: &HashSet<String>) -> Vec<libc::c_long> {
    let number = |name: &String| Some(libc::c_long::from(name.parse::<Sysno>().ok()?.id()));
    names.iter().filter_map(number).collect()
}

#[test]
fn the_system_call_filter_of_the_unit_allows_every_call_from_start_to_end() {
    program();
    let allowed = allowed_system_calls();
    assert!(!allowed.contains("bpf") && !allowed.contains("mount"), "the filter forbids something");
    with_system_calls_only(numbers(&allowed), live);
}
