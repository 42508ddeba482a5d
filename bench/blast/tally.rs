use crate::kind::Kind;
use crate::latencies::Latencies;
use std::collections::BTreeMap;

/// Number of error texts counted separately; further ones are counted together.
const ERROR_TEXTS_MAX: usize = 32;

/// Counts of the requests of one kind.
#[derive(Debug, Clone)]
pub(crate) struct KindTally {
    pub(crate) sent: u64,
    /// Times that a request was sent again.
    pub(crate) repeated: u64,
    /// Requests with a right response.
    pub(crate) answered: u64,
    pub(crate) lost: u64,
    /// Peers in the right responses.
    pub(crate) peers: u64,
    /// Of all responses, including errors.
    pub(crate) latency: Latencies,
    /// Of lost requests, until they were given up.
    lost_after: Latencies,
}

/// Counts of all requests of a thread or of the whole load.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    by_kind: [KindTally; Kind::ALL.len()],
    /// Error replies by their text.
    pub(crate) errors: BTreeMap<String, u64>,
    /// Replies that failed a check, by their fault.
    pub(crate) wrong: BTreeMap<&'static str, u64>,
    /// Replies without an outstanding request: late or duplicate.
    pub(crate) unmatched: u64,
    pub(crate) reply_bytes: u64,
}

impl KindTally {
    fn new() -> Self {
        let (latency, lost_after) = (Latencies::new(), Latencies::new());
        Self { sent: 0, repeated: 0, answered: 0, lost: 0, peers: 0, latency, lost_after }
    }

    /// Mean number of peers per right response.
    pub(crate) fn peers_per_reply(&self) -> f64 {
        self.peers as f64 / self.answered.max(1) as f64
    }

    /// Counts a right response.
    pub(crate) const fn answer(&mut self, peers: usize) {
        self.answered += 1;
        self.peers += peers as u64;
    }

    /// Counts a request as lost that was given up `after_ns` after it was due.
    pub(crate) fn lose(&mut self, after_ns: u64) {
        self.lost += 1;
        self.lost_after.record(after_ns);
    }

    /// Returns latencies in which a lost request counts with the time until it was given up, the least that its
    /// client would have waited.
    pub(crate) fn latency_with_lost(&self) -> Latencies {
        let mut all = self.latency.clone();
        all.merge(&self.lost_after);
        all
    }

    fn merge(&mut self, other: &Self) {
        self.sent += other.sent;
        self.repeated += other.repeated;
        self.answered += other.answered;
        self.lost += other.lost;
        self.peers += other.peers;
        self.latency.merge(&other.latency);
        self.lost_after.merge(&other.lost_after);
    }
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            by_kind: std::array::from_fn(|_| KindTally::new()),
            errors: BTreeMap::new(),
            wrong: BTreeMap::new(),
            unmatched: 0,
            reply_bytes: 0,
        }
    }

    pub(crate) const fn of(&self, kind: Kind) -> &KindTally {
        &self.by_kind[kind as usize]
    }

    pub(crate) const fn of_mut(&mut self, kind: Kind) -> &mut KindTally {
        &mut self.by_kind[kind as usize]
    }

    pub(crate) fn note_error(&mut self, text: &[u8]) {
        let mut text = String::from_utf8_lossy(text).into_owned();
        if self.errors.len() >= ERROR_TEXTS_MAX && !self.errors.contains_key(&text) {
            "(other texts)".clone_into(&mut text);
        }
        *self.errors.entry(text).or_default() += 1;
    }

    pub(crate) fn note_wrong(&mut self, what: &'static str) {
        *self.wrong.entry(what).or_default() += 1;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for kind in Kind::ALL {
            self.of_mut(kind).merge(other.of(kind));
        }
        for (text, count) in &other.errors {
            *self.errors.entry(text.clone()).or_default() += count;
        }
        for (what, count) in &other.wrong {
            *self.wrong.entry(what).or_default() += count;
        }
        self.unmatched += other.unmatched;
        self.reply_bytes += other.reply_bytes;
    }

    /// Right responses of all kinds, and delivered offers and answers.
    pub(crate) fn answered(&self) -> u64 {
        self.by_kind.iter().map(|tally| tally.answered).sum()
    }

    /// Requests of all kinds.
    pub(crate) fn sent(&self) -> u64 {
        Kind::REQUESTS.map(|kind| self.of(kind).sent).iter().sum()
    }

    pub(crate) fn repeated(&self) -> u64 {
        Kind::REQUESTS.map(|kind| self.of(kind).repeated).iter().sum()
    }

    pub(crate) fn lost(&self) -> u64 {
        Kind::REQUESTS.map(|kind| self.of(kind).lost).iter().sum()
    }

    /// Error replies of all texts.
    pub(crate) fn error_replies(&self) -> u64 {
        self.errors.values().sum()
    }

    /// Returns the sum of all kinds of requests.
    pub(crate) fn requests(&self) -> KindTally {
        let mut all = KindTally::new();
        for kind in Kind::REQUESTS {
            all.merge(self.of(kind));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_requests_count_as_late_only_in_the_latency_with_lost() {
        let mut tally = Tally::new();
        for _ in 0..98 {
            tally.of_mut(Kind::Announce).latency.record(1000);
        }
        for _ in 0..2 {
            tally.of_mut(Kind::Scrape).lose(500_000_000);
        }
        let all = tally.requests();
        assert_eq!(all.lost, 2);
        assert_eq!(all.latency.quantile_ns(0.99), 1000);
        assert_eq!(all.latency_with_lost().quantile_ns(0.99), 500_000_000);
    }
}
