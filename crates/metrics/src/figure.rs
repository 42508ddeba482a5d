use crate::{
    ControlFigure, Counter, DropReason, ErrorReason, Gauge, Histogram, HttpOutcome, MemoryShare,
    MessageOutcome, Outcome, ProcessFigure, UpstreamFigure,
};
use primitives::{AddressFamily, RequestKind};
use std::iter::once;

/// How the value of a figure changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It rises and falls.
    Gauge,
}

/// The unit of a figure that is not a number of things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Bytes,
    Microseconds,
}

/// The declaration of a figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// Name in the log and in events.
    pub name: String,
    /// Name in the Prometheus format. Figures that differ only in their labels share it.
    pub metric: &'static str,
    pub kind: Kind,
    pub unit: Option<Unit>,
    pub labels: Vec<Label>,
    /// Whether it can be other than 0.
    pub is_possible: bool,
    /// Explanation for operators, of all figures that share the metric.
    pub help: &'static str,
}

/// Name and value of a label.
pub type Label = (&'static str, &'static str);

/// A metric of the Prometheus format, named by its conventions: a counter ends with `_total`, and a unit is in the name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
}

/// The declaration of a figure whose labels are constant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Declaration {
    pub(crate) name: &'static str,
    pub(crate) metric: Metric,
    pub(crate) labels: &'static [Label],
}

/// The part of a figure's name and labels that its outcome determines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutcomeLabels {
    pub(crate) name: &'static str,
    pub(crate) labels: &'static [Label],
}

const REQUESTS: Metric = Metric {
    name: "ringtrack_requests_total",
    help: "Datagrams, HTTP requests and messages over WebSockets, by kind and outcome.",
};
const RECEIVED: Metric =
    Metric { name: "ringtrack_udp_datagrams_received_total", help: "Datagrams received." };
const ANSWERED: OutcomeLabels = OutcomeLabels { name: "answered", labels: &[("outcome", "answered")] };

/// Names of the families and values of the label `family`, in the order of the families.
const FAMILIES: [(&str, &str); AddressFamily::ALL.len()] = [("v4", "ipv4"), ("v6", "ipv6")];
/// Values of the label `kind` over UDP, in the order of the kinds.
const KINDS: [&str; RequestKind::ALL.len()] = ["connect", "announce", "scrape", "unknown"];

impl Figure {
    /// Returns the figures of the cores, in the order of their slots.
    pub fn all() -> impl Iterator<Item = Self> {
        let kinds = FAMILIES.into_iter().flat_map(|family| RequestKind::ALL.map(|kind| (family, kind)));
        let requests = kinds.flat_map(|(family, kind)| Self::requests(family, kind));
        let received = FAMILIES
            .map(|(name, family)| Self::new(format!("udp_{name}_received"), RECEIVED, &[("family", family)]));
        let http = FAMILIES.into_iter().flat_map(Self::http_requests);
        let messages = MessageOutcome::DECLARED.iter().map(|outcome| {
            Self::new(format!("ws_{}", outcome.name), REQUESTS, &[("protocol", "ws")]).with(outcome.labels)
        });
        let counters = Counter::DECLARED.iter().chain(Gauge::DECLARED).map(Self::of);
        requests.chain(received).chain(http).chain(messages).chain(counters)
    }

    /// Returns the figures of everything but the cores.
    pub fn others() -> impl Iterator<Item = Self> {
        let declared = [
            ControlFigure::DECLARED,
            MemoryShare::DECLARED,
            UpstreamFigure::DECLARED,
            ProcessFigure::DECLARED,
            Histogram::DECLARED,
        ];
        declared.into_iter().flatten().map(Self::of)
    }

    /// Returns a value of the figure in Prometheus' base units.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "Prometheus has no integers")]
    pub fn in_base_units(&self, value: u64) -> f64 {
        let value = value as f64;
        if self.unit == Some(Unit::Microseconds) { value / 1e6 } else { value }
    }

