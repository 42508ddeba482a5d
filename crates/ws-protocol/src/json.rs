//! Reading of JSON (RFC 8259) without a tree: values are the parts of the text where they stand.

use crate::limits::DEPTH_MAX;
use crate::value::Text;
use memchr::memchr_iter;

/// A place in a JSON text. What it reads is checked; methods return `None` where the text is not JSON, or arrays and
/// objects are too many levels inside each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Cursor<'a> {
    text: &'a str,
    at: usize,
    strings: Strings,
}

/// Whether the characters of strings are known to be valid, because the text was read before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Strings {
    Unchecked,
    #[default]
    Valid,
}

/// Calls `visit` with the name and the value of each member of the object that is the whole of `text`. Returns `None`
/// if it is not a JSON object.
pub(crate) fn read_object<'a>(text: &'a str, visit: impl FnMut(Text<'a>, &'a str)) -> Option<()> {
    let mut cursor = Cursor { text, at: 0, strings: Strings::Unchecked };
    cursor.object(DEPTH_MAX.checked_sub(1)?, visit)?;
    cursor.skip_blanks();
    cursor.rest().is_empty().then_some(())
}

/// Visits members that nothing needs.
const fn ignore(_: Text<'_>, _: &str) {}

/// The elements of an array of a valid JSON text, in order. A value that is no array has none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Elements<'a>(Cursor<'a>);

impl<'a> Elements<'a> {
    pub(crate) fn of_value(value: &'a str) -> Self {
        let array = if value.starts_with('[') { value } else { "" };
        Self(Cursor { text: array, at: 0, strings: Strings::Valid })
    }

    pub(crate) const fn text(&self) -> &'a str {
        self.0.text
    }

    /// Returns the next element, and calls `visit` with its members if it is an object.
    pub(crate) fn next_and_visit(&mut self, visit: impl FnMut(Text<'a>, &'a str)) -> Option<&'a str> {
        self.0.token(b'[').or_else(|| self.0.token(b','))?;
        self.0.value(DEPTH_MAX, visit)
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.next_and_visit(ignore)
    }
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    const fn skip(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    fn skip_while(&mut self, belongs: impl Fn(u8) -> bool) -> usize {
        let rest = self.rest();
        let bytes = rest.iter().position(|&byte| !belongs(byte)).unwrap_or(rest.len());
        self.skip(bytes);
        bytes
    }

    fn skip_blanks(&mut self) {
        self.skip_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    }

    fn expect(&mut self, text: &str) -> Option<()> {
        self.rest().starts_with(text.as_bytes()).then(|| self.skip(text.len()))
    }

    /// Reads a byte that may have white space before it.
    fn token(&mut self, byte: u8) -> Option<()> {
        self.skip_blanks();
        (*self.rest().first()? == byte).then(|| self.skip(1))
    }

    /// Reads a value with at most `depth` levels and returns its text. Calls `visit` with its members if it is an object.
    fn value(&mut self, depth: usize, visit: impl FnMut(Text<'a>, &'a str)) -> Option<&'a str> {
        self.skip_blanks();
        let start = self.at;
        match self.rest().first()? {
            b'"' => self.string().map(|_| ())?,
            b'{' => self.object(depth.checked_sub(1)?, visit)?,
            b'[' => self.array(depth.checked_sub(1)?)?,
            b't' => self.expect("true")?,
            b'f' => self.expect("false")?,
            b'n' => self.expect("null")?,
            _ => self.number()?,
        }
        self.text.get(start..self.at)
    }

    /// Reads an object whose members have at most `depth` levels.
    fn object(&mut self, depth: usize, mut visit: impl FnMut(Text<'a>, &'a str)) -> Option<()> {
        self.token(b'{')?;
        if self.token(b'}').is_some() {
            return Some(());
        }
        loop {
            self.skip_blanks();
            let name = self.string()?;
            self.token(b':')?;
            visit(name, self.value(depth, ignore)?);
            if self.token(b'}').is_some() {
                return Some(());
            }
            self.token(b',')?;
        }
    }

    /// Reads an array whose elements have at most `depth` levels.
    fn array(&mut self, depth: usize) -> Option<()> {
        self.token(b'[')?;
        if self.token(b']').is_some() {
            return Some(());
        }
        loop {
            self.value(depth, ignore)?;
            if self.token(b']').is_some() {
                return Some(());
            }
            self.token(b',')?;
        }
    }

    fn string(&mut self) -> Option<Text<'a>> {
        self.expect("\"")?;
        let (start, rest) = (self.at, self.rest());
        let length = closing_quote(rest)?;
        self.skip(length.saturating_add(1));
        let is_valid = self.strings == Strings::Valid
            || has_usual_characters(rest.get(..=length)?)
            || has_valid_characters(rest.get(..length)?);
        self.text.get(start..start.saturating_add(length)).filter(|_| is_valid).map(Text)
    }

    fn number(&mut self) -> Option<()> {
        let _sign = self.expect("-");
        if self.expect("0").is_none() {
            self.digits()?;
        }
        if self.expect(".").is_some() {
            self.digits()?;
        }
        if self.expect("e").or_else(|| self.expect("E")).is_some() {
            let _sign = self.expect("+").or_else(|| self.expect("-"));
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        (self.skip_while(|byte| byte.is_ascii_digit()) > 0).then_some(())
    }
}

/// Returns the place of the first quote that is not escaped.
fn closing_quote(bytes: &[u8]) -> Option<usize> {
    memchr_iter(b'"', bytes).find(|&at| {
        let before = bytes.get(..at).unwrap_or_default();
        before.iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 0
    })
}

/// Returns whether a string, here with its closing quote, has no other escapes than those of descriptions of sessions, and
/// no control characters. It has no branches, so that it is compiled to vector instructions.
fn has_usual_characters(text: &[u8]) -> bool {
    let after = text.get(1..).unwrap_or_default();
    text.iter().zip(after).fold(true, |is_usual, (&byte, &after)| {
        let is_escape =
            (after == b'n') | (after == b'r') | (after == b't') | (after == b'"') | (after == b'/');
        is_usual & (byte >= b' ') & ((byte != b'\\') | is_escape)
    })
}

/// Returns whether a string has only valid escapes and no control characters.
fn has_valid_characters(mut text: &[u8]) -> bool {
    loop {
        text = match text {
            [] => return true,
            [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', after @ ..] => after,
            [b'\\', b'u', a, b, c, d, after @ ..] if [a, b, c, d].into_iter().all(u8::is_ascii_hexdigit) => {
                after
            }
            [b'\\' | 0..b' ', ..] => return false,
            [_, after @ ..] => after,
        };
    }
}

#[cfg(test)]
mod tests;
