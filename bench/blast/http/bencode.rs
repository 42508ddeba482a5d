/// A bencoded value (BEP 3).
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Integer(i64),
    String(&'a [u8]),
    List(Vec<Value<'a>>),
    Dictionary(Vec<(&'a [u8], Value<'a>)>),
}

/// Limit of nested lists and dictionaries; a scrape has three levels.
const DEPTH_MAX: usize = 8;

impl<'a> Value<'a> {
    /// Returns the value of a key in a dictionary.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Value::Dictionary(entries) = self else { return None };
        entries.iter().find_map(|(name, value)| (*name == key.as_bytes()).then_some(value))
    }

    pub(crate) const fn as_string(&self) -> Option<&'a [u8]> {
        if let Value::String(string) = self { Some(string) } else { None }
    }

    /// Returns a non-negative integer.
    pub(crate) fn as_count(&self) -> Option<u64> {
        if let Value::Integer(number) = self { u64::try_from(*number).ok() } else { None }
    }
}

/// Decodes one value that spans all bytes. Keys must be sorted, and numbers in canonical form.
pub(crate) fn decode(bytes: &[u8]) -> Result<Value<'_>, &'static str> {
    let mut reader = Reader { rest: bytes };
    let value = reader.value(DEPTH_MAX)?;
    if reader.rest.is_empty() { Ok(value) } else { Err("bytes after the bencoded value") }
}

struct Reader<'a> {
    rest: &'a [u8],
}

const CUT_OFF: &str = "bencoding that is cut off";
const NO_NUMBER: &str = "bencoding with a wrong number";

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<Value<'a>, &'static str> {
        if depth == 0 {
            return Err("bencoding that is too deep");
        }
        match self.rest.first() {
            Some(b'i') => {
                self.rest = &self.rest[1..];
                Ok(Value::Integer(self.number(b'e')?))
            }
            Some(b'l') => self.items(|reader| reader.value(depth - 1)).map(Value::List),
            Some(b'd') => self.dictionary(depth),
            Some(_) => self.string().map(Value::String),
            None => Err(CUT_OFF),
        }
    }

    fn dictionary(&mut self, depth: usize) -> Result<Value<'a>, &'static str> {
        let entries = self.items(|reader| Ok((reader.string()?, reader.value(depth - 1)?)))?;
        if entries.is_sorted_by(|one, next| one.0 < next.0) {
            Ok(Value::Dictionary(entries))
        } else {
            Err("keys that are not sorted, or doubled")
        }
    }

    /// Reads items after the first byte up to an `e`.
    fn items<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, &'static str>,
    ) -> Result<Vec<T>, &'static str> {
        let mut items = Vec::new();
        self.rest = &self.rest[1..];
        loop {
            if let Some(rest) = self.rest.strip_prefix(b"e") {
                self.rest = rest;
                return Ok(items);
            }
            items.push(item(self)?);
        }
    }

    fn string(&mut self) -> Result<&'a [u8], &'static str> {
        let length = usize::try_from(self.number(b':')?).map_err(|_| NO_NUMBER)?;
        let (string, rest) = self.rest.split_at_checked(length).ok_or(CUT_OFF)?;
        self.rest = rest;
        Ok(string)
    }

    /// Reads a number up to and including `end`.
    fn number(&mut self, end: u8) -> Result<i64, &'static str> {
        let length = self.rest.iter().position(|&byte| byte == end).ok_or(CUT_OFF)?;
        let text = std::str::from_utf8(&self.rest[..length]).map_err(|_| NO_NUMBER)?;
        let number: i64 = text.parse().map_err(|_| NO_NUMBER)?;
        self.rest = &self.rest[length + 1..];
        if number.to_string() == text { Ok(number) } else { Err(NO_NUMBER) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_their_keys() {
        let value = decode(b"d1:ai-7e1:bl1:x0:e1:cdee").expect("valid bencoding");
        assert_eq!(value.get("a"), Some(&Value::Integer(-7)));
        assert_eq!(value.get("b"), Some(&Value::List(vec![Value::String(b"x"), Value::String(b"")])));
        assert_eq!(value.get("c"), Some(&Value::Dictionary(Vec::new())));
        assert_eq!(value.get("d"), None);
    }

    #[test]
    fn invalid_bencoding_is_refused() {
        for wrong in [
            "",
            "d",
            "de ",
            "i1",
            "i01e",
            "i-0e",
            "i+1e",
            "ie",
            "3:ab",
            "03:abc",
            "-1:",
            "d1:ae",
            "d1:bi1e1:ai1ee",
            "d1:ai1e1:ai1ee",
            "di1ei1ee",
            "llllllllleeeeeeeee",
        ] {
            assert!(decode(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
