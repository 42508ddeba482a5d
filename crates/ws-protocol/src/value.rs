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
    let text = Text::from_value(value)?;
    twenty_plain_bytes(text.0.as_bytes()).or_else(|| twenty_characters(text))
}

/// Like [`twenty_bytes`], for a string without escapes, which most are.
fn twenty_plain_bytes(text: &[u8]) -> Option<[u8; 20]> {
    let (mut bytes, mut rest) = ([0; 20], text);
    for byte in &mut bytes {
        (*byte, rest) = match rest {
            [first @ (0xc2 | 0xc3), second, rest @ ..] => (first << 6 | second & 0x3f, rest),
            [first @ 0..0x80, rest @ ..] if *first != b'\\' => (*first, rest),
            _ => return None,
        };
    }
    rest.is_empty().then_some(bytes)
}

fn twenty_characters(text: Text<'_>) -> Option<[u8; 20]> {
    let mut characters = text.characters();
    let mut bytes = [0; 20];
    for byte in &mut bytes {
        *byte = u8::try_from(characters.next()??).ok()?;
    }
    characters.next().is_none().then_some(bytes)
}

/// Returns the number that is this value: the digits of one up to `u64::MAX`, or 0 in any form, such as `-0` or `0.0`.
pub(crate) fn number(value: &str) -> Option<u64> {
    let is_zero = || value.parse() == Ok(0.0);
    value.parse().ok().or_else(|| is_zero().then_some(0))
}

/// Decodes an escape after its backslash.
fn escaped(rest: &mut Chars<'_>) -> Option<char> {
    Some(match rest.next()? {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => return code_point(rest),
        character => character,
    })
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
