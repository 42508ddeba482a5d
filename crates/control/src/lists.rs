//! The lists of torrents: their files, which are watched, and their changes by the management API.

mod file;
mod store;
mod watch;

pub use file::{ListFileError, check_list_file};
pub(crate) use store::Lists;

use crate::management::Answer;
use access::TorrentTablePlace;
use primitives::{InfoHash, ListChange, TorrentList};

/// The management of the lists of torrents.
pub trait ListManagement: Send + Sync {
    /// Puts torrents on a list or takes them off, as the management API. Entries of the list's file stay.
    fn change(&self, list: TorrentList, change: ListChange, info_hashes: Vec<InfoHash>) -> Answer<'_, ()>;

    /// Returns a page of a list: at most `entries_max` entries from the place where the previous page ended.
    fn page(&self, list: TorrentList, from: Option<ListPlace>, entries_max: usize) -> Answer<'_, ListPage>;

    /// Returns whether a torrent is on a list.
    fn contains(&self, list: TorrentList, info_hash: InfoHash) -> Answer<'_, bool>;

    /// Reloads a list from the database and from its file.
    fn reload(&self, list: TorrentList) -> Answer<'_, ()>;
}

/// A place in a list, from which the next page starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListPlace {
    /// The shard whose part of the list holds the next entry.
    pub shard: usize,
    pub place: TorrentTablePlace,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListPage {
    pub torrents: Vec<InfoHash>,
    /// Where the next page starts, if there is one.
    pub next: Option<ListPlace>,
}
