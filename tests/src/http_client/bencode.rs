use std::collections::BTreeMap;

/// A bencoded value (BEP 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `i…e`; the tracker sends no negative numbers.
    Integer(u64),
    /// A byte string.
    Bytes(Vec<u8>),
    /// `l…e`
    List(Vec<Self>),
    /// `d…e`
    Dictionary(BTreeMap<Vec<u8>, Self>),
}

impl Value {
    /// Decodes one value with nothing after it.
    ///
    /// # Panics
    /// If it is not bencoded, or the keys of a dictionary are not sorted and unique.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let (value, rest) = value(bytes);
        assert_eq!(rest, b"", "nothing follows the value");
        value
    }

    /// Returns an integer.
    ///
    /// # Panics
    /// If it is another kind of value.
    #[must_use]
    pub fn integer(&self) -> u64 {
        let Self::Integer(integer) = self else { panic!("a number: {self:?}") };
        *integer
    }

    /// Returns a byte string.
    ///
    /// # Panics
    /// If it is another kind of value.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        let Self::Bytes(bytes) = self else { panic!("bytes: {self:?}") };
        bytes
    }

    /// Returns the entries of a dictionary.
    ///
    /// # Panics
    /// If it is another kind of value.
    #[must_use]
    pub const fn dictionary(&self) -> &BTreeMap<Vec<u8>, Self> {
        let Self::Dictionary(entries) = self else { panic!("a dictionary") };
        entries
    }

    /// Returns the value of a key in a dictionary.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.dictionary().get(key.as_bytes())
    }
}

fn value(bytes: &[u8]) -> (Value, &[u8]) {
    match bytes[0] {
        b'i' => {
            let (integer, rest) = number(&bytes[1..], b'e');
            (Value::Integer(integer), rest)
        }
        b'l' => list(&bytes[1..]),
        b'd' => dictionary(&bytes[1..]),
        _ => {
            let (string, rest) = string(bytes);
            (Value::Bytes(string.to_vec()), rest)
        }
    }
}

fn list(mut rest: &[u8]) -> (Value, &[u8]) {
    let mut items = Vec::new();
    while rest[0] != b'e' {
        let (item, after_item) = value(rest);
        items.push(item);
        rest = after_item;
    }
    (Value::List(items), &rest[1..])
}

fn dictionary(mut rest: &[u8]) -> (Value, &[u8]) {
    let mut entries = BTreeMap::new();
    while rest[0] != b'e' {
        let (key, after_key) = string(rest);
        let (value, after_value) = value(after_key);
        let is_behind = entries.last_key_value().is_none_or(|(last, _): (&Vec<u8>, _)| last.as_slice() < key);
        assert!(is_behind, "the keys are sorted: {}", key.escape_ascii());
        entries.insert(key.to_vec(), value);
        rest = after_value;
    }
    (Value::Dictionary(entries), &rest[1..])
}

fn string(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (length, rest) = number(bytes, b':');
    rest.split_at(usize::try_from(length).expect("a length"))
}

fn number(bytes: &[u8], end: u8) -> (u64, &[u8]) {
    let at = bytes.iter().position(|&byte| byte == end).expect("an end");
    let digits = str::from_utf8(&bytes[..at]).expect("digits");
    let number: u64 = digits.parse().expect("a number");
    assert_eq!(digits, number.to_string());
    (number, &bytes[at + 1..])
}
