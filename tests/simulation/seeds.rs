//! The seeds that are run.

use super::actions::Simulation;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Simulations of an ordinary run.
const SIMULATIONS: u64 = 300;

/// Simulations after which the next seed is shown, for a run that hangs or is killed.
const SHOWN_EVERY: u64 = 1000;

/// Returns the number in an environment variable.
fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Returns the seeds to run.
fn seeds() -> impl Iterator<Item = u64> {
    let (one, many) = (from_environment("RINGTRACK_SEED"), from_environment("RINGTRACK_SIMULATIONS"));
    let first = one.unwrap_or_else(|| many.map_or(0, |_| fastrand::u64(..u64::MAX / 2)));
    let count = many.unwrap_or(if one.is_some() { 1 } else { SIMULATIONS });
    (first..first + count).inspect(move |seed| {
        if (seed - first).is_multiple_of(SHOWN_EVERY) {
            show(&format!("simulations from seed {seed} on"));
        }
    })
}

/// Writes a line to standard error. Unlike the output of `eprintln!`, it is not hidden if the test passes, and not lost if its
/// process is killed.
fn show(line: &str) {
    std::io::stderr().write_all(format!("{line}\n").as_bytes()).expect("it is shown");
}

/// Runs the simulations of all seeds. Returns the first seed that fails.
fn first_failure() -> Option<u64> {
    seeds().find(|&seed| fails(|| Simulation::new(seed)))
}

/// Whether the simulation of a seed fails.
fn fails(simulation: impl FnOnce() -> Simulation) -> bool {
    catch_unwind(AssertUnwindSafe(|| simulation().run())).is_err()
}

#[cfg(not(feature = "canary"))]
#[test]
fn simulations_find_no_fault() {
    if let Some(seed) = first_failure() {
        panic!(
            "seed {seed}, alone: \
             RINGTRACK_SEED={seed} cargo test --workspace --test simulation simulations_find_no_fault"
        );
    }
}

#[cfg(not(feature = "canary"))]
#[test]
fn simulations_find_a_kernel_that_loses_events() {
    assert!((0..20).any(|seed| fails(|| Simulation::new(seed).losing_events())));
}

#[cfg(feature = "canary")]
#[test]
fn simulations_find_the_canary() {
    let seed = first_failure().expect("the fault of the feature is found");
    show(&format!("seed {seed} finds the canary"));
}
