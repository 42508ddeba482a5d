use core_loop::Clock;
use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The machine's clocks. All workers count seconds from the same start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemClock {
    pub(crate) start: Instant,
}

impl Clock for SystemClock {
    fn instant(&self) -> Instant {
        Instant::now()
    }

    fn unix_time(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    fn processor_time(&self) -> Duration {
        Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
    }

    fn start(&self) -> Instant {
        self.start
    }
}
