//! `ringtrack dump-latency`.

use std::process::{Command, Output, Stdio};

use primitives::InfoHash;
use rustix::process::geteuid;

use super::reader::only_file_in;
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

fn dump_of(tracker: &Tracker) -> Output {
    dump_latency(&["--pid", &tracker.id().to_string()])
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
        let output = dump_of(&tracker);
        let log = only_file_in(tracker.dumps());
        let head = format!("process {} of user {}, {}\n", tracker.id(), geteuid().as_raw(), log.display());
        assert!(output.stdout.starts_with(head.as_bytes()), "{}", String::from_utf8_lossy(&output.stdout));
        assert_eq!(printed_count(&output, "announce-ipv4"), Some(announces as u64));
        assert_eq!(printed_count(&output, "connect-ipv4"), Some(1));
        assert_eq!(printed_count(&output, "announce-ipv6"), None);
    }
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
fn a_missing_dump_is_an_error_that_points_to_the_log() {
    for directory in ["/nonexistent/ringtrack", "/proc"] {
        let tracker = Launch::on_loopback().set("latency.directory", directory).start();
        assert_file_error(&dump_of(&tracker), &["has written no dump", "its own log says why"]);
    }
}
