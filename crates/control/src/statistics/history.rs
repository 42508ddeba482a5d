use super::figures::Requests;
use crate::limits::{CHART_POINT_S, CHART_POINTS_MAX};
use latency::Protocol;
use metrics::{Counter, Gauge, Statistics};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// The last hour, and the rates of its last seconds.
#[derive(Debug)]
pub(super) struct History {
    points: VecDeque<Point>,
    rates: Rates,
    /// The figures at the last point.
    before: Statistics,
    before_at: Instant,
}

/// The values in the charts at one time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Point {
    pub(super) announces_per_s: f64,
    pub(super) torrents: f64,
    pub(super) seeders: f64,
    pub(super) leechers: f64,
}

/// What happened per second.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Rates {
    /// Announces and scrapes, in the order of [`Protocol::ALL`].
    pub(super) requests: [[f64; 2]; Protocol::ALL.len()],
    pub(super) bytes_received: f64,
    pub(super) bytes_sent: f64,
}

impl History {
    pub(super) fn new(now: Instant, statistics: Statistics) -> Self {
        Self { points: VecDeque::new(), rates: Rates::default(), before: statistics, before_at: now }
    }

    pub(super) fn points(&self) -> impl ExactSizeIterator<Item = &Point> {
        self.points.iter()
    }

    pub(super) const fn rates(&self) -> &Rates {
        &self.rates
    }

    /// Adds a point if it is time for one.
    pub(super) fn note(&mut self, now: Instant, statistics: &Statistics) {
        let elapsed = now - self.before_at;
        if elapsed < Duration::from_secs(CHART_POINT_S) {
            return;
        }
        self.rates = Rates::between(&self.before, statistics, elapsed);
        if self.points.len() >= CHART_POINTS_MAX {
            self.points.pop_front();
        }
        self.points.push_back(Point {
            announces_per_s: self.rates.announces(),
            torrents: statistics.gauge(Gauge::TorrentsActive) as f64,
            seeders: statistics.of_all_families(Gauge::SEEDERS) as f64,
            leechers: statistics.of_all_families(Gauge::LEECHERS) as f64,
        });
        (self.before, self.before_at) = (statistics.clone(), now);
    }
}

impl Rates {
    fn between(before: &Statistics, now: &Statistics, elapsed: Duration) -> Self {
        let rate = |read: &dyn Fn(&Statistics) -> u64| {
            // Of one digit after the point, more would only be noise.
            (read(now).saturating_sub(read(before)) as f64 / elapsed.as_secs_f64() * 10.0).round() / 10.0
        };
        let requests = Protocol::ALL.map(|protocol| {
            let announces = rate(&|statistics| Requests::of(statistics, protocol).announces);
            [announces, rate(&|statistics| Requests::of(statistics, protocol).scrapes)]
        });
        Self { requests, bytes_received: rate(&bytes_received), bytes_sent: rate(&bytes_sent) }
    }

    /// Announces over all protocols.
    pub(super) fn announces(&self) -> f64 {
        self.requests.iter().map(|[announces, _]| announces).sum()
    }
}

/// Bytes received over all protocols.
pub(super) fn bytes_received(statistics: &Statistics) -> u64 {
    statistics.counter(Counter::BytesReceived) + statistics.counter(Counter::HttpBytesReceived)
}

/// Bytes sent over all protocols.
pub(super) fn bytes_sent(statistics: &Statistics) -> u64 {
    statistics.counter(Counter::BytesSent) + statistics.counter(Counter::HttpBytesSent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics::{HttpOutcome, Outcome};
    use primitives::{AddressFamily, RequestKind};

    #[test]
    fn a_point_has_the_rates_since_the_one_before_and_an_hour_is_kept() {
        let mut statistics = Statistics::default();
        let start = Instant::now();
        let mut history = History::new(start, statistics.clone());
        for second in 1..=4000_u64 {
            statistics.count(AddressFamily::V4, RequestKind::Announce, Outcome::Answered);
            statistics.count_http(AddressFamily::V6, HttpOutcome::AnnounceAnswered);
            statistics.add(Counter::BytesSent, 300);
            statistics.set(Gauge::SeedersV6, second);
            history.note(start + Duration::from_secs(second), &statistics);
        }
        assert_eq!(history.points().len(), 720);
        let last = history.points().last().unwrap();
        assert_eq!((last.announces_per_s, last.seeders, last.leechers), (2.0, 4000.0, 0.0));
        assert_eq!(history.points().next().unwrap().seeders, 405.0);
        assert_eq!(history.rates().requests, [[1.0, 0.0], [1.0, 0.0], [0.0, 0.0]]);
        assert_eq!(history.rates().bytes_sent, 300.0);
    }
}
