//! Bencoding (BEP 3) into a buffer. The code that writes a dictionary has to write its keys in sorted order.

use core::fmt;

/// Appends bytes to a buffer. Bytes that do not fit are dropped, and [`Writer::written`] reports it.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    room: &'a mut [u8],
    /// Number of bytes put, those that did not fit included.
    length: usize,
}

impl<'a> Writer<'a> {
    pub(crate) const fn new(room: &'a mut [u8]) -> Self {
        Self { room, length: 0 }
    }

    /// Returns the number of bytes written, or `None` if some did not fit.
    pub(crate) fn written(&self) -> Option<usize> {
        (self.length <= self.room.len()).then_some(self.length)
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) {
        let end = self.length.saturating_add(bytes.len());
        if let Some(place) = self.room.get_mut(self.length..end) {
            place.copy_from_slice(bytes);
        }
        self.length = end;
    }

    pub(crate) fn decimal(&mut self, mut number: u64) {
        let mut digits = [0; DECIMAL_BYTES_MAX];
        let mut used: usize = 0;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' | (number % 10) as u8;
            number /= 10;
            used = used.saturating_add(1);
            if number == 0 {
                break;
            }
        }
        self.put(digits.get(DECIMAL_BYTES_MAX.saturating_sub(used)..).unwrap_or_default());
    }

    /// Writes `text` without a length, such as `d`, `l` or `e`.
    pub(crate) fn literal(&mut self, text: &str) {
        self.put(text.as_bytes());
    }

    /// Writes an integer: `i42e`.
    pub(crate) fn integer(&mut self, number: impl Into<u64>) {
        self.literal("i");
        self.decimal(number.into());
        self.literal("e");
    }

    /// Writes a string: `5:bytes`.
    pub(crate) fn string(&mut self, bytes: &[u8]) {
        self.string_of(bytes.len());
        self.put(bytes);
    }

    /// Writes the length prefix of a string.
    fn string_of(&mut self, length: usize) {
        self.decimal(length as u64);
        self.literal(":");
    }
}

/// Digits of `u64::MAX`.
const DECIMAL_BYTES_MAX: usize = 20;

/// A text of limited length on the stack.
#[derive(Debug)]
pub(crate) struct Text<const BYTES_MAX: usize> {
    bytes: [u8; BYTES_MAX],
    length: usize,
}

impl<const BYTES_MAX: usize> Text<BYTES_MAX> {
    /// Formats `value`. If it does not fit, it is truncated between two characters.
    pub(crate) fn of(value: impl fmt::Display) -> Self {
        let mut text = Self { bytes: [0; BYTES_MAX], length: 0 };
        // An error means that the text was truncated.
        let _cut = fmt::write(&mut text, format_args!("{value}"));
        text
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl<const BYTES_MAX: usize> fmt::Write for Text<BYTES_MAX> {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let room = BYTES_MAX.saturating_sub(self.length).min(part.len());
        let fits = (0..=room).rev().find(|&end| part.is_char_boundary(end)).unwrap_or(0);
        let end = self.length.saturating_add(fits);
        if let Some((place, bytes)) = self.bytes.get_mut(self.length..end).zip(part.as_bytes().get(..fits)) {
            place.copy_from_slice(bytes);
            self.length = end;
        }
        if fits == part.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_and_strings_are_written_as_bep_3_says() {
        let mut room = [0; 64];
        let mut writer = Writer::new(&mut room);
        writer.integer(0_u32);
        writer.integer(1800_u32);
        writer.integer(u64::MAX);
        writer.string(b"");
        writer.string(b"spam");
        let length = writer.written().unwrap();
        assert_eq!(room[..length], *b"i0ei1800ei18446744073709551615e0:4:spam");
    }

    #[test]
    fn bytes_that_do_not_fit_are_reported() {
        let mut room = [0; 4];
        let mut writer = Writer::new(&mut room);
        writer.put(b"abcd");
        assert_eq!(writer.written(), Some(4));
        writer.put(b"e");
        writer.put(b"");
        assert_eq!(writer.written(), None);
    }

    #[test]
    fn a_text_is_truncated_between_two_characters() {
        assert_eq!(Text::<4>::of("ab").as_bytes(), b"ab");
        assert_eq!(Text::<4>::of(format_args!("{}{}", "abc", "\u{e9}")).as_bytes(), b"abc");
        assert_eq!(Text::<5>::of("abc\u{e9}f").as_bytes(), "abc\u{e9}".as_bytes());
    }
}
