use access::TorrentTablePlace;
pub use database::Banned;
use database::{DatabaseError, TooManyWaiting};
use primitives::{
    AuthenticationKey, InfoHash, ListChange, ListSource, PeerInfo, Statistics, TorrentInfo, TorrentList,
    TorrentOrder,
};
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

/// What the management API asks of the tracker.
///
/// What is changed holds at once for requests; it is stored a moment later. What can go wrong is the same everywhere:
/// see [`ManagementError`].
#[expect(clippy::missing_errors_doc, reason = "ManagementError says it for all")]
pub trait Management: Send + Sync + 'static {
    /// Which modes are on.
    fn modes(&self) -> Modes;

    /// The figures of all cores together.
    fn statistics(&self) -> Statistics;

    /// What was done in all runs of the tracker, by name.
    fn totals(&self) -> Vec<(&'static str, u64)>;

    /// A torrent with its peers, `peers_max` of them at most; `None` if it has no swarm.
    fn torrent(
        &self,
        info_hash: InfoHash,
        peers_max: usize,
    ) -> impl Future<Output = Result<Option<TorrentWithPeers>, ManagementError>> + Send;

    /// A page of torrents.
    fn torrents(
        &self,
        page: TorrentPage,
    ) -> impl Future<Output = Result<Vec<TorrentInfo>, ManagementError>> + Send;

    /// These torrents in their order, as far as they have swarms.
    fn torrents_named(
        &self,
        info_hashes: Vec<InfoHash>,
    ) -> impl Future<Output = Result<Vec<TorrentInfo>, ManagementError>> + Send;

    /// Forgets a torrent's peers. Says whether it had a swarm.
    fn drop_torrent(&self, info_hash: InfoHash)
    -> impl Future<Output = Result<bool, ManagementError>> + Send;

    /// Puts torrents on a list, or takes them off, as the management API: what the list's file says stays.
    fn change_list(
        &self,
        list: TorrentList,
        change: ListChange,
        info_hashes: Vec<InfoHash>,
    ) -> impl Future<Output = Result<(), ManagementError>> + Send;

    /// A page of a list: `entries_max` at most, from the place that the page before ended with.
    fn list_page(
        &self,
        list: TorrentList,
        from: Option<ListPlace>,
        entries_max: usize,
    ) -> impl Future<Output = Result<ListPage, ManagementError>> + Send;

    /// Reads the stored list anew, and its file.
    fn reload_list(&self, list: TorrentList) -> impl Future<Output = Result<(), ManagementError>> + Send;

    /// Makes a key, or renews it where it is known already.
    fn put_key(&self, key: WantedKey) -> impl Future<Output = Result<KeyInfo, ManagementError>> + Send;

    /// Makes or renews many keys at once: what became of each, in their order.
    fn put_keys(
        &self,
        keys: Vec<WantedKey>,
    ) -> impl Future<Output = Result<Vec<KeyOutcome>, ManagementError>> + Send;

    /// Removes many keys at once. Says how many of them were known.
    fn remove_keys(
        &self,
        keys: Vec<AuthenticationKey>,
    ) -> impl Future<Output = Result<usize, ManagementError>> + Send;

    /// Removes a key. Says whether it was known.
    fn remove_key(
        &self,
        key: AuthenticationKey,
    ) -> impl Future<Output = Result<bool, ManagementError>> + Send;

    /// A key with its account.
    fn key(&self, key: AuthenticationKey) -> Option<KeyInfo>;

    /// Keys in their order, `keys_max` at most, behind `after`.
    fn keys(&self, after: Option<AuthenticationKey>, keys_max: usize) -> Vec<KeyInfo>;

    /// Sets a key's uploaded and downloaded bytes to zero. Says whether it is known.
    fn reset_account(&self, key: AuthenticationKey) -> Result<bool, ManagementError>;

    /// Reads the stored keys anew.
    fn reload_keys(&self) -> impl Future<Output = Result<(), ManagementError>> + Send;

    /// All bans of clients and networks. Banned torrents are those of [`TorrentList::Denied`].
    fn bans(&self) -> impl Future<Output = Vec<Ban>> + Send;

    /// Bans somebody. Of a ban that is there already the reason is replaced.
    fn add_ban(&self, ban: Ban) -> impl Future<Output = Result<(), ManagementError>> + Send;

    /// Lifts a ban. Says whether it was there.
    fn lift_ban(&self, banned: Banned) -> impl Future<Output = Result<bool, ManagementError>> + Send;

    /// The configuration in use, an object of sections, with secrets left out.
    fn configuration(&self) -> serde_json::Value;

    /// Reads the files again that are read at SIGHUP: lists, certificates.
    fn reload(&self) -> impl Future<Output = Result<(), ManagementError>> + Send;

    /// How long replies took since the start.
    fn latencies(&self) -> impl Future<Output = Result<Vec<LatencyInfo>, ManagementError>> + Send;

    /// The same as an HdrHistogram log.
    fn latency_log(&self) -> impl Future<Output = Result<Vec<u8>, ManagementError>> + Send;

    /// How the writes to the database do.
    fn storage(&self) -> StorageInfo;

    /// Where the tracker listens.
    fn listeners(&self) -> Vec<ListenerInfo>;
}