    fn requests(
        (name, family): (&'static str, &'static str),
        kind: RequestKind,
    ) -> impl Iterator<Item = Self> {
        let declared = once(&ANSWERED).chain(ErrorReason::DECLARED).chain(DropReason::DECLARED);
        declared.zip(Outcome::all()).map(move |(declared, outcome)| {
            let kind_name = KINDS[kind as usize];
            let labels = [("protocol", "udp"), ("family", family), ("kind", kind_name)];
            let figure = Self::new(format!("udp_{name}_{kind_name}_{}", declared.name), REQUESTS, &labels);
            Self { is_possible: outcome.is_possible(kind), ..figure.with(declared.labels) }
        })
    }

    fn http_requests((name, family): (&'static str, &'static str)) -> impl Iterator<Item = Self> {
        HttpOutcome::DECLARED.iter().map(move |outcome| {
            let labels = [("protocol", "http"), ("family", family)];
            Self::new(format!("http_{name}_{}", outcome.name), REQUESTS, &labels).with(outcome.labels)
        })
    }

    pub(crate) fn of(&Declaration { name, metric, labels }: &Declaration) -> Self {
        Self::new(name.to_owned(), metric, labels)
    }

    fn new(name: String, Metric { name: metric, help }: Metric, labels: &[Label]) -> Self {
        let kind = if metric.ends_with("_total") { Kind::Counter } else { Kind::Gauge };
        Self { name, metric, kind, unit: unit_in(metric), labels: labels.to_vec(), is_possible: true, help }
    }

    fn with(mut self, labels: &[Label]) -> Self {
        self.labels.extend_from_slice(labels);
        self
    }
}

/// Returns the unit that the name of a metric contains. Times are counted in microseconds and published in seconds.
fn unit_in(metric: &str) -> Option<Unit> {
    let has = |unit| metric.split('_').any(|word| word == unit);
    if has("bytes") { Some(Unit::Bytes) } else { has("seconds").then_some(Unit::Microseconds) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{HashMap, HashSet};

    fn declared() -> Vec<Figure> {
        Figure::all().chain(Figure::others()).collect()
    }

    #[test]
    fn every_figure_is_declared_with_its_own_name_and_labels() {
        assert_eq!(Figure::all().count(), crate::statistics::FIGURES);
        let figures = declared();
        let names: HashSet<_> = figures.iter().map(|figure| &figure.name).collect();
        let published: HashSet<_> = figures.iter().map(|figure| (&figure.metric, &figure.labels)).collect();
        assert_eq!((names.len(), published.len()), (figures.len(), figures.len()));
    }

    #[test]
    fn every_metric_has_one_help_for_all_of_its_figures() {
        let mut helps = HashMap::new();
        for Figure { metric, help, .. } in declared() {
            assert!(help.ends_with('.'), "{metric}: {help:?}");
            assert_eq!(*helps.entry(metric).or_insert(help), help, "{metric}");
        }
    }

    #[test]
    fn names_of_metrics_follow_the_conventions_of_prometheus() {
        const NOT_IN_NAMES: [&str; 7] = ["us", "ms", "mib", "count", "sum", "bucket", "webrtc"];
        for Figure { name, metric, .. } in declared() {
            assert!(metric.starts_with("ringtrack_") || metric.starts_with("process_"), "{metric}");
            for word in metric.split('_') {
                assert!(!word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()), "{metric}");
                assert!(!NOT_IN_NAMES.contains(&word), "{metric}");
            }
            let is_time = name.split('_').any(|word| word == "us");
            assert_eq!(is_time, unit_in(metric) == Some(Unit::Microseconds), "{name} {metric}");
        }
        assert!(Counter::ALL.iter().all(|counter| counter.figure().kind == Kind::Counter));
        assert!(Gauge::ALL.iter().all(|gauge| gauge.figure().kind == Kind::Gauge));
    }

    #[test]
    fn microseconds_are_published_in_seconds_and_bytes_as_they_are() {
        assert_eq!(Counter::TimerLatenessUs.figure().in_base_units(1_500_000), 1.5);
        assert_eq!(Counter::BytesSent.figure().in_base_units(1500), 1500.0);
    }
}
