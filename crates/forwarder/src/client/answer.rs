//! What is kept of the answer of an upstream tracker.

use crate::announce::UpstreamAnswer;
use crate::forwarder::PrivatePeers;
use crate::limits::{EXAMINED_PEERS_MAX, INTERVAL_S_DEFAULT, PEERS_MAX, SWARM_PEERS_MAX};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use primitives::{CompactAddress, CompactIpv4, CompactIpv6, ExternalCounts, PeerAddress};
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Networks whose addresses no peer on the internet has: those that the IANA registries of special-purpose addresses (RFC 6890)
/// do not call globally reachable, and those that lead to IPv4 addresses, which could be private ones.
const PRIVATE: [IpNet; 23] = [
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    // Carrier-grade NAT.
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    v4([169, 254, 0, 0], 16),
    v4([172, 16, 0, 0], 12),
    // Protocol assignments.
    v4([192, 0, 0, 0], 24),
    // Documentation.
    v4([192, 0, 2, 0], 24),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    v4([192, 168, 0, 0], 16),
    // Benchmarks.
    v4([198, 18, 0, 0], 15),
    v4([240, 0, 0, 0], 4),
    // Loopback, and IPv4-compatible addresses.
    v6([0, 0, 0, 0, 0, 0, 0, 0], 96),
    // NAT64.
    v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96),
    v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48),
    // Discard-only.
    v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64),
    v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7),
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),
    // Site-local.
    v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10),
    // Benchmarks.
    v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48),
    // Documentation.
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
];

const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix))
}

const fn v6([a, b, c, d, e, f, g, h]: [u16; 8], prefix: u8) -> IpNet {
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix))
}

/// Collects the peers of an answer that clients can use.
#[derive(Debug)]
pub(super) struct Collector {
    private_peers: PrivatePeers,
    /// The configured address, which is that of all local peers: these know each other by their local addresses.
    announced_ip: Option<IpAddr>,
    /// Where the tracker may have seen the representative.
    own: Vec<SocketAddr>,
    examined: usize,
    v4: Sample<CompactIpv4>,
    v6: Sample<CompactIpv6>,
}

impl Collector {
    pub(super) fn new(
        private_peers: PrivatePeers,
        announced_ip: Option<IpAddr>,
        own: Vec<SocketAddr>,
    ) -> Self {
        let (v4, v6) = Default::default();
        Self { private_peers, announced_ip, own, examined: 0, v4, v6 }
    }

    pub(super) fn add(&mut self, peer: PeerAddress) {
        if self.examined == EXAMINED_PEERS_MAX {
            return;
        }
        self.examined += 1;
        let address = peer.socket_address();
        let is_own = self.announced_ip == Some(address.ip()) || self.own.contains(&address);
        if address.port() == 0 || is_own || !is_allowed(self.private_peers, address.ip()) {
            return;
        }
        match peer {
            PeerAddress::V4(compact) => self.v4.add(compact),
            PeerAddress::V6(compact) => self.v6.add(compact),
        }
    }

    /// Returns the answer with the peers collected and this interval in seconds.
    pub(super) fn answer(self, interval_s: Option<u32>, counts: ExternalCounts) -> UpstreamAnswer {
        let interval_s = interval_s.unwrap_or(INTERVAL_S_DEFAULT);
        let [seeders, leechers] = [counts.seeders, counts.leechers].map(|count| count.min(SWARM_PEERS_MAX));
        let counts = ExternalCounts { seeders, leechers };
        UpstreamAnswer { interval_s, counts, v4: self.v4.peers, v6: self.v6.peers }
    }
}

/// Returns whether an upstream tracker may direct peers and us to this address.
pub(super) fn is_allowed(private_peers: PrivatePeers, ip: IpAddr) -> bool {
    let is_reachable = PeerAddress::new(ip, 1).is_ok();
    is_reachable && (private_peers == PrivatePeers::Accepted || !is_private(ip.to_canonical()))
}

fn is_private(ip: IpAddr) -> bool {
    let ip = six_to_four(ip).unwrap_or(ip);
    PRIVATE.iter().any(|network| network.contains(&ip))
}

/// Returns the IPv4 address to which a 6to4 address leads (RFC 3056).
fn six_to_four(ip: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(ip) = ip else { return None };
    let [0x20, 0x02, a, b, c, d, ..] = ip.octets() else { return None };
    Some(Ipv4Addr::new(a, b, c, d).into())
}

/// A random choice of [`PEERS_MAX`] peers without duplicates, each with the same chance. It does not grow with the number of
/// peers (reservoir sampling).
#[derive(Debug)]
struct Sample<A> {
    peers: Vec<A>,
    /// The same peers, to find duplicates.
    known: HashSet<A>,
    added: usize,
}

impl<A> Default for Sample<A> {
    fn default() -> Self {
        Self { peers: Vec::new(), known: HashSet::new(), added: 0 }
    }
}