/// Which modes are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Modes {
    /// Who is served.
    pub users: UserMode,
    /// Which torrents are.
    pub torrents: TorrentMode,
}

/// Who is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserMode {
    /// Everybody.
    Public,
    /// Who has a key.
    Private,
}

/// Which torrents are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TorrentMode {
    /// All but those on [`TorrentList::Denied`].
    Any,
    /// Those on [`TorrentList::Allowed`] that are not on [`TorrentList::Denied`].
    Listed,
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum ManagementError {
    /// A core took no command, or did not answer in time.
    #[error("a core of the tracker does not answer")]
    CoreBusy,
    /// As much as may waits for the database.
    #[error("too many changes wait for the database, which is away or slow")]
    WritesFull,
    /// A bound is reached.
    #[error("{0}")]
    Full(&'static str),
    /// The database did not give what was asked for.
    #[error("the database failed: {0}")]
    Database(String),
    /// A file could not be read.
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
    /// The torrent.
    pub info: TorrentInfo,
    /// Peers, IPv4 first.
    pub peers: Vec<PeerInfo>,
}

/// Which torrents are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TorrentPage {
    /// In which order. The first by a count may be as they were ten seconds ago.
    pub order: TorrentOrder,
    /// How many are left out before the first. Of an order by a count, `offset` and `torrents_max` together are
    /// bounded by [`crate::SORTED_TORRENTS_MAX`].
    pub offset: u64,
    /// How many there are at most.
    pub torrents_max: usize,
}

/// Where a page of a list ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListPlace {
    /// Whose part of the list the next entry is in.
    pub shard: usize,
    /// Where in it.
    pub place: TorrentTablePlace,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPage {
    /// Torrents, each with who put it there.
    pub entries: Vec<(InfoHash, Vec<ListSource>)>,
    /// Where to go on, if there are more.
    pub next: Option<ListPlace>,
}

/// A key that somebody wants to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WantedKey {
    /// This one; `None`: a new one.
    pub key: Option<AuthenticationKey>,
    /// For how long from now; `None`: for ever.
    pub validity: Option<Duration>,
}

/// What became of a key that somebody wants to have.
pub type KeyOutcome = Result<KeyInfo, ManagementError>;

/// A key, and what is known of its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyInfo {
    /// The key.
    pub key: AuthenticationKey,
    /// Until when it lets in, in Unix seconds; `None`: for ever.
    pub valid_until_unix_s: Option<u64>,
    /// Bytes uploaded.
    pub uploaded: u64,
    /// Bytes downloaded.
    pub downloaded: u64,
    /// When it was last announced with, in Unix seconds.
    pub last_seen_unix_s: Option<u64>,
    /// Torrents that it seeds now.
    pub seeding: u32,
    /// Torrents that it downloads now.
    pub leeching: u32,
}

/// Somebody who is not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    /// Who.
    pub banned: Banned,
    /// Why, for other operators to read.
    pub reason: String,
    /// Since when, in Unix seconds.
    pub since_unix_s: u64,
}

/// How long one kind of reply took since the start.
#[derive(Debug, Clone, PartialEq)]
pub struct LatencyInfo {
    /// Which kind, such as `announce-ipv4`.
    pub name: String,
    /// How many there were.
    pub count: u64,
    /// Half took at most so many microseconds.
    pub p50_us: f64,
    /// Nine in ten.
    pub p90_us: f64,
    /// 99 in a hundred.
    pub p99_us: f64,
    /// 999 in a thousand.
    pub p999_us: f64,
    /// The slowest.
    pub max_us: f64,
}

/// How the writes to the database do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageInfo {
    /// Whether it takes them.
    pub state: StorageState,
    /// Changes that wait to be written.
    pub writes_waiting: u64,
    /// Changes written since the start.
    pub writes_done: u64,
    /// Changes given up or refused because too many waited.
    pub writes_lost: u64,
    /// Attempts that failed.
    pub failures: u64,
}

/// Whether the database takes writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorageState {
    /// There is none.
    Absent,
    /// The last write, if there was one, went well.
    Connected,
    /// The last attempt failed: why.
    Away(String),
}

/// Where the tracker listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenerInfo {
    /// What is spoken there.
    pub service: Service,
    /// The address and port that it is bound to.
    pub address: SocketAddr,
    /// What connections to it from this machine begin with.
    pub preface: Preface,
}

/// What stands in front of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preface {
    /// Nothing.
    None,
    /// A header of the PROXY protocol.
    ProxyHeader,
}

/// What is spoken at a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// BEP 15.
    Udp,
    /// Announces over HTTP.
    Http,
    /// Announces over HTTP in TLS.
    Https,
    /// The management API.
    Api,
    /// The management API in TLS.
    ApiTls,
}
