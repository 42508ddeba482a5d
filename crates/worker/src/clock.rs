use engine::Now;
use primitives::Second;
use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The clock of a worker; all workers count from the same start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    pub(crate) const fn since(start: Instant) -> Self {
        Self { start }
    }

    pub(crate) fn now(&self) -> Now {
        self.at(Instant::now())
    }

    /// Returns the time at `instant`, which must be recent: the Unix time is read in this call.
    pub(crate) fn at(&self, instant: Instant) -> Now {
        let seconds = instant.duration_since(self.start).as_secs();
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        #[expect(clippy::cast_possible_truncation, reason = "136 years of uptime")]
        Now { monotonic: Second(seconds as u32), unix_s: unix.as_secs() }
    }
}

/// Returns the processor time that the calling thread has used.
pub(crate) fn processor_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}
