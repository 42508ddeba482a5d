//! The queries of the Grafana dashboard and of the alert rules return data of a loaded tracker.

use serde_json::Value;

use super::Scene;
use super::prometheus::Prometheus;
use super::traffic::Traffic;
use crate::patience::wait_for;
use crate::program::in_checkout;

/// Four scrapes, as Grafana chooses it.
const RATE_INTERVAL: &str = "4s";

/// Parts of the queries that may be 0 all the time: what is refused, lost, closed or waits, or happens too seldom.
const QUIET: &[&str] = &[
    "ALERTS",
    "outcome=\"dropped\"",
    "reason=~\"over_limit",
    "ringtrack_announces_early_total",
    "ringtrack_bans",
    "ringtrack_completed_total",
    "ringtrack_database_",
    "ringtrack_entries_refused_total",
    "ringtrack_expiry_turn_seconds",
    "ringtrack_external_peers",
    "ringtrack_forwarding_",
    "ringtrack_http_accept_errors_total",
    "ringtrack_http_connections_refused_total",
    "ringtrack_listed_torrents",
    "ringtrack_peers_evicted_total",
    "ringtrack_peers_expired_total",
    "ringtrack_peers_refused_total",
    "ringtrack_queue_length",
    "ringtrack_snapshots_failed_total",
    "ringtrack_sources_banned_total",
    "ringtrack_udp_filter",
    "ringtrack_udp_kernel_dropped_total",
    "ringtrack_udp_receive_errors_total",
    "ringtrack_udp_replies_lost_total",
    "ringtrack_udp_wrong_connection_ids_total",
    "ringtrack_ws_connections_closed_total",
    "ringtrack_ws_signals_dropped_total",
];

/// An expression, and what shows its result.
struct Query {
    place: String,
    expression: String,
    /// The text that is filled in with labels of the result, each after this mark.
    text: String,
    mark: &'static str,
    /// Whether [`Traffic`] makes it other than 0.
    is_fed: bool,
}

impl Query {
    /// Why the samples are not what the dashboard or the rule needs, if so.
    fn fault(&self, samples: &[Value]) -> Option<String> {
        let number = |sample: &Value| sample["value"][1].as_str().and_then(|value| value.parse::<f64>().ok());
        let mut numbers = samples.iter().filter_map(number).filter(|number| !number.is_nan()).peekable();
        if numbers.peek().is_none() {
            return Some("it has no data".to_owned());
        }
        // What is sent is drawn below the axis.
        if self.is_fed && numbers.all(|number| number == 0.0) {
            return Some("it is 0".to_owned());
        }
        let lacks = |sample: &Value| self.labels().any(|label| sample["metric"][label].is_null());
        samples.iter().find(|sample| lacks(sample)).map(|sample| format!("a label is not in {sample}"))
    }

    /// Why it takes rates of what is no counter, if so. `types` is what Prometheus knows of metrics.
    fn rate_fault(&self, types: &Value) -> Option<String> {
        let taken = ["rate(", "increase("].into_iter().flat_map(|call| self.expression.split(call).skip(1));
        let names = taken.filter_map(|rest| rest.split(['{', '[']).next());
        let is_of = |name: &str, kind: &str| types[name][0]["type"] == kind;
        let is_counter = |name: &str| {
            let parts = ["_bucket", "_sum", "_count"].into_iter();
            let mut histograms = parts.filter_map(|part| name.strip_suffix(part));
            is_of(name, "counter") || histograms.any(|name| is_of(name, "histogram"))
        };
        names.into_iter().find(|name| !is_counter(name)).map(|name| format!("{name} is no counter"))
    }

    fn labels(&self) -> impl Iterator<Item = &str> {
        let is_end = |character: char| !character.is_alphanumeric() && character != '_';
        self.text.split(self.mark).skip(1).filter_map(move |rest| rest.split(is_end).next())
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a text")).to_owned()
}

/// The queries of all panels, with values for Grafana's variables.
fn of_dashboard() -> Vec<Query> {
    let file = std::fs::read(in_checkout("config/grafana/ringtrack.json")).unwrap();
    let dashboard: Value = serde_json::from_slice(&file).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let queries = panels.iter().flat_map(|panel| {
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        targets.into_iter().map(|target| {
            let expression = text(&target["expr"]);
            Query {
                place: text(&panel["title"]),
                is_fed: !QUIET.iter().any(|quiet| expression.contains(quiet)),
                expression: expression.replace("$instance", ".+").replace("$__rate_interval", RATE_INTERVAL),
                text: text(&target["legendFormat"]),
                mark: "{{",
            }
        })
    });
    queries.collect()
}

/// The expressions of the rules that Prometheus has loaded, without their thresholds.
fn of_rules(prometheus: &Prometheus) -> Vec<Query> {
    let data = wait_for(|| prometheus.get("rules"));
    let groups = data["groups"].as_array().unwrap();
    let rules = groups.iter().flat_map(|group| group["rules"].as_array().unwrap());
    let queries = rules.map(|rule| {
        let expression = text(&rule["query"]);
        let cut = [" > ", " == "].into_iter().filter_map(|operator| expression.rsplit_once(operator));
        let (before, threshold) = cut.min_by_key(|(_, threshold)| threshold.len()).unwrap();
        assert!(threshold.parse::<f64>().is_ok(), "{expression} does not end with a threshold");
        Query {
            place: text(&rule["name"]),
            expression: before.to_owned(),
            text: rule["annotations"].to_string(),
            mark: "$labels.",
            // Alerts are about what a healthy tracker does not have.
            is_fed: false,
        }
    });
    queries.collect()
}

#[test]
fn every_query_of_the_dashboard_and_every_alert_rule_returns_data_of_a_loaded_tracker() {
    let scene = Scene::start();
    let _traffic = Traffic::start(&scene);
    let prometheus = Prometheus::scraping(&scene.metrics());
    let (panels, rules) = (of_dashboard(), of_rules(&prometheus));
    assert!(panels.len() > 80 && rules.len() > 15, "{} and {}", panels.len(), rules.len());
    for query in panels.iter().chain(&rules) {
        wait_for(|| {
            let samples = prometheus.query(&query.expression)?;
            let fault = query.fault(&samples);
            fault.map_or(Ok(()), |fault| Err(format!("{}: {fault}: {}", query.place, query.expression)))
        });
    }
    let types = prometheus.get("metadata").unwrap();
    for query in panels.iter().chain(&rules) {
        assert_eq!(query.rate_fault(&types), None, "{}: {}", query.place, query.expression);
    }
}
