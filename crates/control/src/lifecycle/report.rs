use metrics::{Counter, Gauge, Statistics};
use primitives::{AddressFamily, RequestKind};
use std::time::Duration;
use tracing::info;

/// Formats the rates between two readings and the current gauges as one line.
pub(super) fn statistics_line(before: &Statistics, now: &Statistics, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64().max(0.001);
    let rate = |read: &dyn Fn(&Statistics) -> u64| (read(now).saturating_sub(read(before))) as f64 / seconds;
    let answered = |kind| rate(&|statistics: &Statistics| statistics.answered(kind));
    let counted = |counter| rate(&|statistics: &Statistics| statistics.counter(counter));
    format!(
        "received/s={:.0} connects/s={:.0} announces/s={:.0} scrapes/s={:.0} errors/s={:.0} dropped/s={:.0} \
         wrong_core/s={:.0} sent_mbit/s={:.1} http_requests/s={:.0} http_connections={} ws_messages/s={:.0} ws_connections={} swarms={} seeders={} leechers={} swarm_mib={} \
         timer_lateness_us_max={}",
        rate(&|statistics| AddressFamily::ALL.map(|family| statistics.received(family)).iter().sum()),
        answered(RequestKind::Connect),
        answered(RequestKind::Announce),
        answered(RequestKind::Scrape),
        rate(&Statistics::errors),
        rate(&Statistics::dropped),
        counted(Counter::AnnouncesOnWrongCore),
        (counted(Counter::BytesSent) + counted(Counter::HttpBytesSent)) * 8.0 / 1e6,
        rate(&Statistics::http_requests),
        now.gauge(Gauge::HttpConnectionsOpen),
        rate(&Statistics::all_messages),
        now.gauge(Gauge::WsConnectionsOpen),
        now.of_all_families(Gauge::SWARMS),
        now.of_all_families(Gauge::SEEDERS),
        now.of_all_families(Gauge::LEECHERS),
        now.gauge(Gauge::SwarmBytes) >> 20,
        now.gauge(Gauge::TimerLatenessUsMax),
    )
}

/// Logs every figure since the start, including those that are zero.
pub(super) fn log_all_figures(statistics: &Statistics) {
    for (name, value) in statistics.named() {
        info!(name, value, "statistic");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics::Outcome;

    #[test]
    fn the_line_has_rates_over_the_interval_and_current_totals() {
        let mut before = Statistics::default();
        before.count(AddressFamily::V4, RequestKind::Announce, Outcome::Answered);
        let mut now = before.clone();
        for _ in 0..20 {
            now.count(AddressFamily::V6, RequestKind::Announce, Outcome::Answered);
        }
        now.count_received(AddressFamily::V6, 30);
        now.set(Gauge::SeedersV4, 3);
        now.set(Gauge::SeedersV6, 4);
        now.set(Gauge::SeedersWebRtc, 5);
        let line = statistics_line(&before, &now, Duration::from_secs(10));
        assert!(line.starts_with("received/s=3 connects/s=0 announces/s=2 "), "{line}");
        assert!(line.contains(" seeders=12 "), "{line}");
    }
}
