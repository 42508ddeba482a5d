use crate::sync::{AtomicU64, Ordering};
use crate::{
    ConnectionOutcome, Counter, Distribution, DropReason, ErrorReason, Figure, Gauge, HttpOutcome,
    MessageOutcome, Outcome,
};
use primitives::{AddressFamily, RequestKind, SwarmFamily};

const REQUESTS_PER_FAMILY: usize = RequestKind::ALL.len() * Outcome::COUNT;
const RECEIVED_AT: usize = AddressFamily::ALL.len() * REQUESTS_PER_FAMILY;
const HTTP_AT: usize = RECEIVED_AT + AddressFamily::ALL.len();
const MESSAGES_AT: usize = HTTP_AT + AddressFamily::ALL.len() * HttpOutcome::ALL.len();
const COUNTERS_AT: usize = MESSAGES_AT + MessageOutcome::ALL.len();
const GAUGES_AT: usize = COUNTERS_AT + Counter::ALL.len();
pub(crate) const FIGURES: usize = GAUGES_AT + Gauge::ALL.len();
const BATCHES_AT: usize = FIGURES;
const SLOTS: usize = BATCHES_AT + BATCH_BOUNDARIES.len() + 1;

/// Boundaries of the numbers of datagrams in a batch: powers of two.
const BATCH_BOUNDARIES: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// Outcomes that are kept until they are forgotten: twice as many as one turn of a connection has.
const RECENT_OUTCOMES_MAX: usize = 16;

const fn request_slot(family: AddressFamily, kind: RequestKind, outcome: Outcome) -> usize {
    family as usize * REQUESTS_PER_FAMILY + kind as usize * Outcome::COUNT + outcome.index()
}

const fn http_slot(family: AddressFamily, outcome: HttpOutcome) -> usize {
    HTTP_AT + family as usize * HttpOutcome::ALL.len() + outcome as usize
}

/// The counters and gauges of one core, or the sum of several cores'. Counting uses no atomic operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statistics {
    slots: [u64; SLOTS],
    recent: RecentOutcomes,
}

/// The outcomes over connections that were counted last, from which the latencies of their replies get their kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
struct RecentOutcomes {
    outcomes: [ConnectionOutcome; RECENT_OUTCOMES_MAX],
    count: usize,
}

impl Default for Statistics {
    fn default() -> Self {
        Self { slots: [0; SLOTS], recent: RecentOutcomes::default() }
    }
}

impl Default for RecentOutcomes {
    fn default() -> Self {
        let unused = ConnectionOutcome::Message(MessageOutcome::Ignored);
        Self { outcomes: [unused; RECENT_OUTCOMES_MAX], count: 0 }
    }
}

impl RecentOutcomes {
    fn add(&mut self, outcome: ConnectionOutcome) {
        if let Some(next) = self.outcomes.get_mut(self.count) {
            *next = outcome;
            self.count += 1;
        }
    }
}

impl Statistics {
    /// Counts received datagrams.
    pub fn count_received(&mut self, family: AddressFamily, datagrams: u64) {
        self.slots[RECEIVED_AT + family as usize] += datagrams;
    }

    /// Counts a received batch of at least one datagram.
    pub fn count_batch(&mut self, datagrams: usize) {
        self.add(Counter::BatchesReceived, 1);
        let exponent = datagrams.saturating_sub(1).checked_ilog2().map_or(0, |log| log as usize + 1);
        self.slots[BATCHES_AT + exponent.min(BATCH_BOUNDARIES.len())] += 1;
    }

    /// Returns the numbers of datagrams in the received batches.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "Prometheus has no integers")]
    pub fn batches(&self) -> Distribution {
        let datagrams: u64 = AddressFamily::ALL.map(|family| self.received(family)).iter().sum();
        Distribution::of_counts(&BATCH_BOUNDARIES, &self.slots[BATCHES_AT..], datagrams as f64)
    }

    /// Counts the outcome of one datagram.
    pub fn count(&mut self, family: AddressFamily, kind: RequestKind, outcome: Outcome) {
        self.slots[request_slot(family, kind, outcome)] += 1;
    }

    /// Counts the outcome of one HTTP request.
    pub fn count_http(&mut self, family: AddressFamily, outcome: HttpOutcome) {
        self.slots[http_slot(family, outcome)] += 1;
        self.recent.add(ConnectionOutcome::Http(family, outcome));
    }

    /// Returns the number of HTTP requests with this outcome.
    #[must_use]
    pub fn http_outcomes(&self, family: AddressFamily, outcome: HttpOutcome) -> u64 {
        self.slots[http_slot(family, outcome)]
    }

    /// Returns the number of HTTP requests that have an outcome, in both families.
    #[must_use]
    pub fn http_requests(&self) -> u64 {
        self.slots[HTTP_AT..MESSAGES_AT].iter().sum()
    }

