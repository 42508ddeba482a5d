//! The limits of a histogram, each with its reason.

/// Largest recorded latency in nanoseconds; longer ones count as this. Every client gives up within a minute.
pub const LATENCY_NS_MAX: u64 = 60_000_000_000;

/// Significant decimal digits of a recorded value. Two mean an error of at most one percent and 30 KiB for each
/// histogram, a megabyte for each set. Three would take 220 KiB and 6.7 MiB, and more of the caches.
pub const SIGNIFICANT_DIGITS: u8 = 2;

/// Replies with different tags or outcomes that one turn writes: more than there are outcomes.
pub(crate) const RUNS_MAX: usize = 64;
