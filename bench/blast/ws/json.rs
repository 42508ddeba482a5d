//! The parts of a JSON object that matter here, without a tree. Faults of the syntax are noticed only where they
//! hinder reading.

use memchr::memchr2;

/// The members of an object: the text of each name without its quotes, and that of its value.
#[derive(Debug)]
pub(crate) struct Members<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Members<'a> {
    /// Returns the members of the object that `text` is. `None` if it is none.
    pub(crate) fn of(text: &'a str) -> Option<Self> {
        let text = text.trim_ascii();
        (text.starts_with('{') && text.ends_with('}')).then_some(Self { text, at: 1 })
    }

    /// Returns the next member. `None` if there is no other.
    pub(crate) fn next(&mut self) -> Result<Option<(&'a str, &'a str)>, &'static str> {
        match self.skip_to_token() {
            Some(b'"') => {}
            Some(b'}') => return Ok(None),
            _ => return Err(NO_JSON),
        }
        let name = self.value()?;
        if self.skip_to_token() != Some(b':') {
            return Err(NO_JSON);
        }
        self.at += 1;
        self.skip_to_token();
        let value = self.value()?;
        if self.skip_to_token() == Some(b',') {
            self.at += 1;
        }
        Ok(Some((&name[1..name.len() - 1], value)))
    }

    /// Skips blanks, and returns the byte after them.
    fn skip_to_token(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.text.as_bytes().get(self.at).copied()
    }

    /// Returns the value that begins here.
    fn value(&mut self) -> Result<&'a str, &'static str> {
        let (bytes, start) = (self.text.as_bytes(), self.at);
        let mut depth = 0_usize;
        loop {
            match bytes.get(self.at).ok_or(NO_JSON)? {
                b'"' => self.at = string_end(bytes, self.at).ok_or(NO_JSON)?,
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                    continue;
                }
                b'}' | b']' if depth > 0 => {
                    depth -= 1;
                    self.at += 1;
                }
                b',' | b'}' | b']' if depth == 0 => break,
                _ => {
                    self.at += 1;
                    continue;
                }
            }
            if depth == 0 {
                break;
            }
        }
        Ok(self.text[start..self.at].trim_ascii_end())
    }
}

const NO_JSON: &str = "a message that is no JSON object";

/// Returns the end of the string that begins at `start`.
fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        // Escapes often follow each other.
        match *bytes.get(at)? {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += memchr2(b'"', b'\\', &bytes[at..])?,
        }
    }
}

/// Returns the text between the quotes of a string, with its escapes.
pub(crate) fn string(value: &str) -> Option<&str> {
    value.strip_prefix('"')?.strip_suffix('"')
}

/// Returns the bytes of a binary string, given without its quotes: one for each character.
pub(crate) fn binary(text: &str) -> Option<[u8; 20]> {
    let (mut bytes, mut rest) = ([0; 20], text.as_bytes());
    for byte in &mut bytes {
        (*byte, rest) = match rest {
            [b'\\', rest @ ..] => escaped(rest)?,
            [ascii @ ..0x80, rest @ ..] => (*ascii, rest),
            // The characters U+0080 to U+00FF.
            [high @ 0xc2..=0xc3, low, rest @ ..] => (high << 6 | low & 0x3f, rest),
            _ => return None,
        };
    }
    rest.is_empty().then_some(bytes)
}

/// Returns the byte of an escape, given after its backslash, and the rest.
fn escaped(text: &[u8]) -> Option<(u8, &[u8])> {
    let (&letter, rest) = text.split_first()?;
    let byte = match letter {
        b'b' => 8,
        b'f' => 12,
        b'n' => 10,
        b'r' => 13,
        b't' => 9,
        b'u' => {
            let (digits, rest) = rest.split_at_checked(4)?;
            return Some((u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?, rest));
        }
        other => other,
    };
    Some((byte, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(text: &str) -> Result<Vec<(&str, &str)>, &'static str> {
        let (mut members, mut all) = (Members::of(text).ok_or(NO_JSON)?, Vec::new());
        while let Some(member) = members.next()? {
            all.push(member);
        }
        Ok(all)
    }

    #[test]
    fn members_are_found_whatever_their_values() {
        for (text, expected) in [
            ("{}", &[][..]),
            (r#"{"a":1,"b":"x"}"#, &[("a", "1"), ("b", r#""x""#)]),
            (" { \"a\" : -1.5 , \"b\" :\tnull } ", &[("a", "-1.5"), ("b", "null")]),
            (r#"{"a":{"b":[1,{"c":"}]"}]},"d":[]}"#, &[("a", r#"{"b":[1,{"c":"}]"}]}"#), ("d", "[]")]),
            (r#"{"a":"\"\\","\"":"}"}"#, &[("a", r#""\"\\""#), (r#"\""#, r#""}""#)]),
        ] {
            assert_eq!(members(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["", "[]", "{", r#"{"a"}"#, r#"{"a":"b}"#, r#"{"a":[1}"#, "{a:1}", r#"{"a":1"b":2}"#] {
            assert!(members(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_binary_string_has_twenty_bytes_however_they_are_written() {
        for (text, expected) in [
            ("abcdefghijklmnopqrst", Some(*b"abcdefghijklmnopqrst")),
            (r#"\"\\\/\b\f\n\r\t\u0000\u00fFklmnopqrst"#, Some(*b"\"\\/\x08\x0c\n\r\t\0\xffklmnopqrst")),
            ("\u{80}\u{ff}cdefghijklmnopqrst", Some(*b"\x80\xffcdefghijklmnopqrst")),
            ("abcdefghijklmnopqrs", None),
            ("abcdefghijklmnopqrstu", None),
            ("abcdefghijklmnopqrs\u{100}", None),
            (r"abcdefghijklmnopqrs\u0100", None),
            (r"abcdefghijklmnopqrs\u00", None),
        ] {
            assert_eq!(binary(text), expected, "{text}");
        }
    }
}
