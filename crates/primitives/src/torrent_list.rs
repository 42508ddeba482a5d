/// A list of torrents that decides who is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TorrentList {
    /// Where the tracker is listed, only these are served: the whitelist.
    Allowed,
    /// These are never served.
    Denied,
}

impl TorrentList {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Allowed, Self::Denied];
}

/// Who put a torrent on a list. It is on the list as long as one of them wants it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListSource {
    /// The list's file.
    File,
    /// The management API, whose lists the database keeps.
    Api,
}

/// What is done to a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListChange {
    /// Torrents are put on it.
    Add,
    /// Torrents are taken off.
    Remove,
}
