use crate::cli::Options;
use crate::connection_tally::ConnectionTally;
use crate::lane::{self, Lane, Turn};
use crate::open_files;
use crate::outstanding::Clock;
use crate::pace::{self, Pace};
use crate::slices::Slices;
use crate::start::Start;
use crate::tally::Tally;
use anyhow::{Context, anyhow};
use indicatif::{ProgressBar, ProgressStyle};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Requests per second of an attack at full speed, above what a core can send.
const ATTACK_PER_S: f64 = 1e9;

/// The result of a load or of one of its threads.
#[derive(Debug)]
pub(crate) struct LoadResult {
    pub(crate) tally: Tally,
    /// Right responses within the measured time to requests sent within it.
    pub(crate) answered_in_time: u64,
    /// Right responses to requests of the warm-up.
    pub(crate) answered_in_warmup: u64,
    /// Seconds from the first to the last turn of the measured time.
    pub(crate) seconds: f64,
    /// Measured seconds in which threads were busy, and all measured seconds, summed over the threads.
    busy_s: f64,
    thread_s: f64,
    /// The longest time within the measured time in which a thread received nothing.
    pub(crate) longest_silence_ns: u64,
    pub(crate) connections: ConnectionTally,
    /// Right responses over the measured time.
    pub(crate) slices: Slices,
    /// Start of the measurement in Unix seconds, for comparison with the tracker's log.
    pub(crate) measured_from_unix_s: f64,
}

impl LoadResult {
    fn new() -> Self {
        Self {
            tally: Tally::new(),
            answered_in_time: 0,
            answered_in_warmup: 0,
            seconds: 0.0,
            busy_s: 0.0,
            thread_s: 0.0,
            longest_silence_ns: 0,
            connections: ConnectionTally::default(),
            slices: Slices::default(),
            measured_from_unix_s: 0.0,
        }
    }

    fn merge(&mut self, other: &Self) {
        self.tally.merge(&other.tally);
        self.answered_in_time += other.answered_in_time;
        self.answered_in_warmup += other.answered_in_warmup;
        self.slices.merge(&other.slices);
        self.seconds = self.seconds.max(other.seconds);
        self.busy_s += other.busy_s;
        self.thread_s += other.thread_s;
        self.longest_silence_ns = self.longest_silence_ns.max(other.longest_silence_ns);
        self.connections.merge(&other.connections);
    }

    pub(crate) fn responses_per_s(&self) -> f64 {
        self.answered_in_time as f64 / self.seconds_above_0()
    }

    /// The rate of the requests that the kernel accepted.
    pub(crate) fn sent_per_s(&self) -> f64 {
        self.tally.sent() as f64 / self.seconds_above_0()
    }

    const fn seconds_above_0(&self) -> f64 {
        self.seconds.max(1e-9)
    }

    /// The share of the threads' time in turns that sent or received. Near 100, the load itself is saturated.
    pub(crate) fn busy_percent(&self) -> f64 {
        self.busy_s * 100.0 / self.thread_s.max(1e-9)
    }

    pub(crate) fn loss_percent(&self) -> f64 {
        let sent = self.tally.sent().max(1);
        self.tally.lost() as f64 * 100.0 / sent as f64
    }
}

/// Times of the phases of a load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    pub(crate) begin_ns: u64,
    measure_from_ns: u64,
    measure_to_ns: u64,
    measured_from_unix_s: f64,
}

/// State shared by all threads.
#[derive(Debug)]
struct Shared {
    options: Options,
    clock: Clock,
    start: Start,
    /// Replies so far, for the progress bar.
    progress: AtomicU64,
}

/// Runs the load on all threads and sums up their results.
pub(crate) fn run(options: &Options) -> anyhow::Result<LoadResult> {
    open_files::allow(options)?;
    let shared = Arc::new(Shared {
        options: options.clone(),
        clock: Clock(Instant::now()),
        start: Start::new(options.cores.len() + 1),
        progress: AtomicU64::new(0),
    });
    let threads: Vec<_> = options
        .cores
        .iter()
        .enumerate()
        .map(|(thread, &core)| {
            let shared = Arc::clone(&shared);
            let name = format!("load-{core}");
            std::thread::Builder::new().name(name).spawn(move || load_thread(&shared, thread, core))
        })
        .collect::<Result<_, _>>()
        .context("a thread could not be created")?;
    let schedule = shared.begin(&Ok(()));
    if let Some(schedule) = schedule.filter(|_| !options.quiet) {
        show_progress(schedule, &shared, || threads.iter().all(std::thread::JoinHandle::is_finished));
    }
    let mut result = LoadResult::new();
    for thread in threads {
        result.merge(&thread.join().map_err(|_| anyhow!("a load thread panicked"))??);
    }
    result.measured_from_unix_s = schedule.map_or(0.0, |schedule| schedule.measured_from_unix_s);
    Ok(result)
}

impl Shared {
    fn turn(&self, lane: &mut dyn Lane, pace: &mut Pace) -> anyhow::Result<Turn> {
        let turn = lane.turn(pace)?;
        self.progress.fetch_add(turn.replies as u64, Ordering::Relaxed);
        Ok(turn)
    }

