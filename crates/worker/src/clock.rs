use engine::Now;
use primitives::Second;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

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
        let seconds = self.start.elapsed().as_secs();
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        #[expect(clippy::cast_possible_truncation, reason = "136 years of uptime")]
        Now { monotonic: Second(seconds as u32), unix_s: unix.as_secs() }
    }
}
