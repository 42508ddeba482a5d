use crate::limits::REASON_BYTES_MAX;
use ipnet::IpNet;
use primitives::{AuthenticationKey, PeerIdPrefix};

/// A user's key and account as stored. Counts above `i64::MAX` are stored as `i64::MAX`, the largest number that all
/// backends have in common; no user transfers eight exabytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredKey {
    pub key: AuthenticationKey,
    /// When the key expires, in Unix seconds; `None` if it never does.
    pub valid_until_unix_s: Option<u64>,
    /// Bytes uploaded.
    pub uploaded: u64,
    /// Bytes downloaded.
    pub downloaded: u64,
    /// When the key was last used in an announce, in Unix seconds.
    pub last_seen_unix_s: Option<u64>,
}

/// A key that was deleted because it had expired, with its account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeletedKey {
    pub key: StoredKey,
    /// When it was deleted, in Unix seconds.
    pub deleted_unix_s: u64,
}

/// The subject of a ban.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Banned {
    /// Client software, identified by the beginning of its peer ids.
    Client(PeerIdPrefix),
    Network(IpNet),
}

/// A ban as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBan {
    pub banned: Banned,
    /// The reason, of which the first [`REASON_BYTES_MAX`] bytes are stored, without NUL.
    pub reason: String,
    /// When the ban began, in Unix seconds.
    pub since_unix_s: u64,
}

/// The name of a total: 1 to 64 letters, digits and underscores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TotalName(&'static str);

impl TotalName {
    /// Creates a name. In a constant, an invalid name is a compile-time error.
    ///
    /// # Panics
    /// If `name` is too long or contains other characters.
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

    /// Returns the text of the name.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

/// A total as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTotal {
    pub name: String,
    pub value: u64,
}

/// Returns the part of a reason that every backend accepts: PostgreSQL allows no NUL in a text.
pub(crate) fn storable_reason(reason: &str) -> String {
    let mut text: String = reason.chars().filter(|character| *character != '\0').collect();
    text.truncate(text.floor_char_boundary(REASON_BYTES_MAX));
    text
}

/// Returns the number that is stored for a count.
pub(crate) fn stored_number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Returns the count of a stored number: zero for a negative one, which only another program can have written.
pub(crate) fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_beyond_the_range_of_the_backends_is_stored_as_the_largest() {
        assert_eq!(stored_number(7), 7);
        assert_eq!(stored_number(u64::MAX), i64::MAX);
        assert_eq!(count(i64::MAX), 0x7fff_ffff_ffff_ffff);
        assert_eq!(count(-1), 0);
    }

    #[test]
    fn a_reason_is_truncated_between_characters_and_has_no_nul() {
        assert_eq!(storable_reason("spoofs\0 its \u{1f600}"), "spoofs its \u{1f600}");
        let long = storable_reason(&format!("x{}", "\u{1f600}".repeat(400)));
        assert_eq!(long.len(), 1021);
        assert!(long.ends_with('\u{1f600}'));
    }

    #[test]
    #[should_panic(expected = "a letter, digit or underscore")]
    fn an_invalid_name_of_a_total_panics() {
        let _ = TotalName::new("up loaded");
    }
}
