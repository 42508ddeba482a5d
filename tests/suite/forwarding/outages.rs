//! Upstream trackers that go away and come back.

use std::ops::RangeInclusive;

use ringtrack_tests::upstream::{Behavior, Upstream};

use super::{Scene, Way, entry, leecher, torrent};

/// Torrents whose announces fail, and open the circuit.
const FAILING: RangeInclusive<u8> = 2..=7;

/// Torrents that are new while the circuit is open.
const NEW: RangeInclusive<u8> = 8..=17;

#[test]
fn after_failures_an_upstream_tracker_is_left_alone_until_it_is_resumed_and_its_peers_stay_meanwhile() {
    let upstream = Upstream::http("127.0.0.1", Behavior::peers(&["192.0.2.1:7001"]));
    let scene = Scene::with(&[entry("http", &upstream.uri("/announce"))]);
    let client = leecher(torrent(1), 2001);
    scene.wait_for_peers(Way::UdpV4, client, &["192.0.2.1:7001"]);

    upstream.set(Behavior::Closes);
    for number in FAILING {
        scene.announce(Way::UdpV4, leecher(torrent(number), 2001));
    }
    scene.wait_for_state("http", "failing");
    for number in NEW {
        scene.announce(Way::UdpV4, leecher(torrent(number), 2001));
    }
    // All but one, which on a slow machine is the probe of whether the upstream tracker works again.
    scene.wait_for_upstream("http", |shown| shown["waiting"].as_u64() >= Some(9));
    scene.wait_for_peers(Way::UdpV4, client, &["192.0.2.1:7001"]);
    let announces = upstream.received();
    let of_new = announces.iter().filter(|announce| NEW.contains(&announce.info_hash.0[0]));
    assert!(of_new.count() <= 1, "{announces:?}");
    upstream.set(Behavior::peers(&["192.0.2.2:7002"]));
    assert_eq!(scene.ask("POST", "forwarders/resume?name=http", ""), 200);
    for number in FAILING.chain(NEW) {
        scene.wait_for_peers(Way::UdpV4, leecher(torrent(number), 2001), &["192.0.2.2:7002"]);
    }
    scene.wait_for_state("http", "active");
}

#[test]
fn a_suspended_upstream_tracker_is_not_asked_until_it_is_resumed() {
    let upstream = Upstream::udp("127.0.0.1", Behavior::peers(&["192.0.2.1:7001"]));
    let other = Upstream::udp("127.0.0.1", Behavior::peers(&["192.0.2.2:7002"]));
    let scene = Scene::with(&[entry("one", &upstream.uri("")), entry("other", &other.uri(""))]);
    assert_eq!(scene.ask("POST", "forwarders/suspend?name=one", ""), 200);
    scene.wait_for_state("one", "suspended");
    let client = leecher(torrent(1), 2001);
    scene.wait_for_peers(Way::HttpV4, client, &["192.0.2.2:7002"]);
    assert_eq!(upstream.received(), []);
    assert_eq!(scene.ask("POST", "forwarders/resume?name=one", ""), 200);
    scene.wait_for_peers(Way::HttpV4, client, &["192.0.2.1:7001", "192.0.2.2:7002"]);
    for path in ["suspend", "resume"] {
        assert_eq!(scene.ask("POST", &format!("forwarders/{path}?name=nobody"), ""), 404);
    }
}
