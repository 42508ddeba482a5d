//! Reading of JSON (RFC 8259) without a tree: values are the parts of the text where they stand.

use crate::limits::DEPTH_MAX;
use crate::value::Text;

/// A place in a JSON text. What it reads is checked; methods return `None` where the text is not JSON, or arrays and
/// objects are too many levels inside each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

/// Calls `visit` with the name and the value of each member of the object that is the whole of `text`. Returns `None`
/// if it is not a JSON object.
pub(crate) fn read_object<'a>(text: &'a str, visit: impl FnMut(Text<'a>, &'a str)) -> Option<()> {
    let mut cursor = Cursor { text, at: 0 };
    cursor.object(DEPTH_MAX.checked_sub(1)?, visit)?;
    cursor.skip_blanks();
    cursor.rest().is_empty().then_some(())
}

/// The elements of an array of a valid JSON text, in order. A value that is no array has none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Elements<'a>(Cursor<'a>);

impl<'a> Elements<'a> {
    pub(crate) fn of_value(value: &'a str) -> Self {
        let array = if value.starts_with('[') { value } else { "" };
        Self(Cursor { text: array, at: 0 })
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.0.token(b'[').or_else(|| self.0.token(b','))?;
        self.0.value(DEPTH_MAX)
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

    /// Reads a value with at most `depth` levels and returns its text.
    fn value(&mut self, depth: usize) -> Option<&'a str> {
        self.skip_blanks();
        let start = self.at;
        match self.rest().first()? {
            b'"' => self.string().map(|_| ())?,
            b'{' => self.object(depth.checked_sub(1)?, |_, _| {})?,
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
            visit(name, self.value(depth)?);
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
            self.value(depth)?;
            if self.token(b']').is_some() {
                return Some(());
            }
            self.token(b',')?;
        }
    }

    fn string(&mut self) -> Option<Text<'a>> {
        self.expect("\"")?;
        let start = self.at;
        loop {
            self.skip(plain_bytes(self.rest()));
            match self.rest() {
                [b'"', ..] => break,
                [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => self.skip(2),
                [b'\\', b'u', digits @ ..] if is_code_unit(digits) => self.skip(6),
                _ => return None,
            }
        }
        let text = self.text.get(start..self.at)?;
        self.skip(1);
        Some(Text(text))
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

fn is_code_unit(digits: &[u8]) -> bool {
    digits.get(..4).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

/// Returns the number of bytes before the first quote, backslash or control character. Eight bytes are looked at
/// together.
fn plain_bytes(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH_BITS: u64 = ONES << 7;
    let (words, tail) = bytes.as_chunks();
    let mut before: usize = 0;
    for word in words {
        let word = u64::from_le_bytes(*word);
        // A subtraction sets the high bit of each byte that is smaller, and maybe of some after the first of them.
        let smaller_than = |word: u64, limit: u64| word.wrapping_sub(ONES.wrapping_mul(limit)) & !word;
        let is = |byte: u8| smaller_than(word ^ ONES.wrapping_mul(byte.into()), 1);
        let found = (is(b'"') | is(b'\\') | smaller_than(word, 0x20)) & HIGH_BITS;
        if found != 0 {
            return before.saturating_add(found.trailing_zeros() as usize / 8);
        }
        before = before.saturating_add(8);
    }
    let is_special = |&byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    before.saturating_add(tail.iter().position(is_special).unwrap_or(tail.len()))
}

#[cfg(test)]
mod tests;
