//! Percent-decoding (RFC 3986, 2.1) without a copy of the whole query.
//!
//! A `+` stays a `+`. It stands for a space in forms, but an info hash is not a form field: opentracker, aquatic and
//! Torrust take it literally, so that clients do not send it for a space.

use core::iter::from_fn;

/// Returns the decoded bytes of a value, with `None` for an invalid escape.
pub(crate) fn decode(value: &[u8]) -> impl Iterator<Item = Option<u8>> {
    let mut rest = value;
    from_fn(move || {
        let (&first, after) = rest.split_first()?;
        rest = after;
        if first != b'%' {
            return Some(Some(first));
        }
        let Some((&[high, low], after)) = rest.split_first_chunk() else { return Some(None) };
        rest = after;
        Some(nibble(high).zip(nibble(low)).map(|(high, low)| high << 4 | low))
    })
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit & 0x0f),
        b'A'..=b'F' | b'a'..=b'f' => Some((digit & 0x0f).wrapping_add(9)),
        _ => None,
    }
}

/// Decodes a value of exactly 20 bytes.
///
/// Which bytes of a hash are escaped is random, so that a processor cannot predict a branch on it. Therefore each byte
/// is decoded both as an escape and as itself, and one of the two is selected.
pub(crate) fn decode_hash(value: &[u8]) -> Option<[u8; HASH_BYTES]> {
    let mut padded = [0; ESCAPED_HASH_BYTES_MAX + 2];
    padded.get_mut(..value.len()).filter(|_| value.len() <= ESCAPED_HASH_BYTES_MAX)?.copy_from_slice(value);
    let mut hash = [0; HASH_BYTES];
    let (mut at, mut wrong): (usize, u8) = (0, 0);
    for byte in &mut hash {
        let &[first, high, low] = padded.get(at..)?.first_chunk()?;
        let (high, low) = (digit(high), digit(low));
        let is_escape = first == b'%';
        *byte = if is_escape { high << 4 | low } else { first };
        wrong |= if is_escape { (high | low) & NO_DIGIT } else { 0 };
        at = at.saturating_add(if is_escape { 3 } else { 1 });
    }
    (at == value.len() && wrong == 0).then_some(hash)
}

fn digit(byte: u8) -> u8 {
    HEXADECIMAL.get(usize::from(byte)).copied().unwrap_or(NO_DIGIT)
}

const HASH_BYTES: usize = 20;

/// Size of a hash with each byte escaped.
const ESCAPED_HASH_BYTES_MAX: usize = 3 * HASH_BYTES;

/// A bit that is set in no digit.
const NO_DIGIT: u8 = 0x80;

/// The values of hexadecimal digits in either case.
#[expect(clippy::indexing_slicing, reason = "evaluated at compile time")]
const HEXADECIMAL: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut byte: u8 = 0;
    loop {
        if let Some(value) = nibble(byte) {
            values[byte as usize] = value;
        }
        if byte == u8::MAX {
            break values;
        }
        byte = byte.wrapping_add(1);
    }
};

/// Decodes a value of at most as many bytes as `buffer` has.
pub(crate) fn decode_into<'b>(value: &[u8], buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let mut decoded = decode(value);
    let mut bytes: usize = 0;
    for (place, byte) in buffer.iter_mut().zip(decoded.by_ref()) {
        *place = byte?;
        bytes = bytes.saturating_add(1);
    }
    decoded.next().is_none().then_some(())?;
    buffer.get(..bytes)
}

/// Decodes a number that consists of digits only.
pub(crate) fn decode_number(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    decode(value).try_fold(0_u64, |number, byte| {
        let digit = byte?.checked_sub(b'0').filter(|&digit| digit <= 9)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

pub(crate) fn is_text(value: &[u8], text: &str) -> bool {
    decode(value).eq(text.bytes().map(Some))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_stand_for_bytes_in_either_case() {
        let value = b"%00a%fF%Aa~aaaaaaaaaaaaaaa";
        let expected = *b"\x00a\xff\xaa~aaaaaaaaaaaaaaa";
        assert_eq!(decode_hash(value), Some(expected));
        assert_eq!(decode_into(value, &mut [0; 20]), Some(expected.as_slice()));
        assert_eq!(decode_hash("%7e".repeat(20).as_bytes()), Some([b'~'; 20]));
    }

    #[test]
    fn a_plus_is_a_plus() {
        assert_eq!(decode_into(b"+%2b%20", &mut [0; 3]), Some(b"++ ".as_slice()));
        assert_eq!(decode_hash(b"+%2b%20aaaaaaaaaaaaaaaaa"), Some(*b"++ aaaaaaaaaaaaaaaaa"));
    }

    #[test]
    fn a_value_with_a_truncated_or_wrong_escape_is_rejected() {
        for value in [b"a%".as_slice(), b"a%4", b"a%4g", b"a%%4", b"%-1", b"%zz"] {
            for length in 15..=20 {
                let hash = [&[b'a'; 20][..length], value].concat();
                assert_eq!(decode_hash(&hash), None, "{}", hash.escape_ascii());
            }
            assert!(decode_into(value, &mut [0; 9]).is_none());
        }
    }

    #[test]
    fn a_value_of_another_length_is_rejected() {
        for length in [0, 19, 21, 59, 60, 61, 62, 63, 1000] {
            assert_eq!(decode_hash(&vec![b'a'; length]), None, "{length}");
        }
        for escapes in [19, 21] {
            assert_eq!(decode_hash("%61".repeat(escapes).as_bytes()), None, "{escapes}");
        }
        assert_eq!(decode_into(b"abc", &mut [0; 2]), None);
        assert_eq!(decode_into(b"%61b", &mut [0; 2]), Some(b"ab".as_slice()));
        assert_eq!(decode_into(b"", &mut [0; 2]), Some(b"".as_slice()));
    }

    #[test]
    fn numbers_consist_of_digits_and_fit() {
        assert_eq!(decode_number(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(decode_number(b"%31%30"), Some(10));
        for value in [b"18446744073709551616".as_slice(), b"-1", b"+1", b"1 ", b"", b"0x1", b"1.0"] {
            assert_eq!(decode_number(value), None);
        }
    }
}
