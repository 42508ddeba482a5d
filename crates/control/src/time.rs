//! Clocks and timers of the control plane.

use config::Interval as Every;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

pub(crate) fn unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Readings of two clocks at the same time: the wall clock, which can be set, and the monotonic one, which cannot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) unix_s: u64,
    pub(crate) instant: Instant,
}

impl Moment {
    pub(crate) fn now() -> Self {
        Self { unix_s: unix_s(), instant: Instant::now() }
    }

    /// Returns what the wall clock reads if it has kept pace with the monotonic one since an earlier moment.
    pub(crate) fn expected_unix_s(&self, earlier: Self) -> u64 {
        earlier.unix_s + self.instant.saturating_duration_since(earlier.instant).as_secs()
    }
}

/// Returns a timer with this interval; `None` if it is off.
pub(crate) fn regular(every: Every) -> Option<Interval> {
    match every {
        Every::Off => None,
        Every::Every(seconds) => Some(later(Duration::from_secs(u64::from(seconds)))),
    }
}

pub(crate) fn later(period: Duration) -> Interval {
    let mut interval = interval_at(Instant::now() + period, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// Waits for the next tick; forever without an interval.
pub(crate) async fn tick(interval: Option<&mut Interval>) {
    match interval {
        Some(interval) => drop(interval.tick().await),
        None => std::future::pending().await,
    }
}
