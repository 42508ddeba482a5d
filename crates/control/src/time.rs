//! Clocks and timers of the control plane.

use config::Interval as Every;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

pub(crate) fn unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
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
