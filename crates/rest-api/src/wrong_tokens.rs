use crate::connections::source_of;
use crate::limits::{WRONG_TOKEN_SOURCES_MAX, WRONG_TOKENS_MAX, WRONG_TOKENS_WINDOW};
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Instant;

/// Counts wrong tokens by source. Valid tokens are never limited, whatever other clients at the same address send.
#[derive(Debug)]
pub(crate) struct WrongTokens {
    sources: HashMap<IpAddr, Window>,
    /// The shared count of all sources beyond [`WRONG_TOKEN_SOURCES_MAX`].
    others: Window,
    swept: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    since: Instant,
    count: u32,
}

/// How a wrong token is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WrongToken {
    /// With the error that it is not valid.
    Counted,
    /// With status 429.
    Limited,
}

impl Window {
    const fn new(now: Instant) -> Self {
        Self { since: now, count: 0 }
    }

    fn is_over(&self, now: Instant) -> bool {
        now.duration_since(self.since) >= WRONG_TOKENS_WINDOW
    }

    fn count(&mut self, now: Instant) -> WrongToken {
        if self.is_over(now) {
            *self = Self::new(now);
        }
        self.count = self.count.saturating_add(1);
        if self.count > WRONG_TOKENS_MAX { WrongToken::Limited } else { WrongToken::Counted }
    }
}

impl WrongTokens {
    pub(crate) fn new(now: Instant) -> Self {
        Self { sources: HashMap::new(), others: Window::new(now), swept: now }
    }

    pub(crate) fn count(&mut self, now: Instant, address: IpAddr) -> WrongToken {
        let source = source_of(address);
        if let Some(window) = self.sources.get_mut(&source) {
            return window.count(now);
        }
        self.make_room(now);
        if self.sources.len() >= WRONG_TOKEN_SOURCES_MAX {
            return self.others.count(now);
        }
        self.sources.entry(source).or_insert(Window::new(now)).count(now)
    }

    /// Removes expired windows, at most once per window, so that a flood of addresses does not cause a sweep for each.
    fn make_room(&mut self, now: Instant) {
        let may_sweep = now.duration_since(self.swept) >= WRONG_TOKENS_WINDOW;
        if self.sources.len() >= WRONG_TOKEN_SOURCES_MAX && may_sweep {
            self.sources.retain(|_, window| !window.is_over(now));
            self.swept = now;
        }
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
