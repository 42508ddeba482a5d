use core::fmt;

/// A user's key for a private tracker: 32 characters of `0-9`, `A-Z` and `a-z`. It is a secret, so that `Debug`
/// hides it and only [`AuthenticationKey::reveal`] returns it as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthenticationKey([u8; AuthenticationKey::BYTES]);

impl AuthenticationKey {
    /// Length of a key in bytes, which are its characters.
    pub const BYTES: usize = 32;

    /// The characters that a key can have.
    pub const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    /// Parses the text of a key. Returns `None` if the length or a character is wrong.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let characters: [u8; Self::BYTES] = text.try_into().ok()?;
        characters.iter().all(u8::is_ascii_alphanumeric).then_some(Self(characters))
    }

    /// Returns the secret as text.
    ///
    /// # Panics
    /// Never: a key is ASCII.
    pub fn reveal(&self) -> &str {
        str::from_utf8(&self.0).expect("a key is ASCII")
    }
}

impl fmt::Debug for AuthenticationKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AuthenticationKey(secret)")
    }
}

/// Splits the path of a URL into its segments. Repeated and trailing slashes are ignored, because people type announce
/// URLs or join them from parts.
pub fn path_segments(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&byte| byte == b'/').filter(|segment| !segment.is_empty())
}

/// The key in the path of a tracker's URL, after `/announce` or `/scrape`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyInPath {
    /// No segment, or only slashes.
    Absent,
    /// A well-formed key. It need not be one that was issued.
    Present(AuthenticationKey),
    /// Something that cannot be a key.
    Malformed,
}

impl KeyInPath {
    /// Classifies the segment after `/announce` or `/scrape`.
    pub fn of(segment: &[u8]) -> Self {
        if segment.is_empty() {
            return Self::Absent;
        }
        AuthenticationKey::parse(segment).map_or(Self::Malformed, Self::Present)
    }
}

/// A number that stands for a key where the key itself is too long. A tracker assigns each number only once.
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
    fn debug_output_does_not_contain_the_key() {
        let key = AuthenticationKey::parse(KEY).unwrap();
        assert_eq!(format!("{key:?}"), "AuthenticationKey(secret)");
    }
}
