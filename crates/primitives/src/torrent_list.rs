/// A list that decides which torrents are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TorrentList {
    /// The whitelist: in the `listed` modes only its torrents are served.
    Allowed,
    /// The denylist: its torrents are never served.
    Denied,
}

impl TorrentList {
    /// Both lists.
    pub const ALL: [Self; 2] = [Self::Allowed, Self::Denied];
}

/// The source of a list's entry. A torrent stays on the list as long as at least one source lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListSource {
    /// The file of the list.
    File,
    /// The management API, whose lists are stored in the database.
    Api,
}

/// A change to a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListChange {
    Add,
    Remove,
}
