//! The settings of a manager.

use super::statistics_snapshot::StatisticsSnapshot;
use crate::bans::ConfiguredRules;
use crate::latency::LatencySnapshot;
use crate::management::{ApiGuard, ListenerInfo, ManagementError, Reloaded};
use crate::snapshots::SnapshotSettings;
use crate::sources::SourceSettings;
use access::AccessPolicy;
use config::Interval;
use database::WriteBehindSettings;
use forwarder::Forwarder;
use metrics::MemoryShare;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// The settings of a [`Manager`](super::Manager).
#[derive(Debug)]
pub struct ManagerSettings {
    /// Those that can be replaced, as they are at first.
    pub live: LiveSettings,
    pub totals: TotalsStorage,
    pub write_behind: WriteBehindSettings,
    /// How long the start waits for the stored data.
    pub start_wait: Duration,
    pub snapshot: StatisticsSnapshot,
    pub latencies: Arc<LatencySnapshot>,
    pub api_guard: Arc<ApiGuard>,
    /// `None` for no snapshots.
    pub snapshots: Option<SnapshotSettings>,
    /// Announces to upstream trackers, if forwarding is on.
    pub forwarder: Option<Forwarder>,
    /// Receives the requests to reload the configuration.
    pub reloads: mpsc::Sender<ReloadRequest>,
}

/// A request to reload the configuration, which sends back what has changed, or why nothing has.
pub type ReloadRequest = oneshot::Sender<Result<Reloaded, ManagementError>>;

/// The settings of a [`Manager`](super::Manager) that can be replaced.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveSettings {
    pub policy: AccessPolicy,
    pub rules: ConfiguredRules,
    pub sources: SourceSettings,
    /// The files of the lists, in the order of [`primitives::TorrentList::ALL`].
    pub list_files: [Option<PathBuf>; 2],
    pub keys_max: usize,
    /// Torrents of the lists that fit into the cores.
    pub torrents_max: u64,
    /// How often changes are written to the database.
    pub flush_every: Duration,
    pub memory: MemorySettings,
    /// How often a snapshot is written without a request.
    pub snapshot_every: Interval,
    /// The configuration without secrets.
    pub configuration: serde_json::Value,
    pub listeners: Vec<ListenerInfo>,
}

/// What the parts of the process may take of its memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemorySettings {
    pub shares: Vec<(MemoryShare, u64)>,
    /// Bytes of the process that may be resident.
    pub resident_bytes_max: u64,
    /// Bytes that the swarms of all cores may count while no more are resident.
    pub swarm_bytes_max: u64,
}

/// Whether totals are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TotalsStorage {
    Stored,
    /// They are stored once this file exists. They alone are no reason to create it.
    StoredIn(PathBuf),
}
