use crate::connections::{ConnectionCounts, Counters, OpenConnection};
use crate::keys::{Hasher, Key, Keys, Masks};
use crate::limits::LEVELS_MAX;
use crate::offenders::{Offender, Offenders};
use crate::prefix::Prefix;
use crate::sampling::{self, Sampling};
use crate::settings::{Class, OverLimit, SourceLimits};
use crate::source::Source;
use crate::table::BucketTable;
use crate::ticks::{self, Moment, TICKS_PER_S, Ticks};
use crate::unproved::{Unproved, UnprovedRequest};
use primitives::TableSeed;
use std::sync::Arc;

/// The buckets and connection counts of the whole tracker.
#[derive(Debug)]
pub struct Guard {
    hasher: Hasher,
    buckets: BucketTable,
    connections: ConnectionCounts,
}

/// What one core or API asks about sources: the tracker's [`Guard`] with the limits, and a record of those that were refused.
#[derive(Debug)]
pub struct CoreGuard {
    guard: Arc<Guard>,
    limits: SourceLimits,
    masks: Masks,
    costs: [Option<Costs>; Class::ALL.len()],
    burst: Ticks,
    /// The longest burst so far: buckets were filled with it.
    burst_max: Ticks,
    unproved: Unproved,
    sampling: Sampling,
    offenders: Box<Offenders>,
}

/// What a request of a class costs.
#[derive(Debug, Clone, Copy)]
struct Costs {
    /// The time of one token of a prefix, for each level.
    of_levels: [Ticks; LEVELS_MAX],
    /// The greatest number of tokens that a request takes.
    weight: u64,
}

impl Guard {
    /// Returns a guard that remembers at least this many buckets, of 8 bytes each.
    #[must_use]
    pub fn new(seed: TableSeed, entries: usize) -> Self {
        Self {
            hasher: Hasher::new(seed),
            buckets: BucketTable::new(entries),
            connections: ConnectionCounts::new(),
        }
    }
}

impl CoreGuard {
    /// Returns the view of one core or API.
    #[must_use]
    pub fn new(guard: Arc<Guard>, limits: SourceLimits) -> Self {
        let burst = burst(&limits);
        Self {
            masks: Masks::new(&limits.prefixes),
            costs: costs(&limits),
            burst,
            burst_max: burst,
            unproved: Unproved::new(limits.unproved_per_s),
            sampling: Sampling::new(guard.hasher.random()),
            guard,
            limits,
            offenders: Box::default(),
        }
    }

    /// Replaces the limits. A bucket keeps the time at which it is full.
    pub fn use_limits(&mut self, limits: SourceLimits) {
        self.masks = Masks::new(&limits.prefixes);
        self.costs = costs(&limits);
        self.burst = burst(&limits);
        self.burst_max = self.burst_max.max(self.burst);
        self.unproved.use_limit(limits.unproved_per_s);
        self.limits = limits;
    }

    /// Returns the limits.
    #[must_use]
    pub const fn limits(&self) -> &SourceLimits {
        &self.limits
    }

    /// Takes a token of each prefix of a source that has proved its address, or none. The time is in milliseconds since the
    /// start of the data plane.
    ///
    /// # Errors
    /// If the source is over its limit.
    #[inline]
    pub fn admit(&mut self, now_ms: u64, class: Class, source: Source) -> Result<(), OverLimit> {
        let Some(costs) = self.costs[class as usize] else { return Ok(()) };
        match self.sampling.draw(now_ms, costs.weight) {
            Some(tokens) if !self.is_allowed(source) => self.take(now_ms, class, source, tokens),
            _ => Ok(()),
        }
    }

    /// Takes tokens of each prefix of a source, or none.
    fn take(&mut self, now_ms: u64, class: Class, source: Source, tokens: u64) -> Result<(), OverLimit> {
        let Some(costs) = self.costs[class as usize] else { return Ok(()) };
        let (keys, moment) = (self.keys(source), Moment::new(ticks::at_ms(now_ms), self.burst_max));
        let mut found = [None; LEVELS_MAX];
        for (level, (&key, bucket)) in keys.as_slice().iter().zip(&mut found).enumerate() {
            let key = of_class(key, class);
            let read = self.guard.buckets.find(key, moment);
            let over = (read.ahead + costs.of_levels[level]).saturating_sub(self.burst);
            if over > 0 {
                self.sampling.alert(now_ms);
                return Err(self.refuse(Refused { class, source, level, key, over }));
            }
            *bucket = Some((key, read));
        }
        for ((key, bucket), cost) in found.into_iter().map_while(|found| found).zip(costs.of_levels) {
            self.guard.buckets.take(key, bucket, moment, tokens * cost);
        }
        Ok(())
    }

