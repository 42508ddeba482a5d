use crate::keys::Key;
use crate::limits::{UNPROVED_ENTRIES, UNPROVED_PREFIX_PART};
use crate::table::BucketTable;
use crate::ticks::{Moment, TICKS_PER_S, Ticks, of_token};

/// A request whose source anybody could have made up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnprovedRequest {
    /// It asks for the means to prove its source, and may be admitted from the reserve.
    Connect,
    /// It has no valid proof, and is admitted only while there is enough for anybody.
    WrongProof,
}

/// The limit of a core for requests whose source may be made up.
///
/// Half of the limit is for anybody. The other half is a reserve for prefixes that have had little of it: a flood from few
/// networks leaves it to the others. Against sources made up at random nothing distinguishes those that are real; the
/// limit holds, and each is admitted with the same probability.
#[derive(Debug)]
pub(crate) struct Unproved {
    /// The time of one token of half of the limit; 0 if there is no limit.
    half_cost: Ticks,
    prefix_cost: Ticks,
    /// When the two halves are full.
    anybody: Ticks,
    reserve: Ticks,
    /// The buckets of the core's widest prefixes, apart from those of proved sources.
    prefixes: BucketTable,
}

/// A limit is for each second: clients that get no connection id try again after 15 seconds, so a longer burst helps nobody.
const BURST: Ticks = TICKS_PER_S;

impl Unproved {
    pub(crate) fn new(per_s: u32) -> Self {
        let mut made = Self {
            half_cost: 0,
            prefix_cost: 0,
            anybody: 0,
            reserve: 0,
            prefixes: BucketTable::new(UNPROVED_ENTRIES),
        };
        made.use_limit(per_s);
        made
    }

    pub(crate) const fn use_limit(&mut self, per_s: u32) {
        let per_s = per_s as u64;
        self.half_cost = if per_s == 0 { 0 } else { of_token(per_s.div_ceil(2)) };
        self.prefix_cost = of_token(if per_s == 0 { 1 } else { per_s.div_ceil(UNPROVED_PREFIX_PART) });
    }

    /// Takes a token for a request; `widest` returns the key of its widest prefix. Returns whether there was one.
    #[inline]
    pub(crate) fn admit(
        &mut self,
        now: Ticks,
        request: UnprovedRequest,
        widest: impl FnOnce() -> Key,
    ) -> bool {
        if self.half_cost == 0 || take(&mut self.anybody, now, self.half_cost) {
            return true;
        }
        match request {
            UnprovedRequest::Connect => self.admit_from_reserve(now, widest()),
            UnprovedRequest::WrongProof => false,
        }
    }

    #[cold]
    fn admit_from_reserve(&mut self, now: Ticks, key: Key) -> bool {
        let moment = Moment::new(now, BURST);
        let bucket = self.prefixes.find(key, moment);
        if bucket.ahead + self.prefix_cost > BURST || !take(&mut self.reserve, now, self.half_cost) {
            return false;
        }
        self.prefixes.take(key, bucket, moment, self.prefix_cost);
        true
    }
}

/// Takes a token of the bucket that is full at `full`, and returns whether there was one.
const fn take(full: &mut Ticks, now: Ticks, cost: Ticks) -> bool {
    let until_full = full.saturating_sub(now) + cost;
    if until_full > BURST {
        return false;
    }
    *full = now + until_full;
    true
}
