use super::forwarding::announces;
use crate::app::{App, now_unix_ms};
use crate::http::{ApiError, Query, bad_query, with_type};
use api_contract::v1::{Format, Label, Metric, MetricType, Metrics, Sample};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use chrono::DateTime;
use control::management::{ForwardingManagement, UpstreamInfo, UpstreamState};
use metrics::{Figure, Kind, Statistics};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Content type of the Prometheus text format.
pub(crate) const PROMETHEUS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(crate) fn format_of(query: &Query) -> Result<Format, ApiError> {
    match query.text("format") {
        None | Some("json") => Ok(Format::Json),
        Some("prometheus") => Ok(Format::Prometheus),
        Some(_) => Err(bad_query("format: one of json, prometheus")),
    }
}

/// Figures by the name of their metric.
struct Collected {
    recorded_at: String,
    metrics: BTreeMap<String, Metric>,
}

impl Collected {
    fn add(&mut self, name: &str, r#type: MetricType, value: u64, labels: Vec<Label>) {
        let new = || Metric { r#type, name: name.to_owned(), samples: Vec::new() };
        let metric = self.metrics.entry(name.to_owned()).or_insert_with(new);
        metric.samples.push(Sample { value, recorded_at: self.recorded_at.clone(), labels });
    }

    fn add_statistics(&mut self, statistics: &Statistics) {
        for (Figure { metric, kind, labels, .. }, value) in statistics.figures() {
            let r#type = match kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
            };
            let labels = labels
                .into_iter()
                .map(|(name, value)| Label { name: name.into(), value: value.into() })
                .collect();
            self.add(&metric, r#type, value, labels);
        }
    }

    fn add_upstream(&mut self, info: &UpstreamInfo) {
        let upstream = || Label { name: "upstream".into(), value: info.name.to_string().into() };
        for (outcome, announces) in announces(&info.figures) {
            let labels = vec![upstream(), Label { name: "outcome".into(), value: outcome.into() }];
            self.add("ringtrack_forwarding_announces_total", MetricType::Counter, announces, labels);
        }
        for (name, value) in [
            ("shed", info.figures.shed),
            ("peers", info.figures.peers),
            ("peers_dropped", info.figures.peers_dropped),
        ] {
            let name = format!("ringtrack_forwarding_{name}_total");
            self.add(&name, MetricType::Counter, value, vec![upstream()]);
        }
        let latency_us = info.latency.map(|latency| u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
        for (name, value) in [
            ("up", Some(u64::from(info.state == UpstreamState::Active))),
            ("torrents", Some(info.torrents)),
            ("waiting", Some(info.waiting)),
            ("in_flight", Some(info.in_flight)),
            ("latency_us", latency_us),
        ] {
            let name = format!("ringtrack_forwarding_{name}");
            if let Some(value) = value {
                self.add(&name, MetricType::Gauge, value, vec![upstream()]);
            }
        }
    }
}

fn metrics_of(unix_ms: u64, statistics: &Statistics, upstreams: &[UpstreamInfo]) -> Metrics {
    let mut collected = Collected { recorded_at: rfc3339(unix_ms), metrics: BTreeMap::new() };
    collected.add_statistics(statistics);
    for upstream in upstreams {
        collected.add_upstream(upstream);
    }
    Metrics { metrics: collected.metrics.into_values().collect() }
}

fn prometheus(metrics: &Metrics) -> String {
    let mut text = String::new();
    for Metric { r#type, name, samples } in &metrics.metrics {
        let of_type = if *r#type == MetricType::Gauge { "gauge" } else { "counter" };
        writeln!(text, "# TYPE {name} {of_type}").expect("writing to a string never fails");
        for Sample { value, labels, .. } in samples {
            let written = |label: &Label| format!("{}=\"{}\"", label.name, escaped(&label.value));
            let labels: Vec<_> = labels.iter().map(written).collect();
            let braced = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            writeln!(text, "{name}{braced} {value}").expect("writing to a string never fails");
        }
    }
    text
}

/// Returns the value of a label in the Prometheus text format.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn rfc3339(unix_ms: u64) -> String {
    let moment = i64::try_from(unix_ms).ok().and_then(DateTime::from_timestamp_millis);
    moment.unwrap_or_default().to_rfc3339()
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_metrics))
}

/// All figures
#[utoipa::path(
    get, path = "/api/v1/metrics", tag = "figures",
    params(("format" = Option<Format>, Query, description = "`json` if not said")),
    responses(
        (status = 200, description = "The figures", content(
            (Metrics = "application/json"), (String = "text/plain"))),
        (status = 400, description = "No format", body = String, content_type = "text/plain"),
    ),
)]
async fn get_metrics(State(app): State<App>, query: Query) -> Result<Response, ApiError> {
    let format = format_of(&query)?;
    let upstreams = app.tracker.forwarding().map(ForwardingManagement::upstreams).unwrap_or_default();
    let metrics = metrics_of(now_unix_ms(), &app.tracker.statistics(), &upstreams);
    Ok(match format {
        Format::Json => Json(metrics).into_response(),
        Format::Prometheus => with_type(PROMETHEUS_TYPE, prometheus(&metrics)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics::{Gauge, HttpOutcome, Outcome};
    use primitives::{AddressFamily, RequestKind};

    #[test]
    fn the_value_of_a_label_is_escaped() {
        assert_eq!(escaped("a\\b \"c\"\nd"), r#"a\\b \"c\"\nd"#);
    }

    #[test]
    fn figures_are_counters_and_gauges_with_labels() {
        let mut statistics = Statistics::default();
        statistics.count_received(AddressFamily::V6, 3);
        statistics.count(AddressFamily::V4, RequestKind::Connect, Outcome::Answered);
        statistics.count_http(AddressFamily::V4, HttpOutcome::BadRequest);
        statistics.set(Gauge::SwarmsV4, 4);
        let text = prometheus(&metrics_of(0, &statistics, &[]));
        for line in [
            "# TYPE ringtrack_udp_requests_total counter",
            "ringtrack_udp_requests_total{family=\"v4\",kind=\"connect\",outcome=\"answered\"} 1",
            "ringtrack_udp_datagrams_received_total{family=\"v6\"} 3",
            "ringtrack_http_requests_total{family=\"v4\",outcome=\"bad_request\"} 1",
            "# TYPE ringtrack_swarms_v4 gauge",
            "ringtrack_swarms_v4 4",
            "ringtrack_completed_total 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
