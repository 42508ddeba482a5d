//! `ringtrack dump-latency`.

use std::process::{Command, Output, Stdio};

use primitives::InfoHash;

use crate::command_line::assert_file_error;
use crate::program::program;
use crate::tracker::{Launch, Tracker};
use crate::udp_client::Client;

const TORRENT: InfoHash = InfoHash([9; 20]);

fn dump_latency(arguments: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.arg("dump-latency").args(arguments).env_clear().stdin(Stdio::null());
    command.output().expect("the program starts")
}

fn dump_of(tracker: &Tracker, arguments: &[&str]) -> Output {
    dump_latency(&[&["--pid", &tracker.id().to_string()], arguments].concat())
}

/// The column `count` of a tag's row.
#[track_caller]
fn printed_count(output: &Output, tag: &str) -> Option<u64> {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let row = text.lines().find(|line| line.split_whitespace().next() == Some(tag))?;
    row.split_whitespace().nth(1)?.parse().ok()
}

fn announce_times(tracker: &Tracker, times: usize) {
    let client = Client::new(tracker.v4());
    client.announce_all(&vec![client.leecher(TORRENT, 1001); times]);
}

#[test]
fn the_command_prints_a_table_of_the_latencies_since_the_last_dump() {
    let tracker = Launch::on_loopback().start();
    for announces in [70, 3] {
        announce_times(&tracker, announces);
        let output = dump_of(&tracker, &[]);
        assert_eq!(printed_count(&output, "announce-ipv4"), Some(announces as u64));
        assert_eq!(printed_count(&output, "connect-ipv4"), Some(1));
        assert_eq!(printed_count(&output, "announce-ipv6"), None);
    }
}

#[test]
fn the_command_finds_the_dumps_by_default_or_in_a_given_directory() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("a path of plain text");
    let by_variable = Launch::on_loopback().set("latency.directory", "").env("LOGS_DIRECTORY", path).start();
    announce_times(&by_variable, 1);
    assert_eq!(printed_count(&dump_of(&by_variable, &[]), "announce-ipv4"), Some(1));
    announce_times(&by_variable, 2);
    assert_eq!(printed_count(&dump_of(&by_variable, &["--directory", path]), "announce-ipv4"), Some(2));
    let file = folder.path().join("ringtrack.toml");
    std::fs::write(&file, format!("latency.directory = {path:?}\n")).expect("a configuration");
    announce_times(&by_variable, 3);
    let file = file.to_str().expect("a path of plain text");
    assert_eq!(printed_count(&dump_of(&by_variable, &["--config", file]), "announce-ipv4"), Some(3));
}

#[test]
fn with_several_trackers_the_command_lists_them_and_asks_for_one() {
    let trackers = [Launch::on_loopback().start(), Launch::on_loopback().start()];
    let output = dump_latency(&[]);
    let numbers = trackers.each_ref().map(|tracker| tracker.id().to_string());
    assert_file_error(&output, &["several trackers run", &numbers[0], &numbers[1], "--pid"]);
}

#[test]
fn the_command_refuses_a_process_that_is_no_tracker() {
    let own = std::process::id().to_string();
    assert_file_error(&dump_latency(&["--pid", &own]), &[&own, "is not a tracker that serves"]);
    assert_file_error(&dump_latency(&["--pid", "4000000000"]), &["there is no process 4000000000"]);
}

#[test]
fn a_missing_directory_is_named() {
    let tracker = Launch::on_loopback().set("latency.directory", "/nonexistent/ringtrack").start();
    assert_file_error(&dump_of(&tracker, &[]), &["/nonexistent/ringtrack cannot be read", "No such file"]);
}

#[test]
fn a_missing_dump_is_an_error_that_points_to_the_log() {
    let tracker = Launch::on_loopback().set("latency.directory", "/proc").start();
    assert_file_error(
        &dump_of(&tracker, &[]),
        &["has written no dump to /proc within", "its own log says why"],
    );
}
