//! Waiting for a running program, however busy the machine is.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// Far more than any step takes, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Pause between two checks.
const PAUSE: Duration = Duration::from_millis(5);

/// The most that one check counts against [`PATIENCE`]: the machine may have been suspended meanwhile.
const LOOK_MAX: Duration = Duration::from_secs(1);

/// Repeats a check until it succeeds. Panics with its last error after [`PATIENCE`].
#[track_caller]
pub(crate) fn wait_for<T, E: Display>(mut look: impl FnMut() -> Result<T, E>) -> T {
    let (mut waited, mut last) = (Duration::ZERO, Instant::now());
    loop {
        match look() {
            Ok(found) => return found,
            Err(found) => assert!(waited < PATIENCE, "timed out: {found}"),
        }
        std::thread::sleep(PAUSE);
        waited += last.elapsed().min(LOOK_MAX);
        last = Instant::now();
    }
}

/// Waits until a condition holds.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    wait_for(|| if is_so() { Ok(()) } else { Err(what) });
}
