use engine::Now;
use primitives::Second;
use std::fmt::Debug;
use std::time::{Duration, Instant};

/// The clocks of a core.
pub trait Clock: Debug {
    /// Returns the monotonic time.
    fn instant(&self) -> Instant;

    /// Returns the time since the Unix epoch.
    fn unix_time(&self) -> Duration;

    /// Returns the processor time that the core has used.
    fn processor_time(&self) -> Duration;

    /// Returns the instant from which all cores count seconds.
    fn start(&self) -> Instant;

    /// Returns the time at `instant`, which must be recent: the Unix time is read in this call.
    fn at(&self, instant: Instant) -> Now {
        #[expect(clippy::cast_possible_truncation, reason = "millions of years of uptime")]
        let monotonic_ms = instant.duration_since(self.start()).as_millis() as u64;
        #[expect(clippy::cast_possible_truncation, reason = "136 years of uptime")]
        let seconds = (monotonic_ms / 1000) as u32;
        Now { monotonic: Second(seconds), monotonic_ms, unix_s: self.unix_time().as_secs() }
    }
}
