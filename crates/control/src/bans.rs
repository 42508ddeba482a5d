//! Bans of clients and networks, beside the fixed rules of the configuration.

mod book;
mod store;

pub use book::ConfiguredRules;
pub(crate) use store::Bans;

use crate::management::{Answer, Pending};
pub use database::{Banned, StoredBan as Ban};

/// The management of the bans of clients and networks. Banned torrents are those of
/// [`primitives::TorrentList::Denied`].
pub trait BanManagement: Send + Sync {
    /// Returns all bans.
    fn all(&self) -> Pending<'_, Vec<Ban>>;

    /// Returns the number of bans, without waiting for changes in progress.
    fn count(&self) -> usize;

    /// Bans a client or a network. If it is banned already, the reason is replaced.
    fn add(&self, ban: Ban) -> Answer<'_, ()>;

    /// Lifts a ban. Returns whether there was one.
    fn lift(&self, banned: Banned) -> Answer<'_, bool>;
}
