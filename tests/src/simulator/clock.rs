use core_loop::Clock;
use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The clocks of all simulated cores. They stand still until they are set, but that each look takes [`LOOK`], so that what is
/// limited in time ends.
#[derive(Debug, Clone)]
pub(super) struct VirtualClock {
    /// When the first process started.
    origin: Instant,
    /// When the process of this clock started.
    start: Instant,
    /// Since the origin.
    elapsed: Rc<Cell<Duration>>,
    /// Since the Unix epoch.
    unix: Rc<Cell<Duration>>,
}

/// The time that a look at the monotonic clock takes.
const LOOK: Duration = Duration::from_micros(1);

impl VirtualClock {
    pub(super) fn new(elapsed: Duration, unix: Duration) -> Self {
        let origin = Instant::now();
        Self { origin, start: origin, elapsed: Rc::new(elapsed.into()), unix: Rc::new(unix.into()) }
    }

    /// Returns the same clock as a process sees it that starts at present.
    pub(super) fn of_new_process(&self) -> Self {
        Self { start: self.instant(), ..self.clone() }
    }

    /// Advances both clocks.
    pub(super) fn pass(&self, time: Duration) {
        self.elapsed.set(self.elapsed.get() + time);
        self.unix.set(self.unix.get() + time);
    }

    /// Advances both clocks to an instant, unless it has passed.
    pub(super) fn pass_to(&self, instant: Instant) {
        self.pass(instant.saturating_duration_since(self.instant()));
    }

    /// Sets the wall clock forward or back.
    pub(super) fn step_wall_clock(&self, seconds: i64) {
        let unix = self.unix.get();
        let stepped_s = unix.as_secs().saturating_add_signed(seconds);
        self.unix.set(Duration::new(stepped_s, unix.subsec_nanos()));
    }
}

impl Clock for VirtualClock {
    fn instant(&self) -> Instant {
        self.pass(LOOK);
        self.origin + self.elapsed.get()
    }

    fn unix_time(&self) -> Duration {
        self.unix.get()
    }

    /// All time is processor time.
    fn processor_time(&self) -> Duration {
        self.elapsed.get()
    }

    fn start(&self) -> Instant {
        self.start
    }
}
