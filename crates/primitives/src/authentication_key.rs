use core::fmt;

/// What a private tracker lets a user in by: 32 characters of `0-9`, `A-Z` and `a-z`. Secret: it has no printable form
/// but the one that [`AuthenticationKey::reveal`] gives.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthenticationKey([u8; AuthenticationKey::BYTES]);

impl AuthenticationKey {
    /// Characters of a key.
    pub const BYTES: usize = 32;

    /// The characters that keys are made of.
    pub const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    /// The key that is written so.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let characters: [u8; Self::BYTES] = text.try_into().ok()?;
        characters.iter().all(u8::is_ascii_alphanumeric).then_some(Self(characters))
    }

    /// Its characters.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// Its text, for whoever is to have it.
    ///
    /// # Panics
    /// Never: a key is ASCII.
    #[must_use]
    pub fn reveal(&self) -> &str {
        str::from_utf8(&self.0).expect("a key is ASCII")
    }
}

impl fmt::Debug for AuthenticationKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AuthenticationKey(secret)")
    }
}

/// The segments of a URL's path. Doubled slashes and one at the end mean nothing: people type announce URLs and join
/// them from parts.
pub fn path_segments(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&byte| byte == b'/').filter(|segment| !segment.is_empty())
}

/// What follows `/announce` or `/scrape` in the path of a tracker's URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyInPath {
    /// Nothing, or slashes.
    Absent,
    /// A key, which may or may not be one that was given out.
    Present(AuthenticationKey),
    /// One segment that cannot be a key.
    Malformed,
}

impl KeyInPath {
    /// What the segment is.
    #[must_use]
    pub fn of(segment: &[u8]) -> Self {
        if segment.is_empty() {
            return Self::Absent;
        }
        AuthenticationKey::parse(segment).map_or(Self::Malformed, Self::Present)
    }
}

/// The number that stands for a key where the key itself is too long. It is given once in the life of a tracker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub u32);

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8; 32] = b"0123456789ABCDEFghijklmnopqrstuv";

    #[test]
    fn a_key_has_32_letters_and_digits() {
        assert_eq!(AuthenticationKey::parse(KEY).unwrap().reveal().as_bytes(), KEY);
        for malformed in
            [&KEY[1..], b"0123456789ABCDEFghijklmnopqrstuvw", b"0123456789ABCDEFghijklmnopqrstu_"]
        {
            assert_eq!(AuthenticationKey::parse(malformed), None);
        }
    }

    #[test]
    fn a_key_is_not_printed_by_accident() {
        let key = AuthenticationKey::parse(KEY).unwrap();
        assert_eq!(format!("{key:?}"), "AuthenticationKey(secret)");
    }
}
