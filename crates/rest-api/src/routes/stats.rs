use super::metrics::{PROMETHEUS_TYPE, format_of};
use crate::app::App;
use crate::http::{ApiError, Query, with_type};
use api_contract::v1::{Format, Stats};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use metrics::{Counter, DropReason, Gauge, HttpOutcome, Outcome, Statistics};
use primitives::AddressFamily::{V4, V6};
use primitives::RequestKind;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

fn stats_of(statistics: &Statistics) -> Stats {
    let http = |family, outcome| statistics.http_outcomes(family, outcome);
    let (announce, scrape) = (HttpOutcome::AnnounceAnswered, HttpOutcome::ScrapeAnswered);
    let udp = |family, kind| statistics.outcomes(family, kind, Outcome::Answered);
    let errors = |family| statistics.errors_of(family);
    let responses = |family| statistics.of_any_kind(family, Outcome::Answered) + errors(family);
    Stats {
        torrents: statistics.gauge(Gauge::Torrents),
        seeders: statistics.of_all_families(Gauge::SEEDERS),
        completed: statistics.counter(Counter::Completed),
        leechers: statistics.of_all_families(Gauge::LEECHERS),
        tcp4_connections_handled: http(V4, announce) + http(V4, scrape),
        tcp4_announces_handled: http(V4, announce),
        tcp4_scrapes_handled: http(V4, scrape),
        tcp6_connections_handled: http(V6, announce) + http(V6, scrape),
        tcp6_announces_handled: http(V6, announce),
        tcp6_scrapes_handled: http(V6, scrape),
        udp_requests_aborted: statistics.dropped_for(DropReason::MeshFull),
        udp_requests_banned: statistics.dropped_for(DropReason::Banned),
        udp_banned_ips_total: 0,
        udp_avg_connect_processing_time_ns: 0,
        udp_avg_announce_processing_time_ns: 0,
        udp_avg_scrape_processing_time_ns: 0,
        udp4_requests: statistics.received(V4),
        udp4_connections_handled: udp(V4, RequestKind::Connect),
        udp4_announces_handled: udp(V4, RequestKind::Announce),
        udp4_scrapes_handled: udp(V4, RequestKind::Scrape),
        udp4_responses: responses(V4),
        udp4_errors_handled: errors(V4),
        udp6_requests: statistics.received(V6),
        udp6_connections_handled: udp(V6, RequestKind::Connect),
        udp6_announces_handled: udp(V6, RequestKind::Announce),
        udp6_scrapes_handled: udp(V6, RequestKind::Scrape),
        udp6_responses: responses(V6),
        udp6_errors_handled: errors(V6),
    }
}

fn prometheus(stats: &Stats) -> String {
    let value = serde_json::to_value(stats).expect("names and numbers serialize to JSON");
    let figures = value.as_object().into_iter().flatten();
    figures.map(|(name, figure)| format!("{name} {figure}\n")).collect()
}
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_stats))
}

/// The figures under the names of version 1
#[utoipa::path(
    get, path = "/api/v1/stats", tag = "figures",
    params(("format" = Option<Format>, Query, description = "Default `json`")),
    responses(
        (status = 200, description = "The figures", content(
            (Stats = "application/json"), (String = "text/plain"))),
        (status = 400, description = "No format", body = String, content_type = "text/plain"),
    ),
)]
async fn get_stats(State(app): State<App>, query: Query) -> Result<Response, ApiError> {
    let format = format_of(&query)?;
    let stats = stats_of(&app.tracker.statistics());
    Ok(match format {
        Format::Json => Json(stats).into_response(),
        Format::Prometheus => with_type(PROMETHEUS_TYPE, prometheus(&stats)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics::ErrorReason;

    #[test]
    fn each_figure_has_its_version_1_name() {
        let mut statistics = Statistics::default();
        statistics.set(Gauge::Torrents, 4);
        statistics.set(Gauge::SeedersV4, 1);
        statistics.set(Gauge::SeedersWebRtc, 2);
        statistics.set(Gauge::LeechersV6, 4);
        statistics.set(Gauge::LeechersWebRtc, 1);
        statistics.add(Counter::Completed, 7);
        statistics.count_http(V6, HttpOutcome::AnnounceAnswered);
        statistics.count_http(V6, HttpOutcome::ScrapeAnswered);
        statistics.count_received(V4, 9);
        statistics.count(V4, RequestKind::Connect, Outcome::Answered);
        statistics.count(V4, RequestKind::Scrape, Outcome::Error(ErrorReason::ConnectionIdWrong));
        statistics.count(V6, RequestKind::Announce, Outcome::Dropped(DropReason::MeshFull));
        for (family, kind) in [(V4, RequestKind::Announce), (V6, RequestKind::Connect)] {
            statistics.count(family, kind, Outcome::Dropped(DropReason::Banned));
        }
        let stats = serde_json::to_value(stats_of(&statistics)).unwrap();
        let reported: Vec<String> = stats
            .as_object()
            .unwrap()
            .iter()
            .filter(|(_, value)| value.as_u64() != Some(0))
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut expected = [
            "torrents=4",
            "seeders=3",
            "completed=7",
            "leechers=5",
            "tcp6_connections_handled=2",
            "tcp6_announces_handled=1",
            "tcp6_scrapes_handled=1",
            "udp_requests_aborted=1",
            "udp_requests_banned=2",
            "udp4_requests=9",
            "udp4_connections_handled=1",
            "udp4_responses=2",
            "udp4_errors_handled=1",
        ];
        expected.sort_unstable();
        assert_eq!(reported, expected);
    }
}
