//! Latency histograms of the replies of one core, recorded a batch at a time.
//!
//! A [`ReplyTimer`] is notified when replies are written and when the kernel has them, and records the latencies in a
//! [`LatencySet`]. It reads no clock and allocates nothing after its creation.

#![forbid(unsafe_code)]

mod counts;
mod limits;
mod set;
mod tag;
mod timer;

pub use counts::ReplyCounts;
pub use limits::{LATENCY_NS_MAX, SIGNIFICANT_DIGITS};
pub use set::LatencySet;
pub use tag::{ReplyKind, ReplyTag};
pub use timer::ReplyTimer;
