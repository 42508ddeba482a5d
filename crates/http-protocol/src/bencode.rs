//! Bencoding (BEP 3) into a buffer of the caller. Keys are written in the order that the callers keep: sorted.

use core::fmt;

/// Bytes written one after another into a buffer. What finds no room is left out, and [`Writer::written`] tells.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    room: &'a mut [u8],
    /// Bytes that were to be written, whether there was room for them or not.
    length: usize,
}

impl<'a> Writer<'a> {
    pub(crate) const fn new(room: &'a mut [u8]) -> Self {
        Self { room, length: 0 }
    }

    /// How many bytes were written, if there was room for all of them.
    pub(crate) fn written(&self) -> Option<usize> {
        (self.length <= self.room.len()).then_some(self.length)
    }

    /// These bytes.
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        let end = self.length.saturating_add(bytes.len());
        if let Some(place) = self.room.get_mut(self.length..end) {
            place.copy_from_slice(bytes);
        }
        self.length = end;
    }

    /// A number in decimal.
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

    /// `d`, `l` or `e`, and whatever else is written as it stands.
    pub(crate) fn literal(&mut self, text: &str) {
        self.put(text.as_bytes());
    }

    /// An integer: `i42e`.
    pub(crate) fn integer(&mut self, number: impl Into<u64>) {
        self.literal("i");
        self.decimal(number.into());
        self.literal("e");
    }

    /// A string: `5:bytes`.
    pub(crate) fn string(&mut self, bytes: &[u8]) {
        self.string_of(bytes.len());
        self.put(bytes);
    }

    /// The beginning of a string of so many bytes.
    fn string_of(&mut self, length: usize) {
        self.decimal(length as u64);
        self.literal(":");
    }
}

/// Digits of the longest number.
const DECIMAL_BYTES_MAX: usize = 20;

/// A text of bounded length that is made where it stands.
#[derive(Debug)]
pub(crate) struct Text<const BYTES_MAX: usize> {
    bytes: [u8; BYTES_MAX],
    length: usize,
}

impl<const BYTES_MAX: usize> Text<BYTES_MAX> {
    /// What `value` says, cut where there is no more room: between two characters.
    pub(crate) fn of(value: impl fmt::Display) -> Self {
        let mut text = Self { bytes: [0; BYTES_MAX], length: 0 };
        // An error is a text that was cut.
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
    fn what_finds_no_room_is_told() {
        let mut room = [0; 4];
        let mut writer = Writer::new(&mut room);
        writer.put(b"abcd");
        assert_eq!(writer.written(), Some(4));
        writer.put(b"e");
        writer.put(b"");
        assert_eq!(writer.written(), None);
    }

    #[test]
    fn a_text_is_cut_between_two_characters() {
        assert_eq!(Text::<4>::of("ab").as_bytes(), b"ab");
        assert_eq!(Text::<4>::of(format_args!("{}{}", "abc", "\u{e9}")).as_bytes(), b"abc");
        assert_eq!(Text::<5>::of("abc\u{e9}f").as_bytes(), "abc\u{e9}".as_bytes());
    }
}
