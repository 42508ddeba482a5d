//! Schemes of announce URLs.

/// The scheme of an announce URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Udp,
    Http,
    Https,
    Ws,
    Wss,
}

impl Scheme {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Http => "http",
            Self::Https => "https",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    pub(super) const fn is_encrypted(self) -> bool {
        matches!(self, Self::Https | Self::Wss)
    }

    /// Whether clients are found by it to connect over WebRTC, and not by an address.
    pub(super) const fn is_for_webrtc(self) -> bool {
        matches!(self, Self::Ws | Self::Wss)
    }
}
