use crate::accounts::AccountBounds;
use crate::details::DetailsBounds;
use crate::torrent_table::TorrentTableBounds;
use primitives::InfoHash;

/// Who is served, and what is kept of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessPolicy {
    /// Which users.
    pub users: UserAdmission,
    /// Which torrents.
    pub torrents: TorrentAdmission,
    /// Whether completed events are counted beside the swarms, to be stored.
    pub completed: CompletedCounts,
    /// Whether what peers say of themselves is kept.
    pub details: DetailsKept,
}

impl AccessPolicy {
    /// Everybody may announce everything, and nothing is kept of them.
    pub const PUBLIC: Self = Self {
        users: UserAdmission::Public,
        torrents: TorrentAdmission::Any,
        completed: CompletedCounts::Forgotten,
        details: DetailsKept::Dropped,
    };
}

/// Which users are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserAdmission {
    /// All.
    Public,
    /// Those with a key.
    Private,
}

/// Which torrents are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TorrentAdmission {
    /// All but those on [`primitives::TorrentList::Denied`].
    Any,
    /// Those on [`primitives::TorrentList::Allowed`] that are not on [`primitives::TorrentList::Denied`].
    Listed,
}

/// Whether completed events are counted beside the swarms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompletedCounts {
    /// They are, and outlive the swarms.
    Remembered,
    /// They are not.
    Forgotten,
}

/// Whether what peers say of themselves is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DetailsKept {
    /// It is.
    Kept,
    /// It is not.
    Dropped,
}

/// How much a core may know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessBounds {
    /// Torrents.
    pub torrent_table: TorrentTableBounds,
    /// Keys, at most [`crate::KEYS_MAX`].
    pub keys_max: usize,
    /// Accounts and their sessions.
    pub accounts: AccountBounds,
    /// Peers whose details are kept.
    pub details: DetailsBounds,
}

/// Why a torrent is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TorrentRefusal {
    /// Only listed ones are, and it is not.
    #[error("The torrent: {0}, is not whitelisted")]
    NotListed(InfoHash),
    /// It is banned.
    #[error("The torrent: {0}, is banned here")]
    Denied(InfoHash),
}

/// What found no place, since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shortfalls {
    /// Torrents for a list.
    pub listed_torrents: u64,
    /// Completed events and stored counts.
    pub completed_counts: u64,
    /// Keys.
    pub keys: u64,
    /// Reports of sessions.
    pub session_reports: u64,
    /// Details of peers.
    pub peer_details: u64,
}
