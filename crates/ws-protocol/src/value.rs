//! The values of a valid JSON text.

use core::iter::from_fn;
use core::str::Chars;

/// A valid string of a JSON text, as received: without its quotes, and not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a>(pub(crate) &'a str);

impl<'a> Text<'a> {
    /// Returns the string that is this value of a valid JSON text.
    pub(crate) fn from_value(value: &'a str) -> Option<Self> {
        value.strip_prefix('"')?.strip_suffix('"').map(Self)
    }

    /// Returns the text. It is decoded into `room` if it has escapes; otherwise it is a part of the message, of any
    /// length. Returns `None` if `room` is too small, or the text has half of a surrogate pair.
    pub fn decode<'b>(&self, room: &'b mut [u8]) -> Option<&'b str>
    where
        'a: 'b,
    {
        if !self.0.contains('\\') {
            return Some(self.0);
        }
        let mut length: usize = 0;
        for character in self.characters() {
            let character = character?;
            let end = length.saturating_add(character.len_utf8());
            character.encode_utf8(room.get_mut(length..end)?);
            length = end;
        }
        str::from_utf8(room.get(..length)?).ok()
    }

    /// Decodes the characters. An item is `None` if it is half of a surrogate pair; nothing after it can be relied on.
    fn characters(&self) -> impl Iterator<Item = Option<char>> + 'a {
        let mut rest = self.0.chars();
        from_fn(move || match rest.next()? {
            '\\' => Some(escaped(&mut rest)),
            character => Some(Some(character)),
        })
    }
}

/// Decodes a value that is a string, like [`Text::decode`].
pub(crate) fn decoded<'b, 'a: 'b>(value: Option<&'a str>, room: &'b mut [u8]) -> Option<&'b str> {
    Text::from_value(value?)?.decode(room)
}

/// Returns the bytes of a value that is a binary string: 20 characters from U+0000 to U+00FF, one for each byte.
pub(crate) fn twenty_bytes(value: &str) -> Option<[u8; 20]> {
    let (mut bytes, mut rest) = ([0; 20], Text::from_value(value)?.0.as_bytes());
    for byte in &mut bytes {
        (*byte, rest) = match rest {
            [b'\\', b'u', b'0', b'0', high, low, rest @ ..] => (digit(*high)? << 4 | digit(*low)?, rest),
            [b'\\', escape, rest @ ..] => (escaped_byte(*escape)?, rest),
            [byte @ 0..0x80, rest @ ..] => (*byte, rest),
            // Two bytes of UTF-8.
            [first @ (0xc2 | 0xc3), second, rest @ ..] => (first << 6 | second & 0x3f, rest),
            _ => return None,
        };
    }
    rest.is_empty().then_some(bytes)
}

fn digit(character: u8) -> Option<u8> {
    char::from(character).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Returns the byte that an escape of two characters stands for, from the second one.
const fn escaped_byte(character: u8) -> Option<u8> {
    Some(match character {
        b'b' => 0x8,
        b'f' => 0xc,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'"' | b'\\' | b'/' => character,
        _ => return None,
    })
}

/// Returns the number that is this value: the digits of one up to `u64::MAX`, or 0 in any form, such as `-0` or `0.0`.
pub(crate) fn number(value: &str) -> Option<u64> {
    let is_zero = || value.parse() == Ok(0.0);
    value.parse().ok().or_else(|| is_zero().then_some(0))
}

/// Decodes an escape after its backslash.
fn escaped(rest: &mut Chars<'_>) -> Option<char> {
    match rest.next()? {
        'u' => code_point(rest),
        character => u8::try_from(character).ok().and_then(escaped_byte).map(char::from),
    }
}

/// Decodes four digits, and those of the other half if they are half of a surrogate pair.
fn code_point(rest: &mut Chars<'_>) -> Option<char> {
    let unit = code_unit(rest)?;
    char::from_u32(unit.into()).or_else(|| {
        *rest = rest.as_str().strip_prefix("\\u")?.chars();
        char::decode_utf16([unit, code_unit(rest)?]).next()?.ok()
    })
}

fn code_unit(rest: &mut Chars<'_>) -> Option<u16> {
    let (digits, after) = rest.as_str().split_at_checked(4)?;
    *rest = after.chars();
    u16::from_str_radix(digits, 16).ok()
}
