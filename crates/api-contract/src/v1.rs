//! Version 1: that of Torrust Tracker's REST API, and what operators need beside it.

mod answers;
mod bans;
mod figures;
mod forwarding;
mod health;
mod keys;
mod torrents;

pub use answers::{Ack, Added, LineCounts, Refusal, Removed, RemovedKeys};
pub use bans::{Ban, BanForm};
pub use figures::{Format, Label, Latency, Metric, MetricType, Metrics, Sample, Statistics, Stats};
pub use forwarding::{Upstream, UpstreamForm, UpstreamState};
pub use health::{DatabaseState, Health, HealthReport, HealthStatus, Probed, Storage};
pub use keys::{Key, KeyAccount, KeyForm, LineError};
pub use torrents::{
    Event, InfoHashText, Order, Peer, PeerIdentity, Torrent, TorrentItem, TorrentOrUnknown, TorrentsPage,
};

use serde::{Deserialize, Serialize};

/// A field without a name or a value. In a form it rejects arrays, which serde would otherwise accept as the fields in
/// order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nothing {}
