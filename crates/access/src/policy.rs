use crate::accounts::AccountBounds;
use crate::details::DetailsBounds;
use crate::torrent_table::TorrentTableBounds;
use primitives::InfoHash;

/// Who is served, and which data is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessPolicy {
    pub users: UserAdmission,
    pub torrents: TorrentAdmission,
    /// Whether completed events are counted independently of the swarms, so that they can be stored.
    pub completed: CompletedCounts,
    pub details: DetailsKept,
}

impl AccessPolicy {
    /// All may announce everything, and nothing is recorded.
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
    Public,
    /// Users with a valid key.
    Private,
}

/// Which torrents are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TorrentAdmission {
    /// All except those on [`primitives::TorrentList::Denied`].
    Any,
    /// Those on [`primitives::TorrentList::Allowed`] that are not on [`primitives::TorrentList::Denied`].
    Listed,
}

/// Whether completed events are counted independently of the swarms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompletedCounts {
    /// They are counted, and the counts outlive the swarms.
    Remembered,
    /// They are counted in the swarms only.
    Forgotten,
}

/// Whether the details that peers report are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DetailsKept {
    /// They are kept for the lifetime of the peer.
    Kept,
    Dropped,
}

/// The limits of a core's admission data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessBounds {
    /// Torrents on lists or with a count.
    pub torrent_table: TorrentTableBounds,
    /// Keys, at most [`crate::KEYS_MAX`].
    pub keys_max: usize,
    pub accounts: AccountBounds,
    pub details: DetailsBounds,
}

/// Error: an entry was rejected because a limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

/// Why a torrent is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TorrentRefusal {
    /// Only listed torrents are served, and it is not listed.
    #[error("The torrent: {0}, is not whitelisted")]
    NotListed(InfoHash),
    #[error("The torrent: {0}, is banned here")]
    Denied(InfoHash),
}

/// Entries rejected because a limit was reached, since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shortfalls {
    pub listed_torrents: u64,
    /// Completed events and stored counts.
    pub completed_counts: u64,
    pub keys: u64,
    pub session_reports: u64,
    pub peer_details: u64,
}
