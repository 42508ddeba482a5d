//! Processes that a test stops for a while.

use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::time::{Duration, Instant};

/// Far more than a process needs to stop, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Stops a process until it gets `SIGCONT`, and waits until none of its threads runs: on a busy machine they run for a
/// while after the signal is sent.
///
/// # Panics
/// If it does not stop.
pub fn pause(process: Pid) {
    // It may have exited already, and then none of its threads runs.
    let _gone = kill_process(process, Signal::STOP);
    let deadline = Instant::now() + PATIENCE;
    while runs(process) {
        assert!(Instant::now() < deadline, "process {} does not stop", process.as_raw_nonzero());
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Whether a thread of the process is neither stopped nor gone.
fn runs(process: Pid) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{}/task", process.as_raw_nonzero())) else { return false };
    threads.flatten().any(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        // The state follows the name of the thread, which is in brackets.
        let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
        state.is_some_and(|state| !"TtZXx".contains(state))
    })
}
