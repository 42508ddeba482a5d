use crate::cli::{Mix, Options};
use crate::lane::{Lane, Run};
use crate::outstanding::Clock;
use crate::pace::{self, Pace};
use crate::slices::Slices;
use crate::sockets::Kind;
use crate::tally::Tally;
use anyhow::{Context, anyhow};
use indicatif::{ProgressBar, ProgressStyle};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use udp_socket::SEGMENTS_MAX;

/// What a load found.
#[derive(Debug)]
pub(crate) struct LoadResult {
    pub(crate) tally: Tally,
    /// Right answers within the measured time.
    pub(crate) answered_in_time: u64,
    /// Right answers within the warm-up.
    pub(crate) answered_in_warmup: u64,
    pub(crate) seconds: f64,
    /// The answers over the measured time.
    pub(crate) slices: Slices,
    /// When the measurement began, in seconds of Unix time: to lay it beside what the tracker has logged.
    pub(crate) measured_from_unix_s: f64,
}

impl LoadResult {
    fn new(seconds: f64, measured_from_unix_s: f64) -> Self {
        Self {
            tally: Tally::new(),
            answered_in_time: 0,
            answered_in_warmup: 0,
            seconds,
            slices: Slices::default(),
            measured_from_unix_s,
        }
    }

    fn merge(&mut self, other: &Self) {
        self.tally.merge(&other.tally);
        self.answered_in_time += other.answered_in_time;
        self.answered_in_warmup += other.answered_in_warmup;
        self.slices.merge(&other.slices);
    }

    pub(crate) fn responses_per_s(&self) -> f64 {
        self.answered_in_time as f64 / self.seconds
    }

    pub(crate) fn loss_percent(&self) -> f64 {
        let sent = self.tally.sent().max(1);
        self.tally.lost() as f64 * 100.0 / sent as f64
    }
}

/// The phases of a load.
#[derive(Debug, Clone, Copy)]
struct Schedule {
    clock: Clock,
    measure_from_ns: u64,
    measure_to_ns: u64,
    measured_from_unix_s: f64,
    /// Until then the last answers may come.
    linger_ns: u64,
}

/// Loads from all threads and adds up what they found.
pub(crate) fn run(options: &Options) -> anyhow::Result<LoadResult> {
    let answered = Arc::new(AtomicU64::new(0));
    let clock = Clock(Instant::now());
    let schedule = schedule(options, clock);
    let threads: Vec<_> = options
        .cores
        .iter()
        .enumerate()
        .map(|(thread, &core)| {
            let (options, answered) = (options.clone(), Arc::clone(&answered));
            std::thread::Builder::new().name(format!("load-{core}")).spawn(move || {
                pin(core)?;
                load_thread(&options, thread, schedule, &answered)
            })
        })
        .collect::<Result<_, _>>()
        .context("a thread could not be made")?;
    if !options.quiet {
        show_progress(schedule, &answered, || threads.iter().all(std::thread::JoinHandle::is_finished));
    }
    let mut result = LoadResult::new(options.seconds, schedule.measured_from_unix_s);
    for thread in threads {
        result.merge(&thread.join().map_err(|_| anyhow!("a load thread panicked"))??);
    }
    Ok(result)
}

/// Pins the calling thread.
pub(crate) fn pin(core: usize) -> anyhow::Result<()> {
    let is_pinned = core_affinity::set_for_current(core_affinity::CoreId { id: core });
    if is_pinned { Ok(()) } else { Err(anyhow!("core {core} (--cores) cannot be used by this process")) }
}

fn schedule(options: &Options, clock: Clock) -> Schedule {
    let warm = Duration::from_secs_f64(options.warmup.max(0.0));
    let measured = Duration::from_secs_f64(options.seconds.max(0.001));
    let ns = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let measure_to_ns = ns(warm + measured);
    Schedule {
        clock,
        measure_from_ns: ns(warm),
        measure_to_ns,
        measured_from_unix_s: unix_s() + warm.as_secs_f64(),
        linger_ns: measure_to_ns + options.timeout_ms * 1_000_000,
    }
}

