use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The format of figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Json,
    Prometheus,
}

/// All figures of the tracker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Metrics {
    pub metrics: Vec<Metric>,
}

/// One figure, or several that differ in their labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Metric {
    pub r#type: MetricType,
    pub name: String,
    pub samples: Vec<Sample>,
}

/// Whether a figure only grows (counter) or can also fall (gauge).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MetricType {
    Counter,
    Gauge,
}

/// A value of a metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Sample {
    #[schema(value_type = f64)]
    pub value: Number,
    /// Time of the sample (RFC 3339).
    pub recorded_at: String,
    pub labels: Vec<Label>,
}

/// A number. Only times, which are in seconds, have a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Number {
    Whole(u64),
    Fraction(f64),
}

/// A label of a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Label {
    pub name: Cow<'static, str>,
    pub value: Cow<'static, str>,
}

/// The figures under the names of version 1.
///
/// - `torrents`, `seeders` and `leechers` are gauges over all families; `completed` is the counter of completed events.
/// - `tcp*_announces_handled` and `tcp*_scrapes_handled` are HTTP requests answered successfully. Connections are not
///   counted by family: `tcp*_connections_handled` is the sum of the two, as in the original API.
/// - `udp*_connections_handled`, `udp*_announces_handled` and `udp*_scrapes_handled` are connects, announces and scrapes
///   answered successfully; `udp*_requests` are datagrams received, `udp*_errors_handled` those answered with an error,
///   `udp*_responses` those answered at all.
/// - `udp_requests_aborted` are datagrams dropped because the ring to another core was full.
/// - `udp_requests_banned` are datagrams dropped because the network of their source is banned. No source is banned for
///   its connection ids: `udp_banned_ips_total` is 0. No mean latencies are kept (the percentiles are at
///   `/api/v1/latency`): `udp_avg_*_processing_time_ns` are 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stats {
    pub torrents: u64,
    pub seeders: u64,
    pub completed: u64,
    pub leechers: u64,
    pub tcp4_connections_handled: u64,
    pub tcp4_announces_handled: u64,
    pub tcp4_scrapes_handled: u64,
    pub tcp6_connections_handled: u64,
    pub tcp6_announces_handled: u64,
    pub tcp6_scrapes_handled: u64,
    pub udp_requests_aborted: u64,
    pub udp_requests_banned: u64,
    pub udp_banned_ips_total: u64,
    pub udp_avg_connect_processing_time_ns: u64,
    pub udp_avg_announce_processing_time_ns: u64,
    pub udp_avg_scrape_processing_time_ns: u64,
    pub udp4_requests: u64,
    pub udp4_connections_handled: u64,
    pub udp4_announces_handled: u64,
    pub udp4_scrapes_handled: u64,
    pub udp4_responses: u64,
    pub udp4_errors_handled: u64,
    pub udp6_requests: u64,
    pub udp6_connections_handled: u64,
    pub udp6_announces_handled: u64,
    pub udp6_scrapes_handled: u64,
    pub udp6_responses: u64,
    pub udp6_errors_handled: u64,
}

/// The figures at one point in time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Statistics {
    /// Time of the event, in Unix milliseconds.
    pub unix_ms: u64,
    /// All figures by name.
    pub figures: BTreeMap<String, u64>,
    /// Growth of the counters per second since the previous event. Empty in the first event.
    pub rates_per_s: BTreeMap<String, f64>,
}

/// How long one kind of reply took since the start, in microseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Latency {
    /// The kind of reply, such as `announce-ipv4`.
    pub name: String,
    pub count: u64,
    pub p50_us: f64,
    pub p90_us: f64,
    pub p99_us: f64,
    pub p999_us: f64,
    pub max_us: f64,
}
