use crate::http::source_of;
use crate::limits::{WRONG_TOKEN_SOURCES_MAX, WRONG_TOKENS_MAX, WRONG_TOKENS_WINDOW};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::time::Instant;

/// Counts wrong tokens by source, in windows that follow one another. Valid tokens are never limited, whatever other
/// clients at the same address send.
#[derive(Debug)]
pub(crate) struct WrongTokens {
    window_begin: Instant,
    sources: HashMap<IpAddr, u32>,
    /// The shared count of all sources beyond [`WRONG_TOKEN_SOURCES_MAX`].
    others: u32,
}

/// How a wrong token is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WrongToken {
    /// With the error that it is not valid.
    Counted,
    /// With status 429.
    Limited,
}

impl WrongTokens {
    pub(crate) fn new(now: Instant) -> Self {
        Self { window_begin: now, sources: HashMap::new(), others: 0 }
    }

    pub(crate) fn count(&mut self, now: Instant, address: IpAddr) -> WrongToken {
        if now.duration_since(self.window_begin) >= WRONG_TOKENS_WINDOW {
            *self = Self::new(now);
        }
        let is_full = self.sources.len() >= WRONG_TOKEN_SOURCES_MAX;
        let count = match self.sources.entry(source_of(address)) {
            Entry::Vacant(_) if is_full => &mut self.others,
            entry => entry.or_default(),
        };
        *count = count.saturating_add(1);
        if *count > WRONG_TOKENS_MAX { WrongToken::Limited } else { WrongToken::Counted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use std::time::Duration;

    fn reported(wrong: &mut WrongTokens, now: Instant, address: &str, times: usize) -> usize {
        let address = address.parse().unwrap();
        (0..times).filter(|_| wrong.count(now, address) == WrongToken::Counted).count()
    }

    #[test]
    fn an_address_is_limited_after_ten_wrong_tokens_in_a_minute() {
        let now = Instant::now();
        let mut wrong = WrongTokens::new(now);
        assert_eq!(reported(&mut wrong, now, "192.0.2.1", 12), 10);
        assert_eq!(reported(&mut wrong, now, "::ffff:192.0.2.1", 1), 0);
        assert_eq!(reported(&mut wrong, now, "192.0.2.2", 1), 1);
        assert_eq!(reported(&mut wrong, now + Duration::from_secs(59), "192.0.2.1", 1), 0);
        assert_eq!(reported(&mut wrong, now + Duration::from_secs(60), "192.0.2.1", 12), 10);
    }

    #[test]
    fn the_addresses_of_an_ipv6_network_are_one_source() {
        let now = Instant::now();
        let mut wrong = WrongTokens::new(now);
        assert_eq!(reported(&mut wrong, now, "2001:db8::1", 10), 10);
        assert_eq!(reported(&mut wrong, now, "2001:db8::ffff:1", 1), 0);
        assert_eq!(reported(&mut wrong, now, "2001:db8:0:1::1", 1), 1);
    }

    #[test]
    fn sources_beyond_the_limit_share_a_count_until_there_is_room() {
        let now = Instant::now();
        let mut wrong = WrongTokens::new(now);
        for bits in 0..10_000 {
            wrong.count(now, IpAddr::V4(Ipv4Addr::from_bits(bits)));
        }
        assert_eq!(reported(&mut wrong, now, "192.0.2.1", 9) + reported(&mut wrong, now, "192.0.2.2", 9), 10);
        assert_eq!(wrong.sources.len(), 10_000);
        let later = now + Duration::from_secs(60);
        assert_eq!(reported(&mut wrong, later, "192.0.2.1", 10), 10);
        assert_eq!(wrong.sources.len(), 1);
    }
}
