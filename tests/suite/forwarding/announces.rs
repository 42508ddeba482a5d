//! What upstream trackers learn of local peers, and when.

use primitives::AnnounceEvent::{self, Completed, Started, Stopped};
use ringtrack_tests::upstream::{Behavior, Received, Upstream};

use super::{Scene, Way, entry, leecher, received, torrent};
use crate::patience::until;

const SECRETS: [&str; 2] = ["secret-of-the-query", "secret-of-the-path"];

fn passkey_targets() -> [String; 2] {
    [format!("/announce?passkey={}", SECRETS[0]), format!("/{}/announce.php", SECRETS[1])]
}

/// Upstream trackers over both protocols and families, with a passkey in their URIs, and an entry for each.
fn with_passkeys() -> (Vec<Upstream>, Vec<String>) {
    let behavior = || Behavior::peers(&[]);
    let upstreams = ["127.0.0.1", "::1"]
        .into_iter()
        .flat_map(|ip| [Upstream::udp(ip, behavior()), Upstream::http(ip, behavior())])
        .collect::<Vec<_>>();
    let targets = passkey_targets();
    let entries = upstreams.iter().enumerate().map(|(at, upstream)| {
        let entry = entry(&format!("upstream-{at}"), &upstream.uri(&targets[at / 2]));
        format!("{entry}  ip: 203.0.113.9\n  host: tracker.example\n")
    });
    let entries = entries.collect();
    (upstreams, entries)
}

#[track_caller]
fn assert_announced(received: &Received, is_http: bool, target: &str) {
    let text = format!("{received:?}");
    assert_eq!(received.info_hash, torrent(1), "{text}");
    assert!(received.peer_id.is_forwarder(), "{text}");
    assert_eq!((received.port, received.left, received.event), (2001, 7, Started), "{text}");
    assert_eq!((received.uploaded, received.downloaded), (5, 6), "{text}");
    let is_listed = received.ip == Some("203.0.113.9".parse().unwrap());
    // The field of a datagram has room for an IPv4 address, and IPv6 trackers ignore it.
    assert!(is_listed || !is_http && received.from.is_ipv6(), "{text}");
    assert_eq!(received.host.as_deref(), is_http.then_some("tracker.example"), "{text}");
    assert!(received.target.starts_with(target), "{text}");
    assert!(is_http || received.target == target, "{text}");
}

#[test]
fn the_first_announce_of_a_torrent_reaches_each_upstream_tracker_at_once_with_the_figures_of_the_peer() {
    let (upstreams, entries) = with_passkeys();
    let scene = Scene::with(&entries);
    scene.announce(Way::HttpV4, super::Local { left: 7, ..leecher(torrent(1), 2001) });
    for (at, upstream) in upstreams.iter().enumerate() {
        let first = &received(upstream, 1)[0];
        assert_announced(first, at % 2 == 1, &passkey_targets()[at / 2]);
    }
    // Later announces wait for the interval.
    for port in 2002..2010 {
        scene.announce(Way::UdpV4, leecher(torrent(1), port));
    }
    scene.announce(Way::UdpV4, leecher(torrent(2), 2001));
    for upstream in &upstreams {
        let hashes: Vec<_> = received(upstream, 2).iter().map(|received| received.info_hash).collect();
        assert_eq!(hashes, [torrent(1), torrent(2)]);
    }
    let shown = [scene.api.get("forwarders").to_string(), scene.tracker.log().join("\n")];
    for secret in SECRETS {
        assert!(!shown.iter().any(|text| text.contains(secret)), "{shown:#?}");
    }
}

/// Announces with this event over HTTP, and with what is left.
fn announce(scene: &Scene, port: u16, left: u64, event: AnnounceEvent) {
    scene.announce(Way::HttpV4, super::Local { left, event, ..leecher(torrent(1), port) });
}

#[test]
fn completed_and_the_end_of_the_last_local_peer_are_forwarded_once_to_each_upstream_tracker() {
    let upstreams =
        [Upstream::udp("127.0.0.1", Behavior::peers(&[])), Upstream::http("127.0.0.1", Behavior::peers(&[]))];
    let scene =
        Scene::with(&[entry("udp", &upstreams[0].uri("")), entry("http", &upstreams[1].uri("/announce"))]);
    let wait_for_events = |events: &[AnnounceEvent]| {
        for upstream in &upstreams {
            let seen = || upstream.received().iter().map(|received| received.event).collect::<Vec<_>>();
            until(&format!("{events:?}"), || seen() == events);
        }
    };
    announce(&scene, 2001, 1, Started);
    wait_for_events(&[Started]);
    announce(&scene, 2001, 0, Completed);
    wait_for_events(&[Started, Completed]);
    announce(&scene, 2002, 0, Started);
    announce(&scene, 2001, 0, Stopped);
    announce(&scene, 2002, 0, Stopped);
    wait_for_events(&[Started, Completed, Stopped]);
    announce(&scene, 2003, 0, Started);
    wait_for_events(&[Started, Completed, Stopped, Started]);
    for upstream in &upstreams {
        let lefts: Vec<u64> = upstream.received().iter().map(|received| received.left).collect();
        assert_eq!((lefts[0], lefts[1], lefts[3]), (1, 0, 0));
    }
}

#[test]
fn the_end_of_the_tracker_is_announced_for_its_torrents() {
    let upstream = Upstream::udp("127.0.0.1", Behavior::peers(&[]));
    let scene = Scene::with(&[entry("udp", &upstream.uri(""))]);
    announce(&scene, 2001, 1, Started);
    received(&upstream, 1);
    scene.wait_for_upstream("udp", |shown| shown["announces"]["answered"] == 1);
    assert_eq!(scene.tracker.stop().code, Some(0));
    assert_eq!(upstream.received().last().map(|received| received.event), Some(Stopped));
}
