//! The bounds of a histogram, each with its reason.

/// Nanoseconds above which a latency counts as this: a minute, past which every client has given up.
pub const LATENCY_NS_MAX: u64 = 60_000_000_000;

/// Decimal digits that a recorded value is right to. Two are an error of at most one percent and 30 KiB for each
/// histogram, half a megabyte for each set; three would be 220 KiB and 3.7 MiB, and the caches would feel it.
pub const SIGNIFICANT_DIGITS: u8 = 2;
