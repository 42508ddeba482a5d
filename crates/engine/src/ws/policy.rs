/// What clients over WebSockets may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSocketPolicy {
    /// Seconds between two announces of a client.
    pub interval_s: u32,
    /// Offers of one announce that are passed on.
    pub offers_per_announce_max: u16,
    /// Offers and answers of one connection that are passed on in a second.
    pub signals_per_s_max: u32,
    /// Peers that one connection may announce: pairs of a torrent and a peer id.
    pub peers_per_connection_max: usize,
    pub origins: OriginRules,
}

/// The origins of the pages that are served.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OriginRules {
    /// Empty: all.
    pub allowed: Vec<String>,
    pub denied: Vec<String>,
}

impl OriginRules {
    /// How the rules name a client that sends no origin, which is not a browser.
    const NO_ORIGIN: &[u8] = b"none";

    /// Returns whether a client with this origin is served.
    #[must_use]
    pub fn admit(&self, origin: Option<&[u8]>) -> bool {
        let origin = origin.unwrap_or(Self::NO_ORIGIN);
        let is_in =
            |origins: &[String]| origins.iter().any(|rule| rule.as_bytes().eq_ignore_ascii_case(origin));
        !is_in(&self.denied) && (self.allowed.is_empty() || is_in(&self.allowed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_admitted_unless_denied_or_missing_from_the_allowed_ones() {
        let rules = |allowed: &[&str], denied: &[&str]| OriginRules {
            allowed: allowed.iter().map(ToString::to_string).collect(),
            denied: denied.iter().map(ToString::to_string).collect(),
        };
        let (a, b) = (Some(b"https://a.example".as_slice()), Some(b"https://b.example".as_slice()));
        for (rules, admitted) in [
            (rules(&[], &[]), [true, true, true]),
            (rules(&["https://A.example"], &[]), [true, false, false]),
            (rules(&["https://a.example", "none"], &[]), [true, false, true]),
            (rules(&[], &["https://a.example", "none"]), [false, true, false]),
            (rules(&["https://a.example"], &["https://a.example"]), [false, false, false]),
        ] {
            assert_eq!([a, b, None].map(|origin| rules.admit(origin)), admitted, "{rules:?}");
        }
    }
}