    /// Counts the outcome of one message over a WebSocket.
    pub fn count_message(&mut self, outcome: MessageOutcome) {
        self.slots[MESSAGES_AT + outcome as usize] += 1;
        self.recent.add(ConnectionOutcome::Message(outcome));
    }

    /// Returns the number of messages over WebSockets.
    #[must_use]
    pub fn all_messages(&self) -> u64 {
        self.slots[MESSAGES_AT..COUNTERS_AT].iter().sum()
    }

    /// Returns the number of messages over WebSockets with this outcome.
    #[must_use]
    pub fn messages(&self, outcome: MessageOutcome) -> u64 {
        self.slots[MESSAGES_AT + outcome as usize]
    }

    /// Begins to keep the outcomes of HTTP requests and messages anew.
    pub const fn forget_recent_outcomes(&mut self) {
        self.recent.count = 0;
    }

    /// Returns the outcomes of HTTP requests and messages in the order in which they were counted, as far as there is
    /// room for them.
    #[must_use]
    pub fn recent_outcomes(&self) -> &[ConnectionOutcome] {
        &self.recent.outcomes[..self.recent.count]
    }

    /// Adds `amount` to a counter.
    pub fn add(&mut self, counter: Counter, amount: u64) {
        self.slots[COUNTERS_AT + counter as usize] += amount;
    }

    /// Sets a gauge.
    pub fn set(&mut self, gauge: Gauge, value: u64) {
        self.slots[GAUGES_AT + gauge as usize] = value;
    }

    /// Returns the number of datagrams received.
    #[must_use]
    pub fn received(&self, family: AddressFamily) -> u64 {
        self.slots[RECEIVED_AT + family as usize]
    }

    /// Returns the number of datagrams of this kind with this outcome.
    #[must_use]
    pub fn outcomes(&self, family: AddressFamily, kind: RequestKind, outcome: Outcome) -> u64 {
        self.slots[request_slot(family, kind, outcome)]
    }

    /// Returns the number of datagrams of this family with this outcome, of any kind.
    #[must_use]
    pub fn of_any_kind(&self, family: AddressFamily, outcome: Outcome) -> u64 {
        RequestKind::ALL.map(|kind| self.outcomes(family, kind, outcome)).iter().sum()
    }

    /// Returns the number of datagrams of this family that have an outcome, of any kind.
    #[must_use]
    pub fn decided(&self, family: AddressFamily) -> u64 {
        self.slots[family as usize * REQUESTS_PER_FAMILY..][..REQUESTS_PER_FAMILY].iter().sum()
    }

    /// Returns the number of datagrams of this kind answered as requested, in both families.
    #[must_use]
    pub fn answered(&self, kind: RequestKind) -> u64 {
        AddressFamily::ALL.map(|family| self.outcomes(family, kind, Outcome::Answered)).iter().sum()
    }

    /// Returns the number of datagrams of this family answered with an error.
    #[must_use]
    pub fn errors_of(&self, family: AddressFamily) -> u64 {
        ErrorReason::ALL.map(|reason| self.of_any_kind(family, Outcome::Error(reason))).iter().sum()
    }

    /// Returns the number of datagrams answered with an error, in both families.
    #[must_use]
    pub fn errors(&self) -> u64 {
        AddressFamily::ALL.map(|family| self.errors_of(family)).iter().sum()
    }

    /// Returns the number of datagrams not answered for this reason, in both families.
    #[must_use]
    pub fn dropped_for(&self, reason: DropReason) -> u64 {
        AddressFamily::ALL.map(|family| self.of_any_kind(family, Outcome::Dropped(reason))).iter().sum()
    }

    /// Returns the number of datagrams not answered, in both families.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        DropReason::ALL.map(|reason| self.dropped_for(reason)).iter().sum()
    }

    /// Returns the value of a counter.
    #[must_use]
    pub fn counter(&self, counter: Counter) -> u64 {
        self.slots[COUNTERS_AT + counter as usize]
    }

    /// Returns the value of a gauge.
    #[must_use]
    pub fn gauge(&self, gauge: Gauge) -> u64 {
        self.slots[GAUGES_AT + gauge as usize]
    }

    /// Returns the sum of a gauge that each family of swarms has.
    #[must_use]
    pub fn of_all_families(&self, gauges: [Gauge; SwarmFamily::ALL.len()]) -> u64 {
        gauges.map(|gauge| self.gauge(gauge)).iter().sum()
    }

    /// Raises a gauge to `value` if that is larger, for gauges that hold a maximum.
    pub fn raise(&mut self, gauge: Gauge, value: u64) {
        let slot = &mut self.slots[GAUGES_AT + gauge as usize];
        *slot = (*slot).max(value);
    }

    /// Adds another core's figures. Of a maximum, the larger is kept.
    pub fn merge(&mut self, other: &Self) {
        let maxima = Gauge::MAXIMA.map(|gauge| GAUGES_AT + gauge as usize);
        for (slot, (mine, &theirs)) in self.slots.iter_mut().zip(&other.slots).enumerate() {
            *mine = if maxima.contains(&slot) { (*mine).max(theirs) } else { mine.wrapping_add(theirs) };
        }
    }

    /// Returns every figure with its value, in the order of the log.
    pub fn figures(&self) -> impl Iterator<Item = (Figure, u64)> {
        Figure::all().zip(self.slots)
    }

    /// Returns every figure's name and value, in the order of the log.
    pub fn named(&self) -> impl Iterator<Item = (String, u64)> {
        self.figures().map(|(figure, value)| (figure.name, value))
    }
}

