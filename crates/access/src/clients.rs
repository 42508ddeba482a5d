use crate::limits::PREFIXES_MAX;
use primitives::{PeerId, PeerIdPrefix};

/// Which client software is served, by prefixes of its peer ids.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientRules {
    /// Empty: all are allowed.
    allowed: Prefixes,
    denied: Prefixes,
}

/// Error: there are more prefixes than [`crate::PREFIXES_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} prefixes of peer ids are more than {PREFIXES_MAX}")]
pub struct TooManyPrefixes(pub usize);

/// Error: the client software is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this client software is not allowed here")]
pub struct ClientRefused;

impl ClientRules {
    /// Creates rules that serve the prefixes in `allowed`, or all if it is empty, except those in `denied`.
    ///
    /// # Errors
    /// If there are more than [`crate::PREFIXES_MAX`] prefixes, both together.
    pub fn new(allowed: &[PeerIdPrefix], denied: &[PeerIdPrefix]) -> Result<Self, TooManyPrefixes> {
        let prefixes = allowed.len() + denied.len();
        if prefixes > PREFIXES_MAX {
            return Err(TooManyPrefixes(prefixes));
        }
        Ok(Self { allowed: Prefixes::new(allowed), denied: Prefixes::new(denied) })
    }

    /// Whether the software with this peer id is served.
    pub fn admits(&self, peer_id: &PeerId) -> bool {
        (self.allowed.is_empty() || self.allowed.match_any(peer_id)) && !self.denied.match_any(peer_id)
    }

    /// Whether all software is served.
    pub const fn is_unrestricted(&self) -> bool {
        self.allowed.is_empty() && self.denied.is_empty()
    }
}

/// Sorted prefixes, none of which is a prefix of another. So only the last one that is not greater than a peer id can
/// match it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Prefixes {
    /// Each after its characters padded with zeros, which determine the order.
    sorted: Box<[([u8; PeerId::BYTES], PeerIdPrefix)]>,
}

impl Prefixes {
    fn new(prefixes: &[PeerIdPrefix]) -> Self {
        let mut sorted: Vec<_> = prefixes.iter().map(|prefix| (filled_up(*prefix), *prefix)).collect();
        sorted.sort_unstable();
        sorted.dedup_by(|(longer, _), (_, shorter)| shorter.matches(&PeerId(*longer)));
        Self { sorted: sorted.into_boxed_slice() }
    }

    const fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    fn match_any(&self, peer_id: &PeerId) -> bool {
        let not_behind = self.sorted.partition_point(|(characters, _)| *characters <= peer_id.0);
        let last = not_behind.checked_sub(1).map(|last| &self.sorted[last]);
        last.is_some_and(|(_, prefix)| prefix.matches(peer_id))
    }
}

fn filled_up(prefix: PeerIdPrefix) -> [u8; PeerId::BYTES] {
    let characters = prefix.as_str().as_bytes();
    core::array::from_fn(|index| characters.get(index).copied().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rules(allowed: &[&str], denied: &[&str]) -> ClientRules {
        let prefixes = |texts: &[&str]| -> Vec<PeerIdPrefix> {
            texts.iter().map(|text| PeerIdPrefix::parse(text).unwrap()).collect()
        };
        ClientRules::new(&prefixes(allowed), &prefixes(denied)).unwrap()
    }

    const QBITTORRENT: PeerId = PeerId(*b"-qB4650-abcdefghijkl");
    const TRANSMISSION: PeerId = PeerId(*b"-TR4060-abcdefghijkl");

    #[test]
    fn without_rules_all_are_served() {
        assert!(rules(&[], &[]).is_unrestricted());
        assert!(rules(&[], &[]).admits(&QBITTORRENT));
        assert!(rules(&[], &[]).admits(&PeerId([0; 20])));
    }

    #[test]
    fn with_an_allowed_prefix_only_its_clients_are_served() {
        let rules = rules(&["-qB4", "-lt"], &[]);
        assert!(rules.admits(&QBITTORRENT));
        assert!(!rules.admits(&TRANSMISSION));
        assert!(!rules.is_unrestricted());
    }

    #[test]
    fn denied_wins_over_allowed() {
        let rules = rules(&["-qB", "-TR"], &["-qB46", "-qB4650-x"]);
        assert!(!rules.admits(&QBITTORRENT));
        assert!(rules.admits(&TRANSMISSION));
        assert!(rules.admits(&PeerId(*b"-qB4500-abcdefghijkl")));
    }

    #[test]
    fn at_most_256_prefixes_are_accepted() {
        let prefix = PeerIdPrefix::parse("-qB").unwrap();
        assert!(ClientRules::new(&[prefix; 200], &[prefix; 56]).is_ok());
        assert_eq!(ClientRules::new(&[prefix; 200], &[prefix; 57]), Err(TooManyPrefixes(257)));
    }

    #[test]
    fn the_refusal_says_that_the_software_is_not_allowed() {
        assert_eq!(ClientRefused.to_string(), "this client software is not allowed here");
    }

    proptest! {
        #[test]
        fn a_search_matches_the_same_peer_ids_as_a_scan_of_all_prefixes(
            texts in prop::collection::vec("[ab]{1,6}", 0..12),
            peer_id in "[ab]{20}",
        ) {
            let prefixes: Vec<_> = texts.iter().map(|text| PeerIdPrefix::parse(text).unwrap()).collect();
            let peer_id = PeerId(peer_id.into_bytes().try_into().unwrap());
            let expected = prefixes.iter().any(|prefix| prefix.matches(&peer_id));
            prop_assert_eq!(Prefixes::new(&prefixes).match_any(&peer_id), expected);
        }
    }
}