fn unix_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn load_thread(
    options: &Options,
    thread: usize,
    schedule: Schedule,
    progress: &AtomicU64,
) -> anyhow::Result<LoadResult> {
    let clock = schedule.clock;
    let mut lane = Lane::open(options, thread, clock)?;
    let mut pace = pace(options, clock.now_ns());
    while clock.now_ns() < schedule.measure_from_ns {
        turn(&mut lane, &mut pace, options, progress)?;
    }
    let mut result = LoadResult::new(options.seconds, schedule.measured_from_unix_s);
    result.answered_in_warmup = lane.tally.answered();
    lane.begin_measurement();
    loop {
        let now_ns = clock.now_ns();
        if now_ns >= schedule.measure_to_ns {
            break;
        }
        turn(&mut lane, &mut pace, options, progress)?;
        result.slices.note(now_ns - schedule.measure_from_ns, lane.tally.answered());
    }
    result.answered_in_time = lane.tally.answered();
    while lane.outstanding_requests > 0 && clock.now_ns() < schedule.linger_ns {
        lane.receive(|_| {})?;
        lane.expire();
    }
    result.tally = lane.tally;
    Ok(result)
}

fn pace(options: &Options, now_ns: u64) -> Pace {
    match options.rate {
        None => Pace::Closed { window: options.window },
        Some(rate) => {
            let period_ns = 1e9 * options.cores.len() as f64 / rate.max(0.001);
            // The schedule begins now, not when the connections were begun.
            let scheduled = pace::due(now_ns, period_ns);
            Pace::Open { period_ns, scheduled, at_least: options.torrent_run.into() }
        }
    }
}

/// Receives what waits and sends what is due.
fn turn(lane: &mut Lane, pace: &mut Pace, options: &Options, progress: &AtomicU64) -> anyhow::Result<()> {
    let received = lane.receive(|_| {})?;
    progress.fetch_add(received as u64, Ordering::Relaxed);
    lane.expire();
    lane.renew_connections(|_| {})?;
    let kind = choose_kind(options.mix, &mut lane.rng);
    let allowance = pace.allowance(lane.clock.now_ns(), lane.outstanding_requests, run_max(options));
    if allowance.requests == 0 {
        return Ok(());
    }
    let target = choose_target(options, &mut lane.rng);
    let population = lane.populations[target];
    let source = lane.rng.u32(0..population.sources());
    let run = Run {
        kind,
        target,
        source,
        count: allowance.requests,
        first_due_ns: allowance.first_due_ns,
        period_ns: allowance.period_ns,
    };
    let mut last = None;
    lane.send(run, |rng| *last.insert(population.next_peer_of(source, last, rng)));
    pace.note(allowance.requests);
    Ok(())
}

/// Requests that leave together at most.
fn run_max(options: &Options) -> usize {
    if options.torrent_run > 1 { options.torrent_run.into() } else { SEGMENTS_MAX / 2 }
}

fn choose_kind(mix: Mix, rng: &mut fastrand::Rng) -> Kind {
    let place = rng.u32(0..mix.total());
    if place < mix.connect {
        Kind::Connect
    } else if place < mix.connect + mix.announce {
        Kind::Announce
    } else {
        Kind::Scrape
    }
}

fn choose_target(options: &Options, rng: &mut fastrand::Rng) -> usize {
    let is_ipv6 = rng.f64() * 100.0 < options.ipv6_percent;
    options.target.iter().position(|target| target.is_ipv6() == is_ipv6).unwrap_or(0)
}

fn show_progress(schedule: Schedule, answered: &AtomicU64, is_done: impl Fn() -> bool) {
    let bar = ProgressBar::new(schedule.measure_to_ns / 1_000_000);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {elapsed} {msg}") {
        bar.set_style(style);
    }
    let (mut last, mut last_at) = (0, Instant::now());
    while !is_done() {
        std::thread::sleep(Duration::from_millis(200));
        let now_ns = schedule.clock.now_ns();
        bar.set_position(now_ns / 1_000_000);
        if last_at.elapsed() >= Duration::from_secs(1) {
            let total = answered.load(Ordering::Relaxed);
            let rate = (total - last) as f64 / last_at.elapsed().as_secs_f64();
            let phase = if now_ns < schedule.measure_from_ns { "warm-up" } else { "measuring" };
            bar.set_message(format!("{phase}: {rate:.0} responses/s"));
            (last, last_at) = (total, Instant::now());
        }
    }
    bar.finish_and_clear();
}