/// One core's figures, stored by the core and loaded by any thread. Each figure is read atomically, but several read
/// together may be from different moments.
#[derive(Debug, Default)]
pub struct PublishedStatistics(PublishedSlots<SLOTS>);

impl PublishedStatistics {
    /// Makes the figures visible to other threads.
    pub fn publish(&self, statistics: &Statistics) {
        self.0.publish(&statistics.slots);
    }

    /// Returns the figures that were published last.
    #[must_use]
    pub fn load(&self) -> Statistics {
        Statistics { slots: self.0.load(), recent: RecentOutcomes::default() }
    }
}

#[derive(Debug)]
struct PublishedSlots<const COUNT: usize>([AtomicU64; COUNT]);

impl<const COUNT: usize> Default for PublishedSlots<COUNT> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl<const COUNT: usize> PublishedSlots<COUNT> {
    fn publish(&self, values: &[u64; COUNT]) {
        for (slot, &value) in self.0.iter().zip(values) {
            slot.store(value, Ordering::Relaxed);
        }
    }

    fn load(&self) -> [u64; COUNT] {
        std::array::from_fn(|slot| self.0[slot].load(Ordering::Relaxed))
    }
}

#[cfg(all(loom, test))]
mod models;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_belongs_to_the_slot_that_is_counted() {
        let mut statistics = Statistics::default();
        statistics.count(AddressFamily::V6, RequestKind::Scrape, Outcome::Dropped(DropReason::MeshFull));
        statistics.add(Counter::TimerLatenessUs, 2);
        statistics.set(Gauge::TimerLatenessUsMax, 3);
        let counted: Vec<_> = statistics.named().filter(|(_, value)| *value > 0).collect();
        assert_eq!(
            counted,
            [
                ("udp_v6_scrape_dropped_mesh_full".to_owned(), 1),
                ("timer_lateness_us".to_owned(), 2),
                ("timer_lateness_us_max".to_owned(), 3)
            ]
        );
    }

    #[test]
    fn a_batch_is_counted_up_to_the_next_power_of_two() {
        let mut statistics = Statistics::default();
        for datagrams in [1, 2, 3, 4, 5, 256, 257, 1024] {
            statistics.count_batch(datagrams);
            statistics.count_received(AddressFamily::V4, datagrams as u64);
        }
        let batches = statistics.batches();
        let counts: Vec<u64> = batches.buckets.iter().map(|&(_, count)| count).collect();
        assert_eq!(counts, [1, 2, 4, 5, 5, 5, 5, 5, 6]);
        assert_eq!((batches.count, batches.sum), (8, 1552.0));
        assert_eq!(statistics.counter(Counter::BatchesReceived), 8);
    }

    #[test]
    fn recent_outcomes_are_kept_in_their_order_until_they_are_forgotten() {
        let mut statistics = Statistics::default();
        let outcome = ConnectionOutcome::Http(AddressFamily::V6, HttpOutcome::AnnounceBusy);
        for expected in [vec![outcome], vec![outcome; 3], vec![outcome; RECENT_OUTCOMES_MAX]] {
            statistics.forget_recent_outcomes();
            expected.iter().for_each(|_| statistics.count_http(AddressFamily::V6, HttpOutcome::AnnounceBusy));
            assert_eq!(statistics.recent_outcomes(), expected);
        }
        statistics.count_message(MessageOutcome::Ignored);
        assert_eq!(statistics.recent_outcomes().len(), RECENT_OUTCOMES_MAX, "there is no room");
        assert_eq!((statistics.http_requests(), statistics.all_messages()), (20, 1));
    }

    #[test]
    fn the_sum_of_two_cores_keeps_the_larger_lateness() {
        let mut one = Statistics::default();
        one.count_received(AddressFamily::V4, 5);
        one.set(Gauge::TimerLatenessUsMax, 700);
        let mut two = one.clone();
        two.set(Gauge::TimerLatenessUsMax, 300);
        two.merge(&one);
        assert_eq!(two.received(AddressFamily::V4), 10);
        assert_eq!(two.gauge(Gauge::TimerLatenessUsMax), 700);
    }

    #[test]
    fn published_figures_are_loaded_unchanged() {
        let published = PublishedStatistics::default();
        let mut statistics = Statistics::default();
        statistics.count(AddressFamily::V4, RequestKind::Connect, Outcome::Answered);
        published.publish(&statistics);
        assert_eq!(published.load(), statistics);
    }
}
