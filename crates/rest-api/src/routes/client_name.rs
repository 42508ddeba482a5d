use primitives::PeerId;

/// Well-known clients by the two letters of an Azureus-style peer id (BEP 20).
const CLIENTS: &[(&[u8; 2], &str)] = &[
    (b"AG", "Ares"),
    (b"AZ", "Vuze"),
    (b"BC", "BitComet"),
    (b"BI", "BiglyBT"),
    (b"BT", "BitTorrent"),
    (b"DE", "Deluge"),
    (b"FD", "Free Download Manager"),
    (b"FL", "Flud"),
    (b"KT", "KTorrent"),
    (b"LT", "libtorrent (Rasterbar)"),
    (b"PI", "PicoTorrent"),
    (b"SD", "Thunder"),
    (b"TL", "Tribler"),
    (b"TR", "Transmission"),
    (b"TX", "Tixati"),
    (b"UM", "uTorrent for Mac"),
    (b"UT", "uTorrent"),
    (b"UW", "uTorrent Web"),
    (b"WD", "WebTorrent Desktop"),
    (b"WW", "WebTorrent"),
    (b"XL", "Xunlei"),
    (b"lt", "libTorrent (rTorrent)"),
    (b"qB", "qBittorrent"),
];

/// Returns the client software that a peer id claims, in the form `-`, two letters, a version, `-`.
pub(crate) fn client_name(peer_id: &PeerId) -> Option<&'static str> {
    let [b'-', first, second, _, _, _, _, b'-', ..] = peer_id.0 else { return None };
    CLIENTS.iter().find(|(letters, _)| **letters == [first, second]).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_named_by_the_letters_of_its_peer_id() {
        assert_eq!(client_name(&PeerId(*b"-qB4650-abcdefghijkl")), Some("qBittorrent"));
        assert_eq!(client_name(&PeerId(*b"-lt0D60-abcdefghijkl")), Some("libTorrent (rTorrent)"));
        assert_eq!(client_name(&PeerId(*b"-LT20F0-abcdefghijkl")), Some("libtorrent (Rasterbar)"));
        for unknown in [*b"-??4650-abcdefghijkl", *b"-qB4650xabcdefghijkl", *b"A2-1-36-0-abcdefghij"] {
            assert_eq!(client_name(&PeerId(unknown)), None);
        }
    }
}
