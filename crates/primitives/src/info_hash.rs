use core::fmt;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The SHA-1 info hash that names a torrent (BEP 3), or the first 20 bytes of a version 2 hash (BEP 52).
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(transparent)]
pub struct InfoHash(pub [u8; InfoHash::BYTES]);

impl InfoHash {
    /// Bytes of an info hash on the wire.
    pub const BYTES: usize = 20;
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
    fn an_info_hash_is_shown_as_forty_hex_digits() {
        let info_hash = InfoHash([0xa5; 20]);
        assert_eq!(info_hash.to_string(), "a5".repeat(20));
    }
}