    /// Takes a token for a request whose source anybody could have made up. It costs no source anything, and nobody is exempt.
    ///
    /// # Errors
    /// If the core has too many such requests, and the widest prefix of this one its share of them.
    pub fn admit_unproved(
        &mut self,
        now_ms: u64,
        source: Source,
        request: UnprovedRequest,
    ) -> Result<(), OverLimit> {
        let Self { guard, masks, unproved, .. } = self;
        let widest = || guard.hasher.keys(source, masks).widest();
        if unproved.admit(ticks::at_ms(now_ms), request, widest) {
            return Ok(());
        }
        Err(OverLimit { class: Class::Requests, retry_s: 1 })
    }

    /// Returns whether a source has no limits.
    #[must_use]
    pub fn is_allowed(&self, source: Source) -> bool {
        self.limits.allow.contains(source.ip())
    }

    /// Counts a connection of each prefix of a source, unless the narrowest has `max` over all cores, or a wider one as many
    /// times more as its rates are higher. The number may be too high where there are very many connections, never too low.
    #[must_use]
    pub fn open(&self, source: Source, max: u32) -> Option<OpenConnection> {
        let max_of_levels = self.limits.factors().map(|factor| factor.saturating_mul(max));
        self.guard.connections.open(Counters::of(self.keys(source)), max_of_levels)
    }

    /// Counts a connection that has ended.
    pub fn close(&self, connection: OpenConnection) {
        self.guard.connections.close(connection);
    }

    /// Returns the number of open connections of the prefix of this one that has the most for its size, over all cores, with
    /// itself: those of a wider prefix are divided by as much as its limit is higher.
    #[must_use]
    pub fn open_count(&self, connection: &OpenConnection) -> u32 {
        let counts = self.guard.connections.counts(connection).zip(self.limits.factors());
        counts.map(|(count, factor)| count.div_ceil(factor)).max().unwrap_or_default()
    }

    /// Returns the sources that were refused most since the last call.
    pub fn take_offenders(&mut self) -> Box<Offenders> {
        core::mem::take(&mut self.offenders)
    }

    /// Returns the same sources with what they were refused since the last call of this function. Refusals that were taken
    /// meanwhile are left out.
    pub fn take_recent_offenders(&mut self) -> impl Iterator<Item = Offender> {
        self.offenders.take_recent()
    }

    /// Records refusals of a prefix whose requests are dropped before the guard is asked. They do not count as recent.
    pub fn count_dropped(&mut self, offender: Offender) {
        let keys = self.keys(Source::of(offender.prefix.ip()));
        if let Some(&key) = keys.as_slice().get(usize::from(offender.level)) {
            self.offenders.count(of_class(key, offender.class), offender, offender.refused);
        }
    }

    /// Takes all tokens that an offender has.
    pub fn take_all(&mut self, now_ms: u64, offender: Offender) {
        let (keys, moment) =
            (self.keys(Source::of(offender.prefix.ip())), Moment::new(ticks::at_ms(now_ms), self.burst_max));
        if let Some(&key) = keys.as_slice().get(usize::from(offender.level)) {
            let key = of_class(key, offender.class);
            let bucket = self.guard.buckets.find(key, moment);
            self.guard.buckets.take(key, bucket, moment, self.burst.saturating_sub(bucket.ahead));
        }
    }

    fn keys(&self, source: Source) -> Keys {
        self.guard.hasher.keys(source, &self.masks)
    }

    /// Records a refusal.
    #[cold]
    fn refuse(&mut self, refused: Refused) -> OverLimit {
        let Refused { class, source, level, key, over } = refused;
        let lengths = self.limits.prefixes.of_family(source.family());
        let prefix = Prefix::of(source, lengths[level]);
        let level = u8::try_from(level).expect("at most LEVELS_MAX");
        self.offenders.count(key, Offender { prefix, level, class, refused: 1 }, 0);
        OverLimit { class, retry_s: ticks::seconds(over) }
    }
}

/// A request that is over the limit of a prefix.
#[derive(Clone, Copy)]
struct Refused {
    class: Class,
    source: Source,
    level: usize,
    key: Key,
    /// The time after which it will be within.
    over: Ticks,
}

fn burst(limits: &SourceLimits) -> Ticks {
    Ticks::from(limits.burst_s) * TICKS_PER_S
}

fn costs(limits: &SourceLimits) -> [Option<Costs>; Class::ALL.len()] {
    Class::ALL.map(|class| {
        let rates = limits.per_s_of_levels(class)?;
        Some(Costs {
            of_levels: rates.map(ticks::of_token),
            weight: sampling::weight(rates[0], limits.burst_s),
        })
    })
}

/// Returns the key of a prefix's bucket of a class. The classes are in sets of their own, next to each other.
const fn of_class(key: Key, class: Class) -> Key {
    key ^ class as Key
}
