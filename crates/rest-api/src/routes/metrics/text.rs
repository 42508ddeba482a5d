//! Version 0.0.4 of the Prometheus text format.

use super::collection::{Collection, Family, Value};
use api_contract::v1::{Label, MetricType, Number};
use std::fmt::{self, Display, Formatter};

impl Display for Collection {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        for (name, Family { r#type, help, values }) in &self.families {
            let of_type = match r#type {
                Some(MetricType::Counter) => "counter",
                Some(MetricType::Gauge) => "gauge",
                None => "histogram",
            };
            writeln!(formatter, "# HELP {name} {}", escaped(help))?;
            writeln!(formatter, "# TYPE {name} {of_type}")?;
            for Value { suffix, labels, value } in values {
                write!(formatter, "{name}{suffix}")?;
                write_labels(formatter, labels)?;
                match value {
                    Number::Whole(value) => writeln!(formatter, " {value}")?,
                    Number::Fraction(value) => writeln!(formatter, " {value}")?,
                }
            }
        }
        Ok(())
    }
}

fn write_labels(formatter: &mut Formatter<'_>, labels: &[Label]) -> fmt::Result {
    for (index, Label { name, value }) in labels.iter().enumerate() {
        let before = if index == 0 { '{' } else { ',' };
        write!(formatter, "{before}{name}=\"{}\"", escaped(value).replace('"', "\\\""))?;
    }
    if labels.is_empty() { Ok(()) } else { formatter.write_str("}") }
}

/// Escapes a text as HELP has it. In the value of a label, quotes are escaped too.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::super::collection::label;
    use super::*;
    use metrics::{
        Distribution, DropReason, Gauge, Histogram, HttpOutcome, Outcome, Statistics, UpstreamFigure,
    };
    use primitives::{AddressFamily, RequestKind};

    fn assert_lines(collection: &Collection, lines: &[&str]) {
        let text = collection.to_string();
        for line in lines {
            assert!(text.lines().any(|found| found == *line), "{line}\n{text}");
        }
    }

    #[test]
    fn the_value_of_a_label_is_escaped() {
        let mut collection = Collection::default();
        collection.add(&UpstreamFigure::Up.figure(), [label("upstream", "a\\b \"c\"\nd")], 1);
        assert_lines(&collection, &[r#"ringtrack_forwarding_up{upstream="a\\b \"c\"\nd"} 1"#]);
    }

    #[test]
    fn figures_are_counters_and_gauges_with_labels_and_help() {
        let mut statistics = Statistics::default();
        statistics.count_received(AddressFamily::V6, 3);
        statistics.count(AddressFamily::V4, RequestKind::Connect, Outcome::Answered);
        statistics.count_http(AddressFamily::V4, HttpOutcome::BadRequest);
        statistics.set(Gauge::SwarmsV4, 4);
        statistics.set(Gauge::TimerLatenessUsMax, 2500);
        let mut collection = Collection::default();
        collection.add_statistics(&statistics, None);
        let lines = [
            "# HELP ringtrack_udp_datagrams_received_total Datagrams received.",
            "# TYPE ringtrack_requests_total counter",
            r#"ringtrack_requests_total{protocol="udp",family="ipv4",kind="connect",outcome="answered"} 1"#,
            r#"ringtrack_requests_total{protocol="http",family="ipv4",kind="unknown",outcome="error",reason="bad_request"} 1"#,
            r#"ringtrack_udp_datagrams_received_total{family="ipv6"} 3"#,
            "# TYPE ringtrack_swarms gauge",
            r#"ringtrack_swarms{family="ipv4"} 4"#,
            "ringtrack_timer_lateness_seconds_max 0.0025",
            "ringtrack_completed_total 0",
        ];
        assert_lines(&collection, &lines);
    }

    #[test]
    fn requests_that_do_not_occur_are_published_only_if_one_did() {
        let mut statistics = Statistics::default();
        let text = |statistics: &Statistics| {
            let mut collection = Collection::default();
            collection.add_statistics(statistics, None);
            collection.to_string()
        };
        let connects_over_a_full_mesh =
            r#"{protocol="udp",family="ipv4",kind="connect",outcome="dropped",reason="mesh_full"}"#;
        assert!(!text(&statistics).contains(connects_over_a_full_mesh));
        statistics.count(AddressFamily::V4, RequestKind::Connect, Outcome::Dropped(DropReason::MeshFull));
        assert!(text(&statistics).contains(connects_over_a_full_mesh));
    }

    #[test]
    fn a_histogram_is_cumulative_and_ends_with_all_values() {
        let mut collection = Collection::default();
        let distribution = Distribution::of_counts(&[0.000_01, 2.5], &[1, 2, 4], 30.25);
        collection.add_histogram(Histogram::Reply, &[label("kind", "scrape")], &distribution);
        let lines = [
            "# TYPE ringtrack_reply_seconds histogram",
            r#"ringtrack_reply_seconds_bucket{kind="scrape",le="0.00001"} 1"#,
            r#"ringtrack_reply_seconds_bucket{kind="scrape",le="2.5"} 3"#,
            r#"ringtrack_reply_seconds_bucket{kind="scrape",le="+Inf"} 7"#,
            r#"ringtrack_reply_seconds_sum{kind="scrape"} 30.25"#,
            r#"ringtrack_reply_seconds_count{kind="scrape"} 7"#,
        ];
        assert_lines(&collection, &lines);
    }
}
