//! A source that sends far too much, in words.

use crate::limits::CULPRIT_LINES_PER_MINUTE;
use crate::statistics::Thousands;
use guard::Class;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::fmt::{self, Display, Formatter};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;
use tokio::time::Instant;
use tracing::warn;

/// RFC 1918, RFC 3927, RFC 6598, RFC 4193 and RFC 4291.
const PRIVATE: [IpNet; 7] = [
    v4([10, 0, 0, 0], 8),
    v4([172, 16, 0, 0], 12),
    v4([192, 168, 0, 0], 16),
    v4([169, 254, 0, 0], 16),
    v4([100, 64, 0, 0], 10),
    v6(0xfc00, 7),
    v6(0xfe80, 10),
];

const fn v4([a, b, c, d]: [u8; 4], bits: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), bits))
}

const fn v6(first: u16, bits: u8) -> IpNet {
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, 0), bits))
}

/// A source that sent more than twice what it may for some time. Its text says what it sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Culprit {
    pub(super) network: IpNet,
    pub(super) class: Class,
    pub(super) sent_per_s: u64,
    pub(super) allowed_per_s: u64,
    pub(super) lasted: Duration,
}

impl Culprit {
    /// Returns whether the network has private, link-local or a carrier's shared addresses, which may stand for many clients:
    /// those of a proxy, or behind a router.
    pub(super) fn is_private(&self) -> bool {
        PRIVATE.iter().any(|private| private.contains(&self.network) || self.network.contains(private))
    }
}

impl Display for Culprit {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let what = match self.class {
            Class::Requests => "requests",
            Class::NewPeers => "new peers",
            Class::NewTorrents => "new torrents",
            Class::Connections => "connections",
            Class::Handshakes => "TLS handshakes",
        };
        let [sent, seconds, allowed] =
            [self.sent_per_s, self.lasted.as_secs(), self.allowed_per_s].map(Thousands);
        write!(formatter, "{sent} {what}/s for {seconds} s, {allowed} allowed")
    }
}

/// Returns a network as text; one of a single address as that address.
fn name(network: IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() {
        network.addr().to_string()
    } else {
        network.to_string()
    }
}

/// Writes the log lines about culprits, a few in each minute.
#[derive(Debug, Default)]
pub(super) struct CulpritLog {
    minute: Option<Instant>,
    lines: u32,
    /// Lines that were left out since the last one.
    left_out: u64,
}

impl CulpritLog {
    /// Logs what was done about a culprit: for how long it is banned, or `None`. Returns whether there was room for the
    /// line.
    pub(super) fn write(&mut self, culprit: &Culprit, banned: Option<Duration>, now: Instant) -> bool {
        let Some(left_out) = self.admit(now) else { return false };
        let name = name(culprit.network);
        let done = match banned {
            Some(duration) => format!("is banned for {} s", Thousands(duration.as_secs())),
            None if culprit.is_private() => {
                "is over its limit, and not banned because it is private: if it is a proxy, list it in \
                 proxy.trusted, otherwise in sources.allow or raise its limits"
                    .to_owned()
            }
            None => "is over its limit, and not banned".to_owned(),
        };
        match left_out {
            0 => warn!("{name} {done}: {culprit}"),
            _ => warn!(left_out, "{name} {done}: {culprit}"),
        }
        true
    }

    /// Leaves out the line about a source that was logged a moment ago.
    pub(super) const fn leave_out(&mut self) {
        self.left_out += 1;
    }

    /// Returns how many lines were left out since the last one if there is room for another.
    fn admit(&mut self, now: Instant) -> Option<u64> {
        let minute = Duration::from_secs(60);
        if self.minute.is_none_or(|begin| now.saturating_duration_since(begin) >= minute) {
            (self.minute, self.lines) = (Some(now), 0);
        }
        if self.lines >= CULPRIT_LINES_PER_MINUTE {
            self.left_out += 1;
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_culprit_is_described_by_what_it_sent_and_what_it_may() {
        let culprit = Culprit {
            network: "192.0.2.7/32".parse().unwrap(),
            class: Class::Requests,
            sent_per_s: 1234,
            allowed_per_s: 500,
            lasted: Duration::from_secs(10),
        };
        assert_eq!(culprit.to_string(), "1,234 requests/s for 10 s, 500 allowed");
        assert_eq!(name(culprit.network), "192.0.2.7");
        assert_eq!(name("2001:db8::/56".parse().unwrap()), "2001:db8::/56");
    }

    #[test]
    fn networks_that_overlap_private_ones_are_private() {
        for (network, is_private) in [
            ("10.255.255.255/32", true),
            ("172.31.0.0/24", true),
            ("172.32.0.0/24", false),
            ("192.168.0.0/24", true),
            ("192.0.0.0/8", true),
            ("192.0.2.0/24", false),
            ("169.254.1.1/32", true),
            ("100.64.0.0/24", true),
            ("100.63.255.0/24", false),
            ("fd00:1::/64", true),
            ("fe80::/64", true),
            ("2001:db8::/48", false),
            ("::/0", true),
        ] {
            let culprit = Culprit {
                network: network.parse().unwrap(),
                class: Class::Requests,
                sent_per_s: 2,
                allowed_per_s: 1,
                lasted: Duration::from_secs(10),
            };
            assert_eq!(culprit.is_private(), is_private, "{network}");
        }
    }

    #[test]
    fn a_minute_has_ten_lines_and_the_next_line_says_how_many_were_left_out() {
        let (mut log, begin) = (CulpritLog::default(), Instant::now());
        let after = |seconds| begin + Duration::from_secs(seconds);
        let admitted: Vec<_> = (0..12).map(|second| log.admit(after(second))).collect();
        assert_eq!(admitted, [[Some(0); 10].as_slice(), &[None; 2]].concat());
        log.leave_out();
        assert_eq!(log.admit(after(59)), None);
        assert_eq!(log.admit(after(60)), Some(4));
        assert_eq!(log.admit(after(61)), Some(0));
    }
}
