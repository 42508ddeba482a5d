//! A latency log, as read by the Python port of HdrHistogram.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;

use crate::program::in_checkout;
use crate::tracker::Tracker;

/// The content of a line of a log.
#[derive(Debug, Clone)]
pub(super) struct Interval {
    pub(super) tag: String,
    pub(super) count: u64,
    pub(super) from_unix_ms: f64,
    pub(super) to_unix_ms: f64,
    pub(super) min_ns: u64,
    pub(super) p50_ns: u64,
    pub(super) max_ns: u64,
}

/// All lines of a log.
pub(super) struct Intervals(pub(super) Vec<Interval>);

impl Intervals {
    pub(super) fn of(log: &Path) -> Self {
        let python = in_checkout("target/test-clients/venv/bin/python");
        assert!(python.is_file(), "{} is missing; run: bash tests/install", python.display());
        let script = in_checkout("tests/suite/latency/read_hlog.py");
        let output = Command::new(python).arg(script).arg(log).output().expect("Python starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let read: Value = serde_json::from_slice(&output.stdout).expect("the script prints JSON");
        Self(read.as_array().expect("a list").iter().map(interval).collect())
    }

    /// The log of the tracker's run.
    pub(super) fn of_run(tracker: &Tracker) -> Self {
        Self::of(&only_file_in(tracker.dumps()))
    }

    /// The number of values in all intervals of a tag.
    pub(super) fn count(&self, tag: &str) -> u64 {
        self.0.iter().filter(|interval| interval.tag == tag).map(|interval| interval.count).sum()
    }

    pub(super) fn with_tag(&self, tag: &str) -> Vec<&Interval> {
        self.0.iter().filter(|interval| interval.tag == tag).collect()
    }
}

fn interval(line: &Value) -> Interval {
    let number = |name: &str| line[name].as_u64().unwrap_or_else(|| panic!("{name} in {line}"));
    let moment = |name: &str| line[name].as_f64().unwrap_or_else(|| panic!("{name} in {line}"));
    Interval {
        tag: line["tag"].as_str().expect("each interval has a tag").to_owned(),
        count: number("count"),
        from_unix_ms: moment("from_unix_ms"),
        to_unix_ms: moment("to_unix_ms"),
        min_ns: number("min_ns"),
        p50_ns: number("p50_ns"),
        max_ns: number("max_ns"),
    }
}

pub(super) fn only_file_in(folder: &Path) -> PathBuf {
    let paths = fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path());
    // A snapshot is a folder.
    let files: Vec<PathBuf> = paths.filter(|path| path.is_file()).collect();
    match &files[..] {
        [file] => file.clone(),
        several => panic!("not one file: {several:?}"),
    }
}

/// Asks for a dump with a signal and waits until it is written.
pub(super) fn dump_by_signal(tracker: &Tracker) {
    let dumps = |lines: &[String]| lines.iter().filter(|line| line.contains("latency: dumped to ")).count();
    let before = dumps(&tracker.log());
    tracker.signal(Signal::USR1);
    tracker.wait_for_log("a dump of latencies", |lines| (dumps(lines) > before).then_some(()));
}
