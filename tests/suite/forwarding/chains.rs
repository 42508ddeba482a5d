//! Two trackers that forward to each other.

use primitives::AnnounceEvent::{Started, Stopped};
use rustix::process::Signal;

use super::{Local, Scene, Way, entry, leecher, torrent};
use crate::patience::until;

/// Two trackers, each of which is an upstream tracker of the other over UDP and over HTTP.
fn two() -> [Scene; 2] {
    let scenes = [(); 2].map(|()| Scene::with(&["[]\n".to_owned()]));
    for [scene, other] in [[&scenes[0], &scenes[1]], [&scenes[1], &scenes[0]]] {
        let (udp, http) = (other.tracker.v4(), other.tracker.http_v4());
        let entries = [("udp", format!("udp://{udp}")), ("http", format!("http://{http}/announce"))];
        scene.file.replace(&entries.map(|(name, uri)| entry(name, &uri)).concat());
        scene.tracker.signal(Signal::HUP);
        until("the new list", || scene.upstream("http").is_some());
    }
    scenes
}

/// Seeders and leechers that the management API shows of the torrent; `None` if it is not known.
fn counts(scene: &Scene) -> Option<[u64; 2]> {
    let answer = scene.api.ask("GET", &format!("torrent/{}", torrent(1)), "");
    let shown: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
    Some([shown["seeders"].as_u64()?, shown["leechers"].as_u64()?])
}

#[test]
fn a_peer_that_a_tracker_knows_from_a_forwarder_is_not_announced_back_and_forgotten_with_its_end() {
    let [one, other] = &two();
    let seeder = Local { left: 0, ..leecher(torrent(1), 2001) };
    one.announce(Way::UdpV4, Local { event: Started, ..seeder });
    until("the seeder is known to both", || counts(other) == Some([1, 0]));
    one.announce(Way::UdpV4, Local { event: Stopped, ..seeder });
    for scene in [one, other] {
        until("no peer is left", || matches!(counts(scene), None | Some([0, 0])));
    }
    assert_eq!(other.upstream("http").unwrap()["torrents"], 0);
}

#[test]
fn the_end_of_the_last_local_peer_is_announced_though_a_peer_from_another_forwarder_stays() {
    let [one, other] = &two();
    let client = leecher(torrent(1), 2002);
    other.announce(Way::UdpV4, Local { left: 0, ..leecher(torrent(1), 2001) });
    until("the seeder is known to both", || counts(one) == Some([1, 0]));
    one.announce(Way::UdpV4, client);
    until("the client is known to both", || counts(other) == Some([1, 1]));
    one.announce(Way::UdpV4, Local { event: Stopped, ..client });
    until("the end of the client is known to both", || counts(other) == Some([1, 0]));
    assert_eq!(counts(one), Some([1, 0]));
}

#[test]
fn trackers_that_forward_to_each_other_multiply_neither_peers_nor_counts() {
    let [one, other] = &two();
    let seeder = Local { left: 0, ..leecher(torrent(1), 2001) };
    let client = leecher(torrent(1), 2002);
    one.announce(Way::UdpV4, seeder);
    other.wait_for_peers(Way::UdpV4, client, &["127.0.0.1:2001"]);
    one.wait_for_peers(Way::UdpV4, seeder, &["127.0.0.1:2002"]);
    for scene in [one, other] {
        // Each has one peer of its own and the one that the other announces.
        until("both peers are known to both", || counts(scene) == Some([1, 1]));
        for upstream in ["udp", "http"] {
            scene.wait_for_upstream(upstream, |shown| shown["announces"]["answered"] == 1);
        }
        let answer = scene.announce(Way::HttpV4, leecher(torrent(1), 2002));
        assert_eq!(answer.peers, ["127.0.0.1:2001".parse().unwrap()]);
        // A peer may count here, where its tracker announces it, and there, where it is.
        assert!(answer.seeders <= 2 && answer.leechers <= 2, "{answer:?}");
    }
}
