//! The limits of the guard, each with its reason.

/// Prefixes of a source that have buckets. Networks are assigned in three steps at most: provider, site and host.
pub const LEVELS_MAX: usize = 3;

/// Buckets in a set of the table: one cache line.
pub(crate) const WAYS: usize = 8;

/// Sources that a core records as refused between two reports, in 3 KiB. Each core sees a few culprits at a time; those
/// refused least give way.
pub const OFFENDERS_MAX: usize = 64;

/// Records of offenders that are looked through for one source.
pub(crate) const OFFENDER_WAYS: usize = 4;

/// Counters in each of the two rows of the connection counts, in half a MiB. With as many connections, a counter is
/// shared by a few prefixes on average, and both of a prefix are shared with large ones only by chance.
pub(crate) const CONNECTION_COUNTERS: usize = 1 << 16;

/// Buckets for unproved prefixes of a core, in 64 KiB, which fit the cache of a core. Only the prefixes that send most have to
/// be remembered.
pub(crate) const UNPROVED_ENTRIES: usize = 1 << 13;

/// The part of a core's unproved requests that one prefix may have where there are too many: small enough that a hundred
/// prefixes that flood leave more than half of the reserve to the others.
pub(crate) const UNPROVED_PREFIX_PART: u64 = 512;

/// Requests of which one is looked up while no source is over its limits. A look-up costs 40 nanoseconds, one in 8 of them
/// half a percent of an announce.
pub(crate) const SAMPLE_WEIGHT: u64 = 8;

/// Tokens in a bucket from which on requests are sampled: chance then changes a limit by 3 % (the root of 8 in as many).
pub(crate) const SAMPLED_TOKENS_MIN: u64 = 1 << 13;

/// Milliseconds after a refusal for which every request is looked up.
pub(crate) const ALERT_MS: u64 = 1000;
