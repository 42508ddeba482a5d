//! The limits by source: what one address and its prefixes may send, open, begin and add.
//!
//! A [`Source`] is the address that a request comes from. Each of its prefixes has a token bucket for each [`Class`], and
//! a request takes one token of every prefix, or none. The wider a prefix, the more tokens it gets.
//!
//! * A [`Guard`] has the buckets of the whole tracker in a table of fixed size, of relaxed atomics that all cores share.
//! * Each core, and each API, asks through a [`CoreGuard`] of its own, which has the limits and a record of
//!   [`Offenders`]: the sources that were refused most.
//! * Only what a source has proved (by a valid connection id, or a TCP connection) takes tokens of its buckets. For the
//!   rest, whose sources anybody can make up, each core has a limit of its own ([`CoreGuard::admit_unproved`]).
//!
//! A bucket is one time, that of the generic cell rate algorithm: the time at which the bucket is full. A bucket that is
//! full carries no information, so its entry in the table can be used for another. Where a set of the table has no such
//! entry, the bucket with the most tokens is forgotten. The bucket of a source that is over its limits has the fewest
//! tokens. It is forgotten only if the set has as many buckets of other such sources as it has entries, eight, and nobody
//! can choose sources so that their buckets share a set.
//!
//! * While no source is over its limits, a core looks up one request in eight and counts it as eight (`sampling`): a source
//!   that sends far below its limit costs next to nothing, and the limits are kept within a few percent.
//! * The places of buckets are computed by a keyed hash function, so that nobody can aim at the bucket of another.
//! * Refusing writes nothing that cores share: a flood causes no traffic between their caches.
//! * Two cores that take tokens of a bucket at the same time may admit a request more than the limit.
//!
//! The crate does no IO, reads no clock, and has no lock.

#![forbid(unsafe_code)]

mod connections;
mod core_guard;
mod keys;
mod limits;
mod offenders;
mod prefix;
mod sampling;
mod settings;
mod source;
mod sync;
mod table;
mod ticks;
mod unproved;

pub use connections::OpenConnection;
pub use core_guard::{CoreGuard, Guard};
pub use limits::{LEVELS_MAX, OFFENDERS_MAX};
pub use offenders::{Offender, Offenders};
pub use prefix::{InvalidPrefixLengths, Prefix, PrefixLengths};
pub use settings::{Class, OverLimit, SourceLimits};
pub use source::Source;
pub use unproved::UnprovedRequest;
