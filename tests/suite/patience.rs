//! Waiting for what a running program does, however busy the machine is.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// More than any step takes by far, on a busy machine too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// What one look takes of the patience at most: a machine that was suspended meanwhile did nothing.
const LOOK_MAX: Duration = Duration::from_secs(1);

/// Looks again and again until there is what is looked for. Panics with what was found last when patience ends.
#[track_caller]
pub(crate) fn wait_for<T, E: Display>(mut look: impl FnMut() -> Result<T, E>) -> T {
    let (mut waited, mut last) = (Duration::ZERO, Instant::now());
    loop {
        match look() {
            Ok(found) => return found,
            Err(found) => assert!(waited < PATIENCE, "waited in vain: {found}"),
        }
        std::thread::sleep(PAUSE);
        waited += last.elapsed().min(LOOK_MAX);
        last = Instant::now();
    }
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    wait_for(|| if is_so() { Ok(()) } else { Err(what) });
}
