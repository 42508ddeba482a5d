//! The seeds that are run.

use super::actions::Simulation;
#[cfg(feature = "canary")]
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Simulations of an ordinary run.
const SIMULATIONS: u64 = 300;

/// Returns the number in an environment variable.
fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Returns the seeds to run.
fn seeds() -> impl Iterator<Item = u64> {
    let (one, many) = (from_environment("RINGTRACK_SEED"), from_environment("RINGTRACK_SIMULATIONS"));
    let first = one.unwrap_or_else(|| many.map_or(0, |_| fastrand::u64(..u64::MAX / 2)));
    let count = many.unwrap_or(if one.is_some() { 1 } else { SIMULATIONS });
    first..first + count
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
    // Unlike `println!`, whose output is hidden if the test passes.
    let text = format!("seed {seed} finds the canary\n");
    std::io::stderr().write_all(text.as_bytes()).expect("it is shown");
}
