use crate::{Counter, DropReason, ErrorReason, Gauge, HttpOutcome, MessageOutcome};
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
    pub metric: String,
    pub kind: Kind,
    pub unit: Option<Unit>,
    pub labels: Vec<Label>,
    /// Explanation for operators.
    pub help: &'static str,
}

/// Name and value of a label.
pub type Label = (&'static str, &'static str);

/// The declaration of a figure without labels, of several that differ in their labels, or of a label's value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Declaration {
    pub(crate) name: &'static str,
    pub(crate) unit: Option<Unit>,
    pub(crate) help: &'static str,
}

const REQUESTS: Declaration =
    Declaration { name: "udp_requests", unit: None, help: "Datagrams by kind of request and by outcome." };
const RECEIVED: Declaration =
    Declaration { name: "udp_datagrams_received", unit: None, help: "Datagrams received." };
const HTTP_REQUESTS: Declaration =
    Declaration { name: "http_requests", unit: None, help: "HTTP requests by outcome." };
const MESSAGES: Declaration =
    Declaration { name: "ws_messages", unit: None, help: "Messages over WebSockets by outcome." };

/// Values of the label `family`, in the order of the families.
const FAMILIES: [&str; AddressFamily::ALL.len()] = ["v4", "v6"];
/// Values of the label `kind`, in the order of the kinds.
const KINDS: [&str; RequestKind::ALL.len()] = ["connect", "announce", "scrape", "unknown"];

impl Figure {
    /// Returns all figures, in the order of their slots.
    pub fn all() -> impl Iterator<Item = Self> {
        let kinds = FAMILIES.into_iter().flat_map(|family| KINDS.map(|kind| (family, kind)));
        let requests = kinds.flat_map(|(family, kind)| Self::requests(family, kind));
        let received = FAMILIES
            .into_iter()
            .map(|family| Self::labelled(&RECEIVED, format!("udp_{family}_received"), &[("family", family)]));
        let http = FAMILIES.into_iter().flat_map(Self::http_requests);
        let messages = MessageOutcome::DECLARED.iter().map(|&Declaration { name: outcome, .. }| {
            Self::labelled(&MESSAGES, format!("ws_{outcome}"), &[("outcome", outcome)])
        });
        let counters = Counter::DECLARED.iter().map(|counter| Self::unlabelled(Kind::Counter, counter));
        let gauges = Gauge::DECLARED.iter().map(|gauge| Self::unlabelled(Kind::Gauge, gauge));
        requests.chain(received).chain(http).chain(messages).chain(counters).chain(gauges)
    }

    fn requests(family: &'static str, kind: &'static str) -> impl Iterator<Item = Self> {
        let reasons = ErrorReason::DECLARED.iter().chain(DropReason::DECLARED).map(|reason| reason.name);
        once("answered").chain(reasons).map(move |outcome| {
            let labels = [("family", family), ("kind", kind), ("outcome", outcome)];
            Self::labelled(&REQUESTS, format!("udp_{family}_{kind}_{outcome}"), &labels)
        })
    }

    fn http_requests(family: &'static str) -> impl Iterator<Item = Self> {
        HttpOutcome::DECLARED.iter().map(move |&Declaration { name: outcome, .. }| {
            let labels = [("family", family), ("outcome", outcome)];
            Self::labelled(&HTTP_REQUESTS, format!("http_{family}_{outcome}"), &labels)
        })
    }

    fn labelled(declared: &Declaration, name: String, labels: &[Label]) -> Self {
        Self { name, labels: labels.to_vec(), ..Self::unlabelled(Kind::Counter, declared) }
    }

    fn unlabelled(kind: Kind, &Declaration { name, unit, help }: &Declaration) -> Self {
        let ending = if kind == Kind::Counter { "_total" } else { "" };
        let metric = format!("ringtrack_{name}{ending}");
        Self { name: name.to_owned(), metric, kind, unit, labels: Vec::new(), help }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_figure_is_declared_with_its_own_names() {
        let figures: Vec<Figure> = Figure::all().collect();
        assert_eq!(figures.len(), crate::statistics::SLOTS);
        let names: HashSet<_> = figures.iter().map(|figure| &figure.name).collect();
        let published: HashSet<_> = figures.iter().map(|figure| (&figure.metric, &figure.labels)).collect();
        assert_eq!((names.len(), published.len()), (figures.len(), figures.len()));
        for Figure { name, unit, help, .. } in &figures {
            assert!(!help.is_empty(), "{name}");
            for (declared, word) in [(Unit::Bytes, "bytes"), (Unit::Microseconds, "us")] {
                assert_eq!(*unit == Some(declared), name.split('_').any(|part| part == word), "{name}");
            }
        }
    }
}
