//! Addresses at which no peer can be reached, whatever their origin, and IPv4-mapped IPv6 addresses.

use super::{TORRENT, tracker};
use engine::ProxyHeaderKind;
use metrics::{Counter, ErrorReason, HttpOutcome, Outcome};
use primitives::{AddressFamily, RequestKind};
use ringtrack_tests::client::{Answer, Client};
use ringtrack_tests::http_client::{HttpAnswer, HttpClient, announce_target};
use ringtrack_tests::simulator::{Arrival, Datagram, Simulator, SimulatorSettings, usual_http};
use std::net::{IpAddr, SocketAddr};
use zerocopy::IntoBytes;

/// The tests of `PeerAddress` have all kinds.
const UNREACHABLE: [&str; 3] = ["224.0.0.1", "fe80::1", "::ffff:0.0.0.0"];

const REACHABLE: [&str; 3] = ["203.0.113.5", "::ffff:203.0.113.5", "2001:db8::1"];

const REASON: &str = "no peer can be reached at this address";

/// How the tracker learns a client's address over HTTP.
#[derive(Debug, Clone, Copy)]
enum Reported {
    BySocket,
    InHeader(ProxyHeaderKind, &'static str),
    ByProxyProtocol,
    InQuery(&'static str),
}

const WAYS: [Reported; 7] = [
    Reported::BySocket,
    Reported::InHeader(ProxyHeaderKind::ForwardedFor { from_right: 0 }, "X-Forwarded-For"),
    Reported::InHeader(ProxyHeaderKind::RealIp, "X-Real-IP"),
    Reported::ByProxyProtocol,
    Reported::InQuery("ip"),
    Reported::InQuery("ipv4"),
    Reported::InQuery("ipv6"),
];

impl Reported {
    /// A tracker that trusts addresses reported in this way by 10.0.0.0/8.
    fn tracker(self) -> Simulator {
        let mut policy = usual_http();
        let believed = vec!["10.0.0.0/8".parse().expect("a network")];
        match self {
            Self::BySocket => {}
            Self::InHeader(header, _) => (policy.proxy.header, policy.proxy.trusted) = (header, believed),
            Self::ByProxyProtocol => {
                (policy.proxy.header, policy.proxy.trusted) = (ProxyHeaderKind::ProxyProtocol, believed);
            }
            Self::InQuery(_) => policy.named_addresses_from = believed,
        }
        Simulator::with_http(&SimulatorSettings::default(), &policy)
    }

    fn announce(self, tracker: &mut Simulator, ip: &str) -> HttpAnswer {
        let (target, near) = (announce_target(TORRENT, 6881, ""), "10.0.0.9");
        match self {
            Self::BySocket => HttpClient::new(0, ip).get(tracker, &target),
            Self::InHeader(_, name) => {
                HttpClient::new(0, near).get_with(tracker, &target, &format!("{name}: {ip}\r\n"))
            }
            Self::ByProxyProtocol => {
                let mut client = HttpClient::new(0, near);
                let family = if ip.contains(':') { "TCP6" } else { "TCP4" };
                let header = format!("PROXY {family} {ip} {ip} 1 2\r\n");
                client.exchange(tracker, header.as_bytes());
                client.get(tracker, &target)
            }
            Self::InQuery(name) => HttpClient::new(0, near).get(tracker, &format!("{target}&{name}={ip}")),
        }
    }

    /// Whether an address of this family can be reported in this way.
    fn mentions(self, ip: &str) -> bool {
        match self {
            Self::InQuery("ipv4") => !ip.contains(':'),
            Self::InQuery("ipv6") => ip.contains(':'),
            _ => true,
        }
    }
}

/// All peers, in both families.
fn peers(tracker: &mut Simulator) -> Vec<SocketAddr> {
    let core = tracker.context(tracker.owner(&TORRENT));
    core.shard.torrents().peers(core.now, &TORRENT, 100).iter().map(|peer| peer.address).collect()
}

fn canonical(ip: &str) -> IpAddr {
    ip.parse::<IpAddr>().expect("an address").to_canonical()
}

#[test]
fn over_http_an_unreachable_address_is_refused_however_it_is_reported() {
    for way in WAYS {
        for ip in UNREACHABLE.into_iter().filter(|ip| way.mentions(ip)) {
            let mut tracker = way.tracker();
            let failure = way.announce(&mut tracker, ip).failure();
            assert_eq!(failure, Some((REASON.to_owned(), None)), "{way:?} {ip}");
            let statistics = tracker.statistics();
            let refused = AddressFamily::ALL
                .map(|family| statistics.http_outcomes(family, HttpOutcome::AnnounceRefused));
            assert_eq!(refused.iter().sum::<u64>(), 1, "{way:?} {ip}");
            assert_eq!(statistics.counter(Counter::RefusedAddresses), 1, "{way:?} {ip}");
            assert_eq!(peers(&mut tracker), [], "{way:?} {ip}");
        }
    }
}

#[test]
fn over_http_any_other_address_is_accepted_and_an_ipv4_mapped_one_counts_as_ipv4() {
    for way in WAYS {
        for ip in REACHABLE.into_iter().filter(|ip| way.mentions(ip)) {
            let mut tracker = way.tracker();
            assert_eq!(way.announce(&mut tracker, ip).failure(), None, "{way:?} {ip}");
            assert_eq!(peers(&mut tracker), [SocketAddr::new(canonical(ip), 6881)], "{way:?} {ip}");
            assert_eq!(tracker.statistics().counter(Counter::RefusedAddresses), 0, "{way:?} {ip}");
        }
    }
}

#[test]
fn over_udp_an_unreachable_source_is_answered_with_an_error() {
    for (ip, arrival) in UNREACHABLE.iter().flat_map(|ip| [0, 1].map(|core| (ip, Arrival::At(core)))) {
        let mut tracker = Simulator::new(&SimulatorSettings::with_shards(2));
        let client = Client::connected(&mut tracker, &SocketAddr::new(canonical(ip), 6881).to_string());
        let bytes = client.leeching(TORRENT).as_bytes().to_vec();
        let replies = tracker.exchange(&[Datagram { source: client.source, bytes, arrival }]);
        let [reply] = &replies[..] else { panic!("one reply: {replies:?}") };
        assert_eq!(Answer::read(client.source, &reply.bytes), Answer::Error(REASON.to_owned()), "{ip}");
        let (family, statistics) = (AddressFamily::of(client.source.ip()), tracker.statistics());
        let refused = Outcome::Error(ErrorReason::Refused);
        assert_eq!(statistics.outcomes(family, RequestKind::Announce, refused), 1, "{ip}");
        assert_eq!(statistics.counter(Counter::RefusedAddresses), 1, "{ip}");
        assert_eq!(peers(&mut tracker), [], "{ip}");
    }
}

#[test]
fn over_udp_any_other_source_is_accepted_and_an_ipv4_mapped_one_counts_as_ipv4() {
    for ip in REACHABLE {
        let mut tracker = tracker();
        let source = SocketAddr::new(ip.parse().expect("an address"), 6881);
        let client = Client::connected(&mut tracker, &source.to_string());
        client.announce(&mut tracker, &client.leeching(TORRENT));
        assert_eq!(peers(&mut tracker), [SocketAddr::new(canonical(ip), 6881)], "{ip}");
    }
}
