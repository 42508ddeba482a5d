//! Version 1: that of Torrust Tracker's REST API, and what operators need beside it.

mod answers;
mod bans;
mod cores;
mod figures;
mod forwarding;
mod health;
mod keys;
mod sources;
mod token;
mod torrents;

pub use answers::{Ack, Added, LineCounts, Refusal, Reloaded, Removed, RemovedKeys, Snapshot};
pub use bans::{Ban, BanForm};
pub use cores::Core;
pub use figures::{Format, Label, Latency, Metric, MetricType, Metrics, Number, Sample, Statistics, Stats};
pub use forwarding::{Upstream, UpstreamForm, UpstreamState};
pub use health::{
    CoreHealth, DatabaseState, Health, HealthReport, HealthStatus, Probed, Storage, TrackerHealth,
};
pub use keys::{Key, KeyAccount, KeyForm, LineError};
pub use sources::{Refused, Source, SourceBan};
pub use token::{TokenInfo, TokenRights};
pub use torrents::{
    Event, InfoHashText, ListedTorrents, Order, Peer, PeerIdentity, Torrent, TorrentItem, TorrentOrUnknown,
    TorrentsPage,
};

use serde::{Deserialize, Serialize};

/// A field without a name or a value. In a form it rejects arrays, which serde would otherwise accept as the fields in
/// order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nothing {}
