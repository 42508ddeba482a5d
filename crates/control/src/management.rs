use access::TorrentTablePlace;
pub use database::Banned;
use database::{DatabaseError, TooManyWaiting};
use metrics::Statistics;
use primitives::{
    AuthenticationKey, InfoHash, ListChange, ListSource, PeerInfo, TorrentInfo, TorrentList, TorrentOrder,
};
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

/// The management of a running tracker, as the management API uses it.
///
/// Changes apply to requests at once and are stored a moment later. All methods fail in the same ways: see
/// [`ManagementError`].
#[expect(clippy::missing_errors_doc, reason = "ManagementError documents the errors of all methods")]
pub trait Management: Send + Sync + 'static {
    /// Returns the modes of the tracker.
    fn modes(&self) -> Modes;

    /// Returns the figures of all cores together.
    fn statistics(&self) -> Statistics;

    /// Returns the totals over all runs of the tracker, by name.
    fn totals(&self) -> Vec<(&'static str, u64)>;

    /// Returns a torrent with at most `peers_max` of its peers; `None` if it has no swarm.
    fn torrent(
        &self,
        info_hash: InfoHash,
        peers_max: usize,
    ) -> impl Future<Output = Result<Option<TorrentWithPeers>, ManagementError>> + Send;

    /// Returns a page of torrents.
    fn torrents(
        &self,
        page: TorrentPage,
    ) -> impl Future<Output = Result<Vec<TorrentInfo>, ManagementError>> + Send;

    /// Returns those of the torrents that have swarms, in the given order.
    fn torrents_named(
        &self,
        info_hashes: Vec<InfoHash>,
    ) -> impl Future<Output = Result<Vec<TorrentInfo>, ManagementError>> + Send;

    /// Drops a torrent's peers. Returns whether it had a swarm.
    fn drop_torrent(&self, info_hash: InfoHash)
    -> impl Future<Output = Result<bool, ManagementError>> + Send;

    /// Puts torrents on a list or takes them off, as the management API. Entries of the list's file stay.
    fn change_list(
        &self,
        list: TorrentList,
        change: ListChange,
        info_hashes: Vec<InfoHash>,
    ) -> impl Future<Output = Result<(), ManagementError>> + Send;

    /// Returns a page of a list: at most `entries_max` entries from the place where the previous page ended.
    fn list_page(
        &self,
        list: TorrentList,
        from: Option<ListPlace>,
        entries_max: usize,
    ) -> impl Future<Output = Result<ListPage, ManagementError>> + Send;

    /// Reloads a list from the database and from its file.
    fn reload_list(&self, list: TorrentList) -> impl Future<Output = Result<(), ManagementError>> + Send;

    /// Creates a key, or renews it if it is known already.
    fn put_key(&self, key: WantedKey) -> impl Future<Output = Result<KeyInfo, ManagementError>> + Send;

    /// Creates or renews many keys at once. Returns the outcome of each, in their order.
    fn put_keys(
        &self,
        keys: Vec<WantedKey>,
    ) -> impl Future<Output = Result<Vec<KeyOutcome>, ManagementError>> + Send;

    /// Removes many keys at once. Returns how many of them were known.
    fn remove_keys(
        &self,
        keys: Vec<AuthenticationKey>,
    ) -> impl Future<Output = Result<usize, ManagementError>> + Send;

    /// Removes a key. Returns whether it was known.
    fn remove_key(
        &self,
        key: AuthenticationKey,
    ) -> impl Future<Output = Result<bool, ManagementError>> + Send;

    /// Returns a key with its account.
    fn key(&self, key: AuthenticationKey) -> Option<KeyInfo>;

    /// Returns at most `keys_max` keys in their order, starting after `after`.
    fn keys(&self, after: Option<AuthenticationKey>, keys_max: usize) -> Vec<KeyInfo>;

    /// Sets a key's uploaded and downloaded bytes to zero. Returns whether it is known.
    fn reset_account(&self, key: AuthenticationKey) -> Result<bool, ManagementError>;

    /// Reloads the keys from the database.
    fn reload_keys(&self) -> impl Future<Output = Result<(), ManagementError>> + Send;

    /// Returns all bans of clients and networks. Banned torrents are those of [`TorrentList::Denied`].
    fn bans(&self) -> impl Future<Output = Vec<Ban>> + Send;

    /// Bans a client or a network. If it is banned already, the reason is replaced.
    fn add_ban(&self, ban: Ban) -> impl Future<Output = Result<(), ManagementError>> + Send;

    /// Lifts a ban. Returns whether there was one.
    fn lift_ban(&self, banned: Banned) -> impl Future<Output = Result<bool, ManagementError>> + Send;

    /// Returns the configuration in use as an object of sections, without secrets.
    fn configuration(&self) -> serde_json::Value;

    /// Reloads lists, certificates and API tokens from their files, as SIGHUP does.
    fn reload(&self) -> impl Future<Output = Result<(), ManagementError>> + Send;

    /// Returns how long replies took since the start.
    fn latencies(&self) -> impl Future<Output = Result<Vec<LatencyInfo>, ManagementError>> + Send;

    /// Returns the latencies since the start as an HdrHistogram log.
    fn latency_log(&self) -> impl Future<Output = Result<Vec<u8>, ManagementError>> + Send;

    /// Returns the state of the writes to the database.
    fn storage(&self) -> StorageInfo;

    /// Returns the listeners of the tracker.
    fn listeners(&self) -> Vec<ListenerInfo>;
}

