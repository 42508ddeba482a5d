//! `ringtrack-cores`: prints the speed of cores, and of a cache line that two of them share. Both can change for seconds at a
//! time on a shared machine, where another machine may use the other thread of a core, and virtual cores may move from one
//! cache to another.
#![forbid(unsafe_code)]

use anyhow::{Context, ensure};
use clap::Parser;
use core_affinity::CoreId;
use rustix::time::{ClockId, clock_gettime};
use std::array;
use std::hint::{black_box, spin_loop};
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// Prints a line for each core and second, and one for the cache line that the first core shares with the last one: `core-`
/// and its number or `cache-line`; the end of the second by the monotonic clock; and the median time in nanoseconds of a
/// computation, or of a round trip of the cache line. Run it with a higher priority than everything else on these cores.
#[derive(Debug, Parser)]
#[command(name = "ringtrack-cores", version)]
struct Options {
    /// The cores, such as 0,1
    #[arg(required = true, value_delimiter = ',')]
    cores: Vec<usize>,
}

/// Measurements in a second. Together they take less than a hundredth of it, if both sides of the cache line take part.
const TIMES_PER_S: u32 = 20;

/// Turns of a computation, which takes some 40 us.
const TURNS: u64 = 20_000;

/// Independent parts of a computation. A core does several at once, and fewer beside work on its other thread.
const LANES: usize = 8;

/// Round trips of the cache line at a time: some 12 us within a cache, and 64 us from cache to cache.
const ROUND_TRIPS: u32 = 200;

/// Polls of the cache line before a side gives up.
const POLLS_MAX: u32 = 50_000;

/// The number of steps that the two sides have made, alone in its cache line. Processors fetch lines in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Steps(AtomicU32);

/// One of the two cores that share the cache line.
#[derive(Clone, Copy, Debug)]
enum Side {
    /// Measures the round trips.
    Near,
    /// Answers.
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
    let (ended, end) = channel();
    for (index, &core) in cores.iter().enumerate() {
        let (side, steps, ended) = (side(index), Arc::clone(&steps), ended.clone());
        thread::spawn(move || ended.send(watch(core, side, &steps)));
    }
    end.recv().expect("this function has a sender too")
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
        for (name, times) in [(format!("core-{core}"), computations), ("cache-line".into(), round_trips)] {
            if let Some(took) = median(times) {
                writeln!(io::stdout(), "{name} {end_s} {}", took.as_nanos()).context("printing")?;
            }
        }
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

/// Returns the mean time of a round trip, at the near side and if the other one takes part to the end.
fn round_trip(side: Side, Steps(steps): &Steps) -> Option<Duration> {
    let first = match side {
        Side::Near => 0,
        Side::Far => 1,
    };
    let mut begun = None;
    for step in (first..2 * ROUND_TRIPS).step_by(2) {
        if !comes_to(step, steps) {
            // The next measurement begins anew.
            steps.store(0, Ordering::Relaxed);
            return None;
        }
        steps.store((step + 1) % (2 * ROUND_TRIPS), Ordering::Relaxed);
        // The far side has come when a step returns for the first time.
        if step > 0 {
            begun.get_or_insert_with(|| now(ClockId::Monotonic));
        }
    }
    let took = now(ClockId::Monotonic) - begun?;
    matches!(side, Side::Near).then(|| took / (ROUND_TRIPS - 2))
}

/// Waits until the number of steps is this one. Returns whether it becomes so.
fn comes_to(step: u32, steps: &AtomicU32) -> bool {
    (0..POLLS_MAX).any(|_| {
        spin_loop();
        steps.load(Ordering::Relaxed) == step
    })
}

fn median(mut times: Vec<Duration>) -> Option<Duration> {
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

fn now(clock: ClockId) -> Duration {
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}
