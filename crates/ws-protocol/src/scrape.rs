use crate::json::Elements;
use crate::value::{Text, twenty_bytes};
use primitives::InfoHash;

/// A scrape of the torrents that it names. Some clients send one without any to keep the connection open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scrape<'a> {
    pub info_hashes: InfoHashes<'a>,
    pub key: Option<Text<'a>>,
}

/// The torrents of a scrape, in order. Elements of a list that are not info hashes are skipped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InfoHashes<'a> {
    /// The torrent of a scrape without a list.
    single: Option<InfoHash>,
    listed: Elements<'a>,
}

impl<'a> InfoHashes<'a> {
    /// Returns `None` if the value is neither an info hash, nor an empty list, nor a list with an info hash.
    pub(crate) fn of_value(value: &'a str) -> Option<Self> {
        let listed = Elements::of_value(value);
        let single = twenty_bytes(value).map(InfoHash);
        let is_empty = value.starts_with('[') && listed.clone().next().is_none();
        let hashes = Self { single, listed };
        (is_empty || hashes.clone().next().is_some()).then_some(hashes)
    }
}

impl Iterator for InfoHashes<'_> {
    type Item = InfoHash;

    fn next(&mut self) -> Option<InfoHash> {
        self.single.take().or_else(|| self.listed.find_map(twenty_bytes).map(InfoHash))
    }
}
