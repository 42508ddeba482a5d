use core::fmt;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The 20 bytes by which a client identifies itself (BEP 3, BEP 20). A client can send any value, so it identifies
/// the software and never the peer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(transparent)]
pub struct PeerId(pub [u8; PeerId::BYTES]);

impl PeerId {
    /// Size of a peer id in bytes.
    pub const BYTES: usize = 20;

    /// The beginning of the peer ids with which Ringtrack announces to upstream trackers, in the style of BEP 20. A tracker
    /// that recognizes it returns its own peers only, so that trackers that forward to each other do not exchange external
    /// peers and counts for ever.
    pub const FORWARDER_PREFIX: [u8; 8] = *b"-RF0100-";

    /// Returns whether a forwarder announces, for the peers of another tracker.
    pub fn is_forwarder(&self) -> bool {
        self.0.starts_with(&Self::FORWARDER_PREFIX)
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PeerId({})", self.0.escape_ascii())
    }
}

/// A prefix of the peer ids of some client software, such as `-qB46`: 1 to 20 printable ASCII characters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerIdPrefix {
    bytes: [u8; PeerId::BYTES],
    length: u8,
}

impl PeerIdPrefix {
    /// Parses a prefix. Returns `None` if the length or a character is wrong.
    pub fn parse(text: &str) -> Option<Self> {
        let is_prefix =
            (1..=PeerId::BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        let mut bytes = [0; PeerId::BYTES];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        is_prefix.then_some(Self { bytes, length: u8::try_from(text.len()).ok()? })
    }

    /// Returns the prefix as text.
    ///
    /// # Panics
    /// Never: a prefix is ASCII.
    pub fn as_str(&self) -> &str {
        str::from_utf8(self.bytes()).expect("a prefix is ASCII")
    }

    /// Returns whether `peer_id` begins with this prefix.
    pub fn matches(&self, peer_id: &PeerId) -> bool {
        peer_id.0.starts_with(self.bytes())
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

impl fmt::Debug for PeerIdPrefix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PeerIdPrefix({})", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_matches_the_peer_ids_that_begin_with_it() {
        let prefix = PeerIdPrefix::parse("-qB46").unwrap();
        assert!(prefix.matches(&PeerId(*b"-qB4650-abcdefghijkl")));
        assert!(!prefix.matches(&PeerId(*b"-qB4560-abcdefghijkl")));
        let whole = PeerIdPrefix::parse("-qB4650-abcdefghijkl").unwrap();
        assert!(whole.matches(&PeerId(*b"-qB4650-abcdefghijkl")));
    }

    #[test]
    fn a_prefix_has_1_to_20_printable_characters() {
        assert_eq!(PeerIdPrefix::parse("M7-").unwrap().as_str(), "M7-");
        for wrong in ["", "-qB4650-abcdefghijklm", "a b", "\u{e4}", "a\n"] {
            assert_eq!(PeerIdPrefix::parse(wrong), None, "{wrong:?}");
        }
    }
}