    /// Waits until all threads are prepared. Returns `None` if one of them failed.
    fn begin<T>(&self, prepared: &anyhow::Result<T>) -> Option<Schedule> {
        self.start.wait(prepared, || schedule(&self.options, self.clock.now_ns()))
    }
}

/// Pins the calling thread to a core.
pub(crate) fn pin(core: usize) -> anyhow::Result<()> {
    let is_pinned = core_affinity::set_for_current(core_affinity::CoreId { id: core });
    if is_pinned { Ok(()) } else { Err(anyhow!("core {core} (--cores) cannot be used by this process")) }
}

pub(crate) fn schedule(options: &Options, begin_ns: u64) -> Schedule {
    let warm = Duration::from_secs_f64(options.warmup.max(0.0));
    let measured = Duration::from_secs_f64(options.seconds.max(0.001));
    let ns = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    Schedule {
        begin_ns,
        measure_from_ns: begin_ns + ns(warm),
        measure_to_ns: begin_ns + ns(warm + measured),
        measured_from_unix_s: unix_s() + warm.as_secs_f64(),
    }
}

fn unix_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn load_thread(shared: &Shared, thread: usize, core: usize) -> anyhow::Result<LoadResult> {
    let (options, clock) = (&shared.options, shared.clock);
    let lane = pin(core).and_then(|()| lane::open(options, thread, clock));
    let schedule = shared.begin(&lane);
    let (mut lane, Some(schedule)) = (lane?, schedule) else { return Ok(LoadResult::new()) };
    let mut pace = pace(options, schedule.begin_ns);
    while clock.now_ns() < schedule.measure_from_ns {
        lane.rest(&pace)?;
        shared.turn(lane.as_mut(), &mut pace)?;
    }
    lane.phases().begin_measurement(clock.now_ns());
    let mut result = measure(lane.as_mut(), &mut pace, shared, schedule)?;
    lane.drain()?;
    result.connections = lane.connections();
    let phases = lane.phases();
    result.answered_in_warmup = phases.warmup.answered();
    result.tally = std::mem::replace(&mut phases.measured, Tally::new());
    Ok(result)
}

/// Runs the load until the measured time is over.
fn measure(
    lane: &mut dyn Lane,
    pace: &mut Pace,
    shared: &Shared,
    schedule: Schedule,
) -> anyhow::Result<LoadResult> {
    let mut result = LoadResult::new();
    let requests_max = shared.options.requests.unwrap_or(u64::MAX);
    let begun_ns = shared.clock.now_ns();
    let (mut now_ns, mut heard_ns) = (begun_ns, begun_ns);
    while now_ns < schedule.measure_to_ns && lane.phases().measured.sent() < requests_max {
        lane.rest(pace)?;
        let rested_ns = shared.clock.now_ns();
        let turn = shared.turn(lane, pace)?;
        result.slices.note(now_ns - schedule.measure_from_ns, lane.phases().measured.answered());
        now_ns = shared.clock.now_ns();
        result.longest_silence_ns = result.longest_silence_ns.max(now_ns - heard_ns);
        if turn.replies > 0 {
            heard_ns = now_ns;
        }
        if !turn.was_idle() {
            result.busy_s += (now_ns - rested_ns) as f64 / 1e9;
        }
    }
    result.seconds = (now_ns - begun_ns) as f64 / 1e9;
    result.thread_s = result.seconds;
    result.answered_in_time = lane.phases().measured.answered();
    Ok(result)
}

fn pace(options: &Options, now_ns: u64) -> Pace {
    // An attack does not wait for responses: more is due than can be sent.
    let rate = options.rate.or_else(|| options.attack.map(|_| ATTACK_PER_S));
    match rate {
        None => Pace::Closed { window: options.window },
        Some(rate) => {
            let period_ns = 1e9 * options.cores.len() as f64 / rate.max(0.001);
            // The schedule begins at `now_ns`, not when connecting began.
            let scheduled = pace::due(now_ns, period_ns);
            Pace::Open { period_ns, scheduled, at_least: options.torrent_run.into() }
        }
    }
}

fn show_progress(schedule: Schedule, shared: &Shared, is_done: impl Fn() -> bool) {
    let bar = ProgressBar::new((schedule.measure_to_ns - schedule.begin_ns) / 1_000_000);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {elapsed} {msg}") {
        bar.set_style(style);
    }
    let (mut last, mut last_at) = (0, Instant::now());
    while !is_done() {
        std::thread::sleep(Duration::from_millis(200));
        let now_ns = shared.clock.now_ns();
        bar.set_position((now_ns - schedule.begin_ns) / 1_000_000);
        if last_at.elapsed() >= Duration::from_secs(1) {
            let total = shared.progress.load(Ordering::Relaxed);
            let rate = (total - last) as f64 / last_at.elapsed().as_secs_f64();
            let phase = if now_ns < schedule.measure_from_ns { "warm-up" } else { "measuring" };
            bar.set_message(format!("{phase}: {rate:.0} responses/s"));
            (last, last_at) = (total, Instant::now());
        }
    }
    bar.finish_and_clear();
}