/// The modes of the tracker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Modes {
    pub users: UserMode,
    pub torrents: TorrentMode,
}

/// Which users are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserMode {
    /// All users.
    Public,
    /// Users with a key.
    Private,
}

/// Which torrents are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TorrentMode {
    /// All torrents but those on [`TorrentList::Denied`].
    Any,
    /// Torrents on [`TorrentList::Allowed`] that are not on [`TorrentList::Denied`].
    Listed,
}

/// The error of a management request.
#[derive(Debug, thiserror::Error)]
pub enum ManagementError {
    /// The queue of a core stayed full, or the core did not reply in time.
    #[error("a core of the tracker does not answer")]
    CoreBusy,
    /// Too many changes are waiting for the database.
    #[error("too many changes wait for the database, which is away or slow")]
    WritesFull,
    /// A limit is reached, or the system has no randomness for a key.
    #[error("{0}")]
    Full(&'static str),
    #[error("the database failed: {0}")]
    Database(String),
    #[error("{0}")]
    File(String),
}

impl From<TooManyWaiting> for ManagementError {
    fn from(_: TooManyWaiting) -> Self {
        Self::WritesFull
    }
}

impl From<DatabaseError> for ManagementError {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error.to_string())
    }
}

/// A torrent with its peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TorrentWithPeers {
    pub info: TorrentInfo,
    /// Peers, IPv4 first.
    pub peers: Vec<PeerInfo>,
}

/// A request for a page of torrents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TorrentPage {
    /// Sort order. In an order by a count, the page may be up to ten seconds old.
    pub order: TorrentOrder,
    /// Torrents to skip. In an order by a count, `offset` plus `torrents_max` is at most
    /// [`crate::SORTED_TORRENTS_MAX`].
    pub offset: u64,
    pub torrents_max: usize,
}

/// A place in a list, from which the next page starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListPlace {
    /// The shard whose part of the list holds the next entry.
    pub shard: usize,
    pub place: TorrentTablePlace,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPage {
    /// Torrents, each with the sources that list it.
    pub entries: Vec<(InfoHash, Vec<ListSource>)>,
    /// Where the next page starts, if there is one.
    pub next: Option<ListPlace>,
}

/// A request to create or renew a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WantedKey {
    /// The key; `None` for a random one.
    pub key: Option<AuthenticationKey>,
    /// Validity from now on; `None` for a permanent key.
    pub validity: Option<Duration>,
}

/// The outcome of a request for a key.
pub type KeyOutcome = Result<KeyInfo, ManagementError>;

/// A key with its user's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyInfo {
    pub key: AuthenticationKey,
    /// End of its validity in Unix seconds; `None` for a permanent key.
    pub valid_until_unix_s: Option<u64>,
    /// Bytes uploaded.
    pub uploaded: u64,
    /// Bytes downloaded.
    pub downloaded: u64,
    /// Time of its last announce in Unix seconds.
    pub last_seen_unix_s: Option<u64>,
    /// Torrents being seeded with it.
    pub seeding: u32,
    /// Torrents being downloaded with it.
    pub leeching: u32,
}

/// A ban of a client or a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    pub banned: Banned,
    /// The reason, for other operators to read.
    pub reason: String,
    /// Start of the ban in Unix seconds.
    pub since_unix_s: u64,
}

/// How long one kind of reply took since the start.
#[derive(Debug, Clone, PartialEq)]
pub struct LatencyInfo {
    /// The kind, such as `announce-ipv4`.
    pub name: String,
    /// Number of replies.
    pub count: u64,
    /// Median in microseconds.
    pub p50_us: f64,
    pub p90_us: f64,
    pub p99_us: f64,
    /// 99.9th percentile.
    pub p999_us: f64,
    pub max_us: f64,
}

/// The state of the writes to the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageInfo {
    pub state: StorageState,
    pub writes_waiting: u64,
    /// Changes written since the start.
    pub writes_done: u64,
    /// Changes refused because too many were waiting, or abandoned at the end.
    pub writes_lost: u64,
    /// Failed attempts to write.
    pub failures: u64,
}

/// Whether the database accepts writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorageState {
    Absent,
    /// The last write, if there was one, succeeded.
    Connected,
    /// The last attempt failed, or stored data could not be read yet, for this reason.
    Away(String),
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
}
