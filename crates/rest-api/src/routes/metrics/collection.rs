use crate::routes::forwarding::announces;
use api_contract::v1::{Label, Metric, MetricType, Metrics, Number, Sample};
use control::management::{
    BanCounts, ForwardingManagement, Management, SnapshotFigures, SnapshotInfo, StorageState, UpstreamInfo,
    UpstreamState,
};
use metrics::{ControlFigure, Distribution, Figure, Histogram, Kind, Statistics, Unit, UpstreamFigure};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

/// Figures with their values, by the name of their metric.
#[derive(Default)]
pub(super) struct Collection {
    pub(super) families: BTreeMap<&'static str, Family>,
}

/// The values of one metric.
pub(super) struct Family {
    /// `None` for a histogram, which the API does not have.
    pub(super) r#type: Option<MetricType>,
    pub(super) help: &'static str,
    pub(super) values: Vec<Value>,
}

pub(super) struct Value {
    /// Follows the name of the metric; empty except in histograms.
    pub(super) suffix: &'static str,
    pub(super) labels: Vec<Label>,
    pub(super) value: Number,
}

/// Returns a label.
pub(super) fn label(name: &'static str, value: impl Into<Cow<'static, str>>) -> Label {
    Label { name: name.into(), value: value.into() }
}

impl Collection {
    /// Adds a value of a figure, with further labels.
    pub(super) fn add(&mut self, figure: &Figure, more: impl IntoIterator<Item = Label>, value: u64) {
        let r#type = match figure.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
        };
        let own = figure.labels.iter().map(|&(name, value)| label(name, value));
        let value = match figure.unit {
            Some(Unit::Microseconds) => Number::Fraction(figure.in_base_units(value)),
            Some(Unit::Bytes) | None => Number::Whole(value),
        };
        self.family(figure, Some(r#type)).push(Value {
            suffix: "",
            labels: own.chain(more).collect(),
            value,
        });
    }

    /// Adds the figures of a shard, or those of all. Without those that are always 0.
    pub(super) fn add_statistics(&mut self, statistics: &Statistics, shard: Option<&Label>) {
        for (figure, value) in statistics.figures().filter(|(figure, value)| figure.is_possible || *value > 0)
        {
            self.add(&figure, shard.cloned(), value);
        }
    }

    pub(super) fn add_histogram(
        &mut self,
        histogram: Histogram,
        labels: &[Label],
        distribution: &Distribution,
    ) {
        let values = self.family(&histogram.figure(), None);
        let mut add = |suffix, labels, value| values.push(Value { suffix, labels, value });
        let with = |boundary| labels.iter().cloned().chain([label("le", boundary)]).collect();
        for (boundary, count) in &distribution.buckets {
            add("_bucket", with(boundary.to_string()), Number::Whole(*count));
        }
        add("_bucket", with("+Inf".to_owned()), Number::Whole(distribution.count));
        add("_sum", labels.to_vec(), Number::Fraction(distribution.sum));
        add("_count", labels.to_vec(), Number::Whole(distribution.count));
    }

    /// Adds the figures that no core counts.
    pub(super) fn add_control_plane(&mut self, tracker: &dyn Management) {
        self.add_storage(tracker);
        let memory = tracker.memory();
        for (share, bytes) in memory.shares {
            self.add(&share.figure(), [], bytes);
        }
        self.add(&ControlFigure::SwarmBytesMax.figure(), [], memory.swarm_bytes_max);
        self.add(&ControlFigure::Keys.figure(), [], tracker.keys().count() as u64);
        let BanCounts { stored, temporary, sources_banned } = tracker.bans().counts();
        for (figure, value) in [
            (ControlFigure::BansStored, stored),
            (ControlFigure::BansTemporary, temporary),
            (ControlFigure::SourcesBanned, sources_banned),
        ] {
            self.add(&figure.figure(), [], value);
        }
        self.add_snapshots(tracker);
        for info in tracker.forwarding().map(ForwardingManagement::upstreams).unwrap_or_default() {
            self.add_upstream(&info);
        }
    }

    fn add_storage(&mut self, tracker: &dyn Management) {
        let info = tracker.storage();
        if info.state == StorageState::Absent {
            return;
        }
        for (figure, value) in [
            (ControlFigure::DatabaseUp, u64::from(info.state == StorageState::Connected)),
            (ControlFigure::DatabaseChangesWaiting, info.waiting),
            (ControlFigure::DatabaseOldestChange, microseconds(info.oldest.unwrap_or_default())),
            (ControlFigure::DatabaseChangesWritten, info.done),
            (ControlFigure::DatabaseChangesLost, info.lost),
            (ControlFigure::DatabaseWritesFailed, info.failures),
        ] {
            self.add(&figure.figure(), [], value);
        }
    }

    fn add_snapshots(&mut self, tracker: &dyn Management) {
        let Some(SnapshotFigures { last, failures }) = tracker.snapshots().figures() else { return };
        self.add(&ControlFigure::SnapshotsFailed.figure(), [], failures);
        let Some(SnapshotInfo { unix_s, duration, bytes, .. }) = last else { return };
        for (figure, value) in [
            (ControlFigure::SnapshotTime, unix_s.saturating_mul(1_000_000)),
            (ControlFigure::SnapshotDuration, microseconds(duration)),
            (ControlFigure::SnapshotSize, bytes),
        ] {
            self.add(&figure.figure(), [], value);
        }
    }

    fn add_upstream(&mut self, info: &UpstreamInfo) {
        // One that the operator has suspended is neither up nor down.
        let up = (info.state != UpstreamState::Suspended).then_some(info.state == UpstreamState::Active);
        let upstream = || label("upstream", info.name.to_string());
        for (outcome, announces) in announces(&info.figures) {
            let labels = [upstream(), label("outcome", outcome)];
            self.add(&UpstreamFigure::Announces.figure(), labels, announces);
        }
        for (figure, value) in [
            (UpstreamFigure::Shed, Some(info.figures.shed)),
            (UpstreamFigure::Peers, Some(info.figures.peers)),
            (UpstreamFigure::PeersDropped, Some(info.figures.peers_dropped)),
            (UpstreamFigure::Up, up.map(u64::from)),
            (UpstreamFigure::Torrents, Some(info.torrents)),
            (UpstreamFigure::Waiting, Some(info.waiting)),
            (UpstreamFigure::InFlight, Some(info.in_flight)),
            (UpstreamFigure::Latency, info.latency.map(microseconds)),
        ] {
            if let Some(value) = value {
                self.add(&figure.figure(), [upstream()], value);
            }
        }
    }

    /// Returns the counters and gauges as the API has them.
    pub(super) fn into_metrics(self, recorded_at: &str) -> Metrics {
        let metric = |(name, Family { r#type, values, .. }): (&str, Family)| {
            let sample =
                |Value { labels, value, .. }| Sample { value, recorded_at: recorded_at.to_owned(), labels };
            let samples = values.into_iter().map(sample).collect();
            Some(Metric { r#type: r#type?, name: name.to_owned(), samples })
        };
        Metrics { metrics: self.families.into_iter().filter_map(metric).collect() }
    }

    fn family(&mut self, figure: &Figure, r#type: Option<MetricType>) -> &mut Vec<Value> {
        let new = || Family { r#type, help: figure.help, values: Vec::new() };
        &mut self.families.entry(figure.metric).or_insert_with(new).values
    }
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
