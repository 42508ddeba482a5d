use database::{Change, StoredKey, TotalName};
use primitives::{AuthenticationKey, InfoHash, ListChange, TorrentList};

/// The tracker's name of the total of completed events.
pub(crate) const COMPLETED: TotalName = TotalName::new("completed");

/// What is imported from a row or a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Record {
    Listed(TorrentList, InfoHash),
    /// A torrent, and how often it was completed.
    Completed(InfoHash, u64),
    /// A key, and when it expires, in Unix seconds.
    Key(AuthenticationKey, Option<u64>),
    /// How often all torrents were completed.
    TotalCompleted(u64),
}

impl From<Record> for Change {
    fn from(record: Record) -> Self {
        match record {
            Record::Listed(list, info_hash) => Self::List(list, info_hash, ListChange::Add),
            Record::Completed(info_hash, count) => Self::Completed(info_hash, count),
            Record::Key(key, valid_until_unix_s) => Self::PutKey(StoredKey {
                key,
                valid_until_unix_s,
                uploaded: 0,
                downloaded: 0,
                last_seen_unix_s: None,
            }),
            Record::TotalCompleted(count) => Self::Total(COMPLETED, count),
        }
    }
}