impl<A: CompactAddress> Sample<A> {
    fn add(&mut self, peer: A) {
        if self.known.contains(&peer) {
            return;
        }
        self.added += 1;
        if self.peers.len() < PEERS_MAX {
            self.peers.push(peer);
        } else if let Some(place) = self.peers.get_mut(fastrand::usize(..self.added)) {
            self.known.remove(place);
            *place = peer;
        } else {
            return;
        }
        self.known.insert(peer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::iter::repeat_n;

    fn peer(text: &str) -> PeerAddress {
        let address: SocketAddr = text.parse().unwrap();
        PeerAddress::new(address.ip(), address.port()).unwrap()
    }

    /// Returns how many of these peers are kept.
    fn kept(private_peers: PrivatePeers, peers: &[&str]) -> usize {
        let own = vec!["12.0.0.1:6881".parse().unwrap()];
        let mut collector = Collector::new(private_peers, Some("11.0.0.1".parse().unwrap()), own);
        peers.iter().for_each(|text| collector.add(peer(text)));
        let answer = collector.answer(None, ExternalCounts::default());
        answer.v4.len() + answer.v6.len()
    }

    #[test]
    fn private_addresses_are_kept_only_if_they_are_accepted() {
        for ip in [
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.1.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.9",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "240.0.0.1",
            "[::1]",
            "[::1.1.1.1]",
            "[64:ff9b::10.0.0.1]",
            "[64:ff9b:1::1]",
            "[100::1]",
            "[fc00::1]",
            "[fd12::1]",
            "[fec0::1]",
            "[2002:a00:1::1]",
            "[2002:c0a8:101::1]",
            "[2001:db8::1]",
            "[2001:2::1]",
            "[3fff::1]",
            "[::ffff:10.0.0.1]",
        ] {
            let address = format!("{ip}:6881");
            assert_eq!(kept(PrivatePeers::Refused, &[&address]), 0, "{ip}");
            assert_eq!(kept(PrivatePeers::Accepted, &[&address]), 1, "{ip}");
        }
        for ip in [
            "1.1.1.1",
            "11.0.0.2",
            "100.63.0.1",
            "100.128.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.20.0.1",
            "[2001:db9::1]",
            "[2002:101:101::1]",
        ] {
            assert_eq!(kept(PrivatePeers::Refused, &[&format!("{ip}:6881")]), 1, "{ip}");
        }
    }

    #[test]
    fn multicast_and_unspecified_addresses_are_never_allowed() {
        for ip in ["0.0.0.0", "::", "224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1", "::ffff:224.0.0.1"]
        {
            for private_peers in [PrivatePeers::Refused, PrivatePeers::Accepted] {
                assert!(!is_allowed(private_peers, ip.parse().unwrap()), "{ip} {private_peers:?}");
            }
        }
    }

    #[test]
    fn duplicates_port_0_and_own_addresses_are_dropped() {
        let peers = ["1.1.1.1:1", "1.1.1.1:2", "1.1.1.1:1", "[2a00::1]:1", "[2a00::1]:1", "1.1.1.2:0"];
        assert_eq!(kept(PrivatePeers::Refused, &peers), 3);
        let own = ["11.0.0.1:6881", "11.0.0.1:6882", "[::ffff:11.0.0.1]:6883", "12.0.0.1:6881"];
        assert_eq!(kept(PrivatePeers::Accepted, &own), 0);
        assert_eq!(kept(PrivatePeers::Accepted, &["12.0.0.1:6882", "12.0.0.2:6881"]), 2);
    }

    #[test]
    fn no_more_peers_are_examined_than_allowed() {
        for (private, is_kept) in [(EXAMINED_PEERS_MAX - 1, 1), (EXAMINED_PEERS_MAX, 0)] {
            let peers: Vec<_> = repeat_n("10.0.0.1:1", private).chain(["1.1.1.1:1"]).collect();
            assert_eq!(kept(PrivatePeers::Refused, &peers), is_kept);
        }
    }

    #[test]
    fn counts_are_limited() {
        for (count, limited) in [(0, 0), (SWARM_PEERS_MAX, SWARM_PEERS_MAX), (u32::MAX, SWARM_PEERS_MAX)] {
            let collector = Collector::new(PrivatePeers::Refused, None, Vec::new());
            let counts = ExternalCounts { seeders: count, leechers: count };
            let expected = ExternalCounts { seeders: limited, leechers: limited };
            assert_eq!(collector.answer(None, counts).counts, expected);
        }
    }

    #[test]
    fn of_too_many_peers_each_is_as_likely_to_be_kept() {
        const PEERS: usize = 4 * PEERS_MAX;
        const ROUNDS: usize = 400;
        let mut kept_in_first_quarter = 0;
        for _ in 0..ROUNDS {
            let mut collector = Collector::new(PrivatePeers::Refused, None, Vec::new());
            let peers = (0..PEERS)
                .map(|number| CompactIpv4::new([1, 1, 1, 1].into(), u16::try_from(number + 1).unwrap()));
            peers.for_each(|peer| collector.add(peer.into()));
            let v4 = collector.answer(None, ExternalCounts::default()).v4;
            assert_eq!(v4.iter().collect::<HashSet<_>>().len(), PEERS_MAX);
            kept_in_first_quarter +=
                v4.iter().filter(|peer| usize::from(peer.socket_address().port()) <= PEERS / 4).count();
        }
        // A quarter of all kept: the standard deviation is about 100.
        let expected = ROUNDS * PEERS_MAX / 4;
        assert!(kept_in_first_quarter.abs_diff(expected) < 700, "{kept_in_first_quarter} of {expected}");
    }
}
