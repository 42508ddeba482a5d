use core::fmt;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The SHA-1 info hash that identifies a torrent (BEP 3), or the first 20 bytes of a version 2 hash (BEP 52).
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(transparent)]
pub struct InfoHash(pub [u8; InfoHash::BYTES]);

impl InfoHash {
    /// Size of an info hash in bytes.
    pub const BYTES: usize = 20;

    /// Length of an info hash in hexadecimal digits.
    pub const HEX_DIGITS: usize = 2 * Self::BYTES;

    /// Parses 40 hexadecimal digits in upper or lower case.
    pub fn from_hex(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; Self::BYTES];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

/// A prefix of info hashes with an even number of bytes. The next two bytes of an info hash are its branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InfoHashPrefix {
    /// The bytes after `length` are zero.
    bytes: [u8; InfoHash::BYTES],
    length: usize,
}

impl InfoHashPrefix {
    /// Number of branches of a prefix.
    pub const BRANCHES: usize = 1 << 16;

    /// Returns the lowest info hash with this prefix.
    pub const fn first(&self) -> InfoHash {
        InfoHash(self.bytes)
    }

    /// Returns whether the prefix is empty, so that all info hashes have it.
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Returns the branch of `info_hash`, or `None` if it has another prefix or the prefix is a whole info hash.
    pub fn branch_of(&self, info_hash: &InfoHash) -> Option<u16> {
        let (begin, rest) = info_hash.0.split_at_checked(self.length)?;
        let branch = rest.first_chunk()?;
        (begin == &self.bytes[..self.length]).then(|| u16::from_be_bytes(*branch))
    }

    /// Returns the prefix followed by `branch`, or the prefix itself if it is a whole info hash.
    #[must_use]
    pub fn extended(mut self, branch: u16) -> Self {
        if let Some(next) = self.bytes[self.length..].first_chunk_mut() {
            *next = branch.to_be_bytes();
            self.length += 2;
        }
        self
    }
}

impl fmt::Display for InfoHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for InfoHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "InfoHash({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_info_hash_is_displayed_as_forty_hex_digits() {
        let info_hash = InfoHash([0xa5; 20]);
        assert_eq!(info_hash.to_string(), "a5".repeat(20));
    }

    #[test]
    fn a_branch_is_the_two_bytes_after_the_prefix() {
        let info_hash = InfoHash(core::array::from_fn(|index| u8::try_from(index).unwrap()));
        let mut prefix = InfoHashPrefix::default();
        assert!(prefix.is_empty());
        for branch in (0..20).step_by(2).map(|byte| u16::from_be_bytes([byte, byte + 1])) {
            assert_eq!(prefix.branch_of(&info_hash), Some(branch));
            assert_eq!(prefix.extended(branch + 1).branch_of(&info_hash), None);
            prefix = prefix.extended(branch);
        }
        assert_eq!((prefix.first(), prefix.branch_of(&info_hash)), (info_hash, None));
        assert_eq!(prefix.extended(7), prefix);
    }

    #[test]
    fn only_forty_hex_digits_are_parsed_as_an_info_hash() {
        let info_hash = InfoHash(core::array::from_fn(|index| 0xf0 - 12 * u8::try_from(index).unwrap()));
        let text = info_hash.to_string();
        assert_eq!(InfoHash::from_hex(text.as_bytes()), Some(info_hash));
        assert_eq!(InfoHash::from_hex(text.to_uppercase().as_bytes()), Some(info_hash));
        let (short, long) = (&text[1..], format!("{text}0"));
        for wrong in [short, &long, &text.replace('f', "g"), &text.replace('f', " "), ""] {
            assert_eq!(InfoHash::from_hex(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
