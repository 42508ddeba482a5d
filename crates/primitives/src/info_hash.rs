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

    /// Digits of an info hash in hexadecimal.
    pub const HEX_DIGITS: usize = 2 * Self::BYTES;

    /// The info hash that is written so, with 40 hexadecimal digits, capital or small.
    #[must_use]
    pub fn from_hex(text: &[u8]) -> Option<Self> {
        let digits: &[u8; Self::HEX_DIGITS] = text.try_into().ok()?;
        let mut bytes = [0; Self::BYTES];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self(bytes))
    }
}

const fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        b'A'..=b'F' => Some(character - b'A' + 10),
        _ => None,
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
    fn an_info_hash_is_shown_as_forty_hex_digits() {
        let info_hash = InfoHash([0xa5; 20]);
        assert_eq!(info_hash.to_string(), "a5".repeat(20));
    }

    #[test]
    fn forty_hex_digits_are_an_info_hash_and_nothing_else_is() {
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
