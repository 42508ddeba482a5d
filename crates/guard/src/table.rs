use crate::keys::Key;
use crate::limits::WAYS;
use crate::sync::AtomicU64;
use crate::sync::Ordering::Relaxed;
use crate::ticks::{Moment, TIME_BITS, TIME_MASK, Ticks};
use core::iter::once;

/// Token buckets by key, in sets of a cache line.
///
/// An entry is a part of the key and the time at which the bucket is full. An entry of zeros is a full bucket without an
/// owner.
#[derive(Debug)]
pub(crate) struct BucketTable {
    sets: Box<[Set]>,
}

#[derive(Debug, Default)]
#[repr(align(64))]
struct Set([AtomicU64; WAYS]);

/// The bucket of a key, as it was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket<'a> {
    entry: &'a AtomicU64,
    seen: u64,
    /// The time until the bucket is full.
    pub(crate) ahead: Ticks,
}

impl BucketTable {
    /// Returns an empty table with at least this many entries.
    pub(crate) fn new(entries: usize) -> Self {
        let sets = entries.div_ceil(WAYS).next_power_of_two();
        Self { sets: (0..sets).map(|_| Set::default()).collect() }
    }

    /// Returns the bucket of a key. If it has none, its time is that of a full one, and its entry the one in the set that is
    /// forgotten first: the fullest.
    #[inline]
    pub(crate) fn find(&self, key: Key, moment: Moment) -> Bucket<'_> {
        let ([first, others @ ..], tag) = (&self.sets[self.set(key)].0, tag(key));
        let read = |entry| {
            let seen = AtomicU64::load(entry, Relaxed);
            Bucket { entry, seen, ahead: moment.until(seen) }
        };
        // Each entry is read once: another core that begins the key's bucket meanwhile is noticed when it is replaced.
        let mut fullest = read(first);
        for bucket in once(fullest).chain(others.iter().map(read)) {
            if bucket.seen & !TIME_MASK == tag {
                return bucket;
            }
            if bucket.ahead < fullest.ahead {
                fullest = bucket;
            }
        }
        Bucket { ahead: 0, ..fullest }
    }

    /// Moves the time at which the bucket of `key` is full by `cost`. If another core has changed the entry meanwhile, the
    /// bucket is found again, once.
    #[inline]
    pub(crate) fn take(&self, key: Key, bucket: Bucket<'_>, moment: Moment, cost: Ticks) {
        if !replace(key, bucket, moment, cost) {
            replace(key, self.find(key, moment), moment, cost);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "a place among the sets")]
    const fn set(&self, key: Key) -> usize {
        key as usize & (self.sets.len() - 1)
    }
}

fn replace(key: Key, bucket: Bucket<'_>, moment: Moment, cost: Ticks) -> bool {
    let taken = tag(key) | (moment.now + bucket.ahead + cost) & TIME_MASK;
    bucket.entry.compare_exchange(bucket.seen, taken, Relaxed, Relaxed).is_ok()
}

/// Returns the part of a key that is stored, in its place: never 0, so that an empty entry has no owner.
const fn tag(key: Key) -> u64 {
    key & !TIME_MASK | 1 << TIME_BITS
}

#[cfg(all(loom, test))]
mod models;
