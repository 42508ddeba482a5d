//! `ringtrack-cores`: prints how fast cores are, and how fast the memory is that two of them share. On a shared machine
//! both change for seconds at a time: another machine computes on the other thread of a core, or the host moves the cores
//! of a virtual machine to different caches.
#![forbid(unsafe_code)]

use anyhow::{Context, anyhow, ensure};
use clap::Parser;
use core_affinity::CoreId;
use rustix::time::{ClockId, clock_gettime};
use std::array;
use std::hint::{black_box, spin_loop};
use std::io::{self, Write};
use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// Prints a line for each core and second, and one for the memory that the first core shares with the last one: `core` with
/// its number or `memory`; the end of the second by the monotonic clock; and the median time in nanoseconds of a
/// computation, or of a round trip of a line of memory. To be measured beside others, it needs a priority above theirs.
#[derive(Debug, Parser)]
#[command(name = "ringtrack-cores", version)]
struct Options {
    /// The cores, such as 0,1
    #[arg(required = true, value_delimiter = ',')]
    cores: Vec<usize>,
}

/// Measurements in a second. Together they take less than a hundredth of it.
const TIMES_PER_S: u32 = 20;

/// Turns of a computation, which takes some 40 us.
const TURNS: u64 = 20_000;

/// Independent parts of a computation, of which a core does several at once. What shares the core shows in their time.
const LANES: usize = 8;

/// Round trips between two cores at a time: some 20 us within a cache, and 60 us between two.
const ROUND_TRIPS: u32 = 200;

/// How often a core looks whether the other one has come, for about a millisecond.
const LOOKS_MAX: u32 = 100_000;

/// A number that counts the steps between two cores, alone in its line of memory.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Steps(AtomicU32);

/// The side of a core on its way to and from another one.
#[derive(Clone, Copy, Debug)]
enum Side {
    Near,
    Far,
}

fn main() -> anyhow::Result<()> {
    let cores = Options::parse().cores;
    let steps = Arc::new(Steps::default());
    let side = |index| match index {
        _ if cores.len() == 1 => None,
        0 => Some(Side::Near),
        _ => (index + 1 == cores.len()).then_some(Side::Far),
    };
    let watch_core = |(index, core): (usize, &usize)| {
        let (core, side, steps) = (*core, side(index), Arc::clone(&steps));
        thread::spawn(move || watch(core, side, &steps))
    };
    let threads: Vec<_> = cores.iter().enumerate().map(watch_core).collect();
    threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| anyhow!("a thread panicked"))?)
}

/// Measures from now on, and prints the medians of each second.
fn watch(core: usize, side: Option<Side>, steps: &Steps) -> anyhow::Result<()> {
    ensure!(core_affinity::set_for_current(CoreId { id: core }), "core {core} cannot be used");
    loop {
        let (mut computations, mut round_trips) = (Vec::new(), Vec::new());
        for _ in 0..TIMES_PER_S {
            thread::sleep(until_all_measure());
            round_trips.extend(side.and_then(|side| round_trip(side, steps)));
            computations.push(computation());
        }
        let end_s = now(ClockId::Monotonic).as_secs_f64();
        let core = median(computations).map(|took| format!("core-{core} {end_s} {}\n", took.as_nanos()));
        let memory = median(round_trips).map(|took| format!("memory {end_s} {}\n", took.as_nanos()));
        let lines: String = iter::once(core).chain([memory]).flatten().collect();
        io::stdout().write_all(lines.as_bytes()).context("printing")?;
    }
}

/// Returns the time until all cores measure again.
fn until_all_measure() -> Duration {
    let period_ns = 1_000_000_000 / TIMES_PER_S;
    Duration::from_nanos((period_ns - now(ClockId::Monotonic).subsec_nanos() % period_ns).into())
}

/// Returns the processor time of a computation.
fn computation() -> Duration {
    let begun = now(ClockId::ThreadCPUTime);
    let mut lanes: [u64; LANES] = black_box(array::from_fn(|lane| lane as u64));
    for turn in 0..TURNS {
        for lane in &mut lanes {
            *lane = lane.rotate_left(5) ^ lane.wrapping_add(turn);
        }
    }
    black_box(lanes);
    now(ClockId::ThreadCPUTime) - begun
}

/// Returns the mean time of a round trip to the other side, at the near side and if the other one has come.
fn round_trip(side: Side, Steps(steps): &Steps) -> Option<Duration> {
    let mut begun = None;
    let first = match side {
        Side::Near => {
            steps.store(0, Ordering::Release);
            0
        }
        Side::Far => 1,
    };
    for step in (first..2 * ROUND_TRIPS).step_by(2) {
        (0..LOOKS_MAX).find(|_| {
            spin_loop();
            steps.load(Ordering::Acquire) == step
        })?;
        steps.store(step + 1, Ordering::Release);
        // The other side has come when a step returns for the first time.
        if step > 0 {
            begun.get_or_insert_with(|| now(ClockId::Monotonic));
        }
    }
    let took = now(ClockId::Monotonic) - begun?;
    matches!(side, Side::Near).then(|| took / (ROUND_TRIPS - 2))
}

fn median(mut times: Vec<Duration>) -> Option<Duration> {
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

fn now(clock: ClockId) -> Duration {
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}
