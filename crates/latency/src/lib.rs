//! How long replies take: the histograms of one core, recorded a batch at a time.
//!
//! A [`ReplyTimer`] is told of replies when they are written and of the moment when the kernel has them; in
//! between lies what a [`LatencySet`] records. It reads no clock and allocates nothing after it was made.

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
