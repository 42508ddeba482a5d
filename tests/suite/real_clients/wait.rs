//! Waiting for a condition, with a time limit.

use std::fmt::Write;
use std::path::Path;

use crate::patience::wait_for;

/// Lines at the end of each log that are shown after a timeout.
const LOG_TAIL_LINES: usize = 40;

/// Repeats a check until it succeeds. Panics with the logs in `folder` after a timeout.
pub(super) fn wait_until(what: &str, folder: &Path, mut is_so: impl FnMut() -> bool) {
    let shown = || std::fmt::from_fn(|out| write!(out, "{what}\n{}", tails_of_logs(folder)));
    wait_for(|| if is_so() { Ok(()) } else { Err(shown()) });
}

fn tails_of_logs(folder: &Path) -> String {
    let mut tails = String::new();
    for entry in std::fs::read_dir(folder).expect("the test's folder") {
        let path = entry.expect("a file of the test's folder").path();
        if path.extension().is_some_and(|extension| extension == "log") {
            let log = std::fs::read(&path).expect("a log");
            let log = String::from_utf8_lossy(&log);
            let lines: Vec<&str> = log.lines().collect();
            let tail = &lines[lines.len().saturating_sub(LOG_TAIL_LINES)..];
            writeln!(tails, "--- {}\n{}", path.display(), tail.join("\n")).expect("a string grows");
        }
    }
    tails
}
