use crate::limits::REASON_BYTES_MAX;
use ipnet::IpNet;
use primitives::{AuthenticationKey, InfoHash, PeerIdPrefix};

/// A user's key and account as they are stored. Counts above `i64::MAX` are stored as that: no backend has a larger
/// number in common with the others, and nobody moves eight exabytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredKey {
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
}

/// A key that was deleted because it had expired, with its account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeletedKey {
    /// The key as it was.
    pub key: StoredKey,
    /// When it was deleted, in Unix seconds.
    pub deleted_unix_s: u64,
}

/// How often a torrent was completed. Stored counts only grow: of two, the larger one stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TorrentCount {
    /// The torrent.
    pub info_hash: InfoHash,
    /// How often it was completed.
    pub completed: u64,
}

/// Who can be banned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Banned {
    /// Client software, by what its peer ids begin with.
    Client(PeerIdPrefix),
    /// All addresses of a network.
    Network(IpNet),
}

/// A ban as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBan {
    /// Who.
    pub banned: Banned,
    /// Why. Stored are the first [`REASON_BYTES_MAX`] bytes, without NUL.
    pub reason: String,
    /// Since when, in Unix seconds.
    pub since_unix_s: u64,
}

/// The name of a total: 1 to 64 letters, digits and underscores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TotalName(&'static str);

impl TotalName {
    /// The name. Made in a constant, a wrong one is an error of the compiler.
    ///
    /// # Panics
    /// If it is not made of what names are made of.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        assert!(!name.is_empty() && name.len() <= 64, "a total's name has 1 to 64 characters");
        let mut index = 0;
        while index < name.len() {
            let character = name.as_bytes()[index];
            assert!(character.is_ascii_alphanumeric() || character == b'_', "a letter, digit or underscore");
            index += 1;
        }
        Self(name)
    }

    /// Its text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

/// A total as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTotal {
    /// Its name.
    pub name: String,
    /// How much.
    pub value: u64,
}

/// The part of a reason that every backend takes: PostgreSQL knows no NUL in a text.
pub(crate) fn storable_reason(reason: &str) -> String {
    let mut text: String = reason.chars().filter(|character| *character != '\0').collect();
    text.truncate(text.floor_char_boundary(REASON_BYTES_MAX));
    text
}

/// The number that is stored for a count.
pub(crate) fn stored_number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The count that a number stands for: a negative one, which only somebody else can have written, for none.
pub(crate) fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_no_backend_has_is_stored_as_the_largest() {
        assert_eq!(stored_number(7), 7);
        assert_eq!(stored_number(u64::MAX), i64::MAX);
        assert_eq!(count(i64::MAX), 0x7fff_ffff_ffff_ffff);
        assert_eq!(count(-1), 0);
    }

    #[test]
    fn a_reason_is_cut_between_characters_and_has_no_nul() {
        assert_eq!(storable_reason("spoofs\0 its \u{1f600}"), "spoofs its \u{1f600}");
        let long = storable_reason(&format!("x{}", "\u{1f600}".repeat(400)));
        assert_eq!(long.len(), 1021);
        assert!(long.ends_with('\u{1f600}'));
    }

    #[test]
    #[should_panic(expected = "a letter, digit or underscore")]
    fn a_total_has_a_plain_name() {
        let _ = TotalName::new("up loaded");
    }
}
