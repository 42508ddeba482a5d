use super::{TORRENT, address, announce, get, ip, peers, tracker};
use engine::ProxyHeaderKind;
use guard::Class;
use metrics::Counter;
use primitives::InfoHash;
use ringtrack_tests::http_client::announce_target;
use ringtrack_tests::simulator::{Simulator, source_limit};

/// A tracker whose clients in 192.168.0.0/16 and `fd00::/8` may name their addresses.
fn with_neighbours() -> Simulator {
    tracker(|policy| {
        policy.named_addresses_from =
            ["192.168.0.0/16", "fd00::/8"].map(|net| net.parse().expect("a network")).to_vec();
    })
}

#[test]
fn an_allowed_client_is_listed_at_the_address_it_names_but_its_own_is_in_the_answer() {
    for named in ["&ip=203.0.113.5", "&ipv4=203.0.113.5", "&ip=%3a%3affff%3a203.0.113.5"] {
        let mut tracker = with_neighbours();
        let announced = announce(&mut tracker, "192.168.1.1", 6881, named);
        assert_eq!(announced.external_ip, ip("192.168.1.1"));
        assert_eq!(peers(&mut tracker, "192.0.2.1"), [address("203.0.113.5:6881")], "{named}");
    }
}

#[test]
fn peers_at_named_addresses_take_tokens_of_the_client_that_names_them() {
    for class in [Class::NewTorrents, Class::NewPeers] {
        let mut tracker = with_neighbours();
        tracker.limit_sources(&source_limit(class, 2));
        for host in 1..=4 {
            for (client, torrent) in [("192.168.1.1", host), ("192.0.2.9", host + 100)] {
                let named = format!("&ip=203.0.113.{host}");
                let target = announce_target(InfoHash([torrent; 20]), 6881, &named);
                let _announced = get(&mut tracker, client, &target, "").announced();
            }
        }
        let refused = tracker.statistics();
        let refused = [Counter::PeersRefusedSourceTorrents, Counter::PeersRefusedSourcePeers]
            .map(|counter| refused.counter(counter));
        assert_eq!(refused.iter().sum::<u64>(), 2 * (4 - 2), "{class:?}");
    }
}

#[test]
fn other_clients_are_listed_at_their_own_address_whatever_they_name() {
    let mut tracker = with_neighbours();
    for stranger in ["192.0.2.7", "2001:db8::7"] {
        announce(&mut tracker, stranger, 6881, "&ip=203.0.113.5&ipv4=203.0.113.6&ipv6=2001:db8::66");
    }
    assert_eq!(peers(&mut tracker, "192.0.2.1"), [address("192.0.2.7:6881")]);
    assert_eq!(peers(&mut tracker, "2001:db8::1"), [address("[2001:db8::7]:6881")]);
}

#[test]
fn of_several_named_addresses_ip_is_used_first_and_then_the_clients_family() {
    let both = "&ipv6=2001:db8::66&ipv4=203.0.113.6";
    for (client, more, known_at) in [
        ("192.168.1.1", both, "203.0.113.6:6881"),
        ("fd00::1", both, "[2001:db8::66]:6881"),
        ("192.168.1.1", "&ipv6=2001:db8::66", "[2001:db8::66]:6881"),
        ("fd00::1", "&ipv4=203.0.113.6", "203.0.113.6:6881"),
        ("fd00::1", "&ipv4=203.0.113.6&ipv6=2001:db8::66&ip=203.0.113.5", "203.0.113.5:6881"),
    ] {
        let mut tracker = with_neighbours();
        announce(&mut tracker, client, 6881, more);
        let known = [peers(&mut tracker, "192.0.2.1"), peers(&mut tracker, "2001:db8::1")].concat();
        assert_eq!(known, [address(known_at)], "{client} {more}");
    }
}

#[test]
fn an_allowed_client_that_names_no_valid_address_is_listed_at_its_own() {
    for named in ["tracker.example", "192.168.1", ""] {
        let mut tracker = with_neighbours();
        announce(&mut tracker, "192.168.1.1", 6881, &format!("&ip={named}"));
        assert_eq!(peers(&mut tracker, "192.0.2.1"), [address("192.168.1.1:6881")], "{named}");
    }
}

#[test]
fn behind_a_proxy_the_client_and_not_the_proxy_must_be_allowed_to_name_an_address() {
    let mut tracker = tracker(|policy| {
        policy.named_addresses_from = vec!["10.0.0.0/8".parse().expect("a network")];
        policy.proxy.trusted = policy.named_addresses_from.clone();
        policy.proxy.header = ProxyHeaderKind::RealIp;
    });
    let target = announce_target(TORRENT, 6881, "&ip=203.0.113.5");
    get(&mut tracker, "10.0.0.1", &target, "X-Real-IP: 192.0.2.7\r\n");
    assert_eq!(peers(&mut tracker, "192.0.2.1"), [address("192.0.2.7:6881")]);
    get(&mut tracker, "10.0.0.1", &target, "X-Real-IP: 10.0.0.9\r\n");
    assert_eq!(peers(&mut tracker, "192.0.2.1"), [address("192.0.2.7:6881"), address("203.0.113.5:6881")]);
}

#[test]
fn a_client_that_names_an_address_of_the_other_family_is_a_peer_of_that_family() {
    let mut tracker = with_neighbours();
    announce(&mut tracker, "192.0.2.7", 6881, "");
    announce(&mut tracker, "2001:db8::7", 6882, "");
    let announced = announce(&mut tracker, "192.168.1.1", 6883, "&ip=2001:db8::66");
    assert_eq!(announced.common.peers, [address("[2001:db8::7]:6882")]);
    assert_eq!((announced.common.leechers, announced.external_ip), (2, ip("192.168.1.1")));
}
