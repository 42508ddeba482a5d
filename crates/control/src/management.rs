//! What can be asked of a running tracker and changed in it, without HTTP. Types of stored data and of
//! admission are those of `database` and `access`.

pub use crate::bans::{AppliedBan, Ban, BanCounts, BanEnd, BanManagement, Banned, StoredBan, TemporaryBan};
pub use crate::forwarding::{
    AddError, FailureKind, ForwardingManagement, Upstream, UpstreamFields, UpstreamFigures, UpstreamInfo,
    UpstreamState,
};
pub use crate::keys::{KeyInfo, KeyManagement, KeyOutcome, WantedKey};
pub use crate::latency::{LatencyDistribution, LatencyInfo, LatencyManagement};
pub use crate::limits::SORTED_TORRENTS_MAX;
pub use crate::lists::{ListManagement, ListPage, ListPlace};
pub use crate::snapshots::{SnapshotFigures, SnapshotInfo, SnapshotManagement};
pub use crate::sources::{ApiGuard, Class, SourceInfo, SourceManagement};
pub use crate::torrents::{TorrentManagement, TorrentPage, TorrentWithPeers};
pub use access::{AccessPolicy, TorrentAdmission, UserAdmission};
use database::{DatabaseError, NotWritten, TooManyWaiting};
pub use database::{WriteBehindInfo as StorageInfo, WriteBehindState as StorageState};
use metrics::{MemoryShare, Statistics};
use std::net::SocketAddr;
use std::pin::Pin;
use tokio::sync::OwnedRwLockReadGuard;

/// The management of a running tracker, as the management API uses it.
///
/// Changes apply to requests at once and are stored a moment later. All methods fail in the same ways: see
/// [`ManagementError`].
pub trait Management: Send + Sync + 'static {
    /// Returns the management of the keys.
    fn keys(&self) -> &dyn KeyManagement;

    /// Returns the management of the lists of torrents.
    fn lists(&self) -> &dyn ListManagement;

    /// Returns the management of the bans.
    fn bans(&self) -> &dyn BanManagement;

    /// Returns the management of the sources that send more than they may.
    fn sources(&self) -> &dyn SourceManagement;

    /// Returns the limits by source, as the APIs apply them.
    fn api_guard(&self) -> &ApiGuard;

    /// Returns the management of the torrents that have swarms.
    fn torrents(&self) -> &dyn TorrentManagement;

    /// Returns the management of the latencies.
    fn latency(&self) -> &dyn LatencyManagement;

    /// Returns the management of the upstream trackers, if forwarding is on.
    fn forwarding(&self) -> Option<&dyn ForwardingManagement>;

    /// Returns the management of the snapshots.
    fn snapshots(&self) -> &dyn SnapshotManagement;

    /// Returns who is served.
    fn policy(&self) -> AccessPolicy;

    /// Returns the figures of all cores together.
    fn statistics(&self) -> Statistics;

    /// Returns the figures of each core, in the order of the shards.
    fn shards(&self) -> Vec<Statistics>;

    /// Returns the totals over all runs of the tracker, by name.
    fn totals(&self) -> Vec<(&'static str, u64)>;

    /// Returns the configuration in use as an object of sections, without secrets.
    fn configuration(&self) -> serde_json::Value;

    /// Begins a change of what is stored or configured. Returns `None` while another process takes over, which would not learn of
    /// it.
    fn begin_change(&self) -> Option<ChangePermit>;

    /// Reads the configuration again with everything that it names: lists, upstream trackers, certificates and API tokens.
    /// If any of it cannot be used, nothing changes.
    fn reload(&self) -> Answer<'_, Reloaded>;

    /// Returns the state of the writes to the database. It is away, too, while stored data could not be read yet.
    fn storage(&self) -> StorageInfo;

    /// Returns what the parts of the tracker may take of its memory.
    fn memory(&self) -> MemoryInfo;

    /// Returns the listeners of the tracker.
    fn listeners(&self) -> Vec<ListenerInfo>;
}

/// A change has begun, and has ended once this is dropped.
#[derive(Debug, Default)]
pub struct ChangePermit {
    pub(crate) _running: Option<OwnedRwLockReadGuard<()>>,
}

/// What the parts of the tracker may take of its memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryInfo {
    /// In bytes.
    pub shares: Vec<(MemoryShare, u64)>,
    /// Bytes that the swarms may take at present.
    pub swarm_bytes_max: u64,
}

/// A value to be awaited.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The result of a management request, to be awaited.
pub type Answer<'a, T> = Pending<'a, Result<T, ManagementError>>;

/// The error of a management request.
#[derive(Debug, thiserror::Error)]
pub enum ManagementError {
    /// The queue of a core stayed full, or the core did not reply in time.
    #[error("a core of the tracker does not answer")]
    CoreBusy,
    #[error(transparent)]
    WritesFull(#[from] TooManyWaiting),
    /// A limit is reached, or the system has no randomness for a key.
    #[error("{0}")]
    Full(&'static str),
    #[error("the database failed: {0}")]
    Database(#[from] DatabaseError),
    /// A change has to follow others that could not be stored.
    #[error("the database failed: {0}")]
    NotWritten(#[from] NotWritten),
    #[error("the database failed: the keys could not be read from it yet")]
    KeysUnread,
    #[error("the stored data cannot be handed over: {0}")]
    HandingOver(&'static str),
    #[error("there is no directory for snapshots: set snapshot.directory")]
    NoSnapshots,
    /// One is being written or has to be loaded, or the tracker is stopping, which writes one too.
    #[error("a snapshot is being written, or has to be loaded first")]
    SnapshotBusy,
    #[error("no snapshot was written: {0}")]
    Snapshot(String),
    #[error("{0}")]
    File(String),
    /// The configuration, or a file that it names, cannot be used.
    #[error("the configuration stays as it was: {0}")]
    Configuration(String),
    #[error("the new certificate is not in use everywhere: {0}")]
    Certificate(String),
}

/// The keys of the configuration that a reload found changed, with their sections.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reloaded {
    /// Those that are in use.
    pub changed: Vec<String>,
    /// Those that need a restart.
    pub needs_restart: Vec<String>,
}

/// A listener of the tracker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenerInfo {
    pub service: Service,
    /// The bound address and port.
    pub address: SocketAddr,
    /// Required of connections to it from this machine.
    pub preface: Preface,
}

/// What precedes the protocol on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preface {
    None,
    /// A header of the PROXY protocol.
    ProxyHeader,
}

/// The service at a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Announces over UDP (BEP 15).
    Udp,
    Http,
    Https,
    Api,
    ApiTls,
    /// The figures for Prometheus.
    Figures,
}
