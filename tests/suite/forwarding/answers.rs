//! What clients get of the peers of upstream trackers.

use ringtrack_tests::upstream::{Answer, Behavior, Upstream};

use super::{Local, Scene, WAYS, Way, entry, leecher, received, torrent};
use crate::http_client::HttpClient;

/// Peers at upstream trackers; in both answers is one of each family, and the addresses of two local peers.
const OVER_UDP: [&str; 4] = ["192.0.2.1:7001", "192.0.2.2:7002", "127.0.0.1:2001", "127.0.0.1:2002"];
const OVER_HTTP: [&str; 6] = [
    "192.0.2.2:7002",
    "192.0.2.3:7003",
    "[2001:db8::1]:7001",
    "[2001:db8::2]:7002",
    "[::1]:2001",
    "[::1]:2002",
];

/// A scene with an upstream tracker over UDP and one over HTTP, which have these peers.
fn between_two() -> ([Upstream; 2], Scene) {
    let upstreams = [
        Upstream::udp("127.0.0.1", answer(10, 4, &OVER_UDP)),
        Upstream::http("127.0.0.1", answer(7, 9, &OVER_HTTP)),
    ];
    let entries = [entry("udp", &upstreams[0].uri("")), entry("http", &upstreams[1].uri("/announce"))];
    let scene = Scene::with(&entries);
    (upstreams, scene)
}

fn answer(seeders: i64, leechers: i64, peers: &[&str]) -> Behavior {
    let peers = peers.iter().map(|peer| peer.parse().unwrap()).collect();
    Behavior::Answers(Answer { interval_s: 1800, seeders, leechers, peers })
}

const fn is_v4(way: Way) -> bool {
    matches!(way, Way::UdpV4 | Way::HttpV4)
}

#[test]
fn external_peers_follow_the_own_ones_without_duplicates_and_without_the_client_over_each_protocol_and_family()
 {
    let (_upstreams, scene) = between_two();
    for way in WAYS {
        scene.announce(way, leecher(torrent(1), 2002));
    }
    for way in WAYS {
        let own = if is_v4(way) { "127.0.0.1:2002" } else { "[::1]:2002" };
        let external: &[&str] = if is_v4(way) {
            &["192.0.2.1:7001", "192.0.2.2:7002", "192.0.2.3:7003"]
        } else {
            &["[2001:db8::1]:7001", "[2001:db8::2]:7002"]
        };
        let client = leecher(torrent(1), 2001);
        scene.wait_for_peers(way, client, &[&[own], external].concat());
        scene.wait_for_peers(way, Local { numwant: 1, ..client }, &[own]);
        let cut = scene.announce(way, Local { numwant: 2, ..client });
        assert!(cut.peers.len() == 2 && cut.peers.contains(&own.parse().unwrap()), "{way:?} {cut:?}");
    }
}

#[test]
fn counts_are_the_local_ones_and_the_largest_of_upstream_trackers_without_the_peer_announced_there() {
    let (_upstreams, scene) = between_two();
    scene.announce(Way::HttpV4, Local { left: 0, ..leecher(torrent(1), 2002) });
    scene.announce(Way::HttpV4, leecher(torrent(1), 2003));
    let peers = ["127.0.0.1:2002", "127.0.0.1:2003", "192.0.2.1:7001", "192.0.2.2:7002", "192.0.2.3:7003"];
    let client = leecher(torrent(1), 2001);
    for way in [Way::UdpV4, Way::HttpV4] {
        let answer = scene.wait_for_peers(way, client, &peers);
        // A seeder stood for all: 10 - 1 there, and 1 here; 9 leechers there, and 2 here.
        assert_eq!((answer.seeders, answer.leechers), (10, 11), "{way:?}");
    }
}

#[test]
fn external_peers_appear_neither_in_a_scrape_of_all_nor_in_the_api_nor_at_other_upstream_trackers() {
    let giver = Upstream::udp("127.0.0.1", answer(10, 4, &OVER_UDP));
    let other = Upstream::http("127.0.0.1", Behavior::peers(&[]));
    let entries = [entry("giver", &giver.uri("")), entry("other", &other.uri("/announce"))];
    let scene = Scene::start(&entries, |launch| {
        launch.set("forwarding.private_peers", "accept").set("http.full_scrape_every_s", "3600")
    });
    scene.wait_for_peers(
        Way::UdpV4,
        leecher(torrent(1), 2001),
        &["192.0.2.1:7001", "192.0.2.2:7002", "127.0.0.1:2002"],
    );
    let mut http = HttpClient::new(scene.tracker.http_v4());
    http.send(b"GET /scrape HTTP/1.0\r\nHost: x\r\n\r\n");
    let scrape = http.rest();
    let counts = b"8:completei0e10:downloadedi0e10:incompletei1eeee";
    assert!(scrape.ends_with(counts), "{}", scrape.escape_ascii());
    let shown = scene.api.get(&format!("torrent/{}", torrent(1)));
    assert_eq!((&shown["seeders"], &shown["leechers"]), (&0.into(), &1.into()), "{shown}");
    assert!(!shown.to_string().contains("192.0.2."), "{shown}");
    let stats = scene.api.get("stats");
    assert_eq!((&stats["seeders"], &stats["leechers"]), (&0.into(), &1.into()), "{stats}");
    let announces = [received(&giver, 1), received(&other, 1)].concat();
    let ports: Vec<u16> = announces.iter().map(|received| received.port).collect();
    assert_eq!(ports, [2001, 2001]);
}

#[test]
fn peers_of_private_networks_are_refused_unless_they_are_accepted() {
    let private =
        ["10.1.2.3:7001", "127.0.0.1:7002", "169.254.1.1:7003", "100.64.0.1:7004", "192.168.1.1:7005"];
    let public = "8.8.8.8:7006";
    let peers = [&private[..], &[public, "[fd00::1]:7007", "[2606:4700::1]:7008"]].concat();
    let upstream = Upstream::http("127.0.0.1", answer(0, 9, &peers));
    let scene = Scene::start(&[entry("http", &upstream.uri("/announce"))], |launch| launch);
    scene.wait_for_peers(Way::UdpV4, leecher(torrent(1), 2001), &[public]);
    scene.wait_for_peers(Way::UdpV6, leecher(torrent(1), 2001), &["[2606:4700::1]:7008"]);
}
