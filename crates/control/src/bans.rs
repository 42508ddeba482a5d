//! Bans of clients and networks, beside the fixed rules of the configuration. Those without an end are stored; temporary
//! ones are kept in memory.

mod book;
mod store;
mod temporary;

pub use book::ConfiguredRules;
pub(crate) use store::Bans;
pub(crate) use temporary::{BanTerms, SourceBan};

use crate::management::{Answer, Pending};
pub use database::{Banned, StoredBan};
use ipnet::IpNet;
use std::time::Duration;

/// The management of the bans of clients and networks. Banned torrents are those of
/// [`primitives::TorrentList::Denied`].
pub trait BanManagement: Send + Sync {
    /// Returns all bans.
    fn all(&self) -> Pending<'_, Vec<Ban>>;

    /// Returns the numbers of bans, without waiting for changes in progress.
    fn counts(&self) -> BanCounts;

    /// Bans a client or a network until the ban is lifted. If it is banned already, that ban is replaced.
    fn add(&self, ban: StoredBan) -> Answer<'_, ()>;

    /// Bans a network for some time. If it is banned already, that ban is replaced.
    fn add_temporary(&self, ban: TemporaryBan) -> Answer<'_, ()>;

    /// Lifts a ban. Returns whether there was one.
    fn lift(&self, banned: Banned) -> Answer<'_, bool>;
}

/// A ban in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    pub banned: Banned,
    pub reason: String,
    /// When the ban began, in Unix seconds.
    pub since_unix_s: u64,
    /// `None` if the ban is stored.
    pub end: Option<BanEnd>,
}

/// The end of a temporary ban.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BanEnd {
    /// When the ban ends, in Unix seconds.
    pub unix_s: u64,
    /// How often the source has been banned for its requests in succession; `None` if an operator has set the ban.
    pub level: Option<u32>,
}

/// The ban that applies to a network, with the banned network: the same or a wider one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppliedBan {
    /// It cannot be lifted.
    Configured(IpNet),
    Stored(IpNet),
    Temporary {
        network: IpNet,
        end_unix_s: u64,
    },
}

/// A temporary ban to be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemporaryBan {
    pub network: IpNet,
    pub reason: String,
    pub duration: Duration,
}

/// The numbers of bans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BanCounts {
    pub stored: u64,
    pub temporary: u64,
    /// Sources banned for their requests since the start.
    pub sources_banned: u64,
}
