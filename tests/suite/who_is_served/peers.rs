use super::ask::{Announce, Protocol, Received, Way, trackers, ways};
use super::{DETAILED, PUBLIC, deny, torrent, tracker};
use metrics::Counter;
use primitives::{AnnounceEvent, PeerDetails, PeerId, PeerInfo};
use ringtrack_tests::http_client::{HttpClient, Value, announce_target};
use ringtrack_tests::simulator::{Simulator, SimulatorSettings};
use std::collections::BTreeMap;

fn peers(tracker: &mut Simulator) -> Vec<PeerInfo> {
    let core = tracker.context(tracker.owner(&torrent(1)));
    core.shard.torrents().peers(core.now, &torrent(1), 100)
}

fn announce(tracker: &mut Simulator, way: &Way, port: u16, event: AnnounceEvent) {
    let counters = Announce { uploaded: 11, downloaded: 22, left: 33, ..Announce::of(1) };
    way.announce(tracker, &Announce { port, ..counters.with_event(event) });
}

#[test]
fn the_details_of_a_peer_are_kept_if_configured() {
    for (mut tracker, way) in trackers(DETAILED) {
        announce(&mut tracker, &way, 6881, AnnounceEvent::Started);
        let [peer] = peers(&mut tracker)[..] else { panic!("one peer") };
        let expected = PeerDetails {
            peer_id: PeerId(*b"-XX0001-abcdefghijkl"),
            uploaded: 11,
            downloaded: 22,
            left: 33,
            event: AnnounceEvent::Started,
        };
        assert_eq!(peer.details, Some(expected), "{way:?}");
        assert_eq!((peer.address.ip().to_string().as_str(), peer.address.port()), (way.ip, 6881));
        way.announce(&mut tracker, &Announce { left: 0, ..Announce::of(1) });
        let [peer] = peers(&mut tracker)[..] else { panic!("one peer") };
        let expected =
            PeerDetails { uploaded: 0, downloaded: 0, left: 0, event: AnnounceEvent::None, ..expected };
        assert_eq!(peer.details, Some(expected), "{way:?}: the latest details");
    }
}

/// The ports of the listed peers of torrent 1, with their peer ids if the list contains them.
fn listed(tracker: &mut Simulator, way: &Way, form: &str) -> BTreeMap<u64, Option<Vec<u8>>> {
    let target = announce_target(torrent(1), 0, &format!("&numwant=200{form}"));
    let answer = HttpClient::new(way.arrival(tracker, &torrent(1)), way.ip).get(tracker, &target);
    let value = answer.value();
    let Some(Value::List(peers)) = value.get("peers") else { panic!("a list: {value:?}") };
    let entry = |peer: &Value| {
        let port = peer.get("port").expect("every peer has one").integer();
        (port, peer.get("peer id").map(|id| id.bytes().to_vec()))
    };
    peers.iter().map(entry).collect()
}

#[test]
fn a_list_of_peers_contains_peer_ids_if_they_are_known_and_requested() {
    let id = |port: u16| PeerId([port.to_be_bytes(); 10].concat().try_into().expect("twenty bytes"));
    for (cores, way) in ways().filter(|(_, way)| way.protocol == Protocol::Http) {
        for (policy, form, ids_known) in [
            (DETAILED, "&compact=0", 150),
            (DETAILED, "&compact=0&no_peer_id=0", 150),
            (DETAILED, "&compact=0&no_peer_id=1", 0),
            (PUBLIC, "&compact=0", 0),
        ] {
            let mut settings = SimulatorSettings::with_shards(cores).with_access(policy);
            settings.engine.access_bounds.details.peers_max = 150;
            let mut tracker = Simulator::new(&settings);
            for port in 1..=200 {
                let protocol = if port % 2 == 0 { Protocol::Udp } else { Protocol::Http };
                let peer = Announce { port, peer_id: id(port), ..Announce::of(1) };
                Way { protocol, ..way }.announce(&mut tracker, &peer);
            }
            let expected: BTreeMap<_, _> = (1..=200_u16)
                .map(|port| (u64::from(port), (port <= ids_known).then(|| id(port).0.to_vec())))
                .collect();
            assert_eq!(listed(&mut tracker, &way, form), expected, "{way:?} {form}");
            // The routed request is reused, and must not return the ids of other peers.
            announce(&mut tracker, &way, 1, AnnounceEvent::None);
            let without = listed(&mut tracker, &way, "&compact=0&no_peer_id=1");
            assert!(without.values().all(Option::is_none), "{way:?} {form}");
        }
    }
}

#[test]
fn the_details_of_a_peer_are_not_kept_by_default() {
    for (mut tracker, way) in trackers(PUBLIC) {
        announce(&mut tracker, &way, 6881, AnnounceEvent::Started);
        let [peer] = peers(&mut tracker)[..] else { panic!("one peer") };
        assert_eq!(peer.details, None, "{way:?}");
    }
}

#[test]
fn the_details_of_a_peer_are_removed_with_the_peer() {
    for (mut tracker, way) in trackers(DETAILED) {
        announce(&mut tracker, &way, 1, AnnounceEvent::Started);
        announce(&mut tracker, &way, 2, AnnounceEvent::Started);
        announce(&mut tracker, &way, 1, AnnounceEvent::Stopped);
        let [peer] = peers(&mut tracker)[..] else { panic!("one peer") };
        assert_eq!(peer.address.port(), 2, "{way:?}");
        tracker.pass(2700 + 4);
        tracker.expire();
        assert_eq!(peers(&mut tracker), [], "{way:?}");
    }
}

#[test]
fn a_stop_with_another_peer_id_removes_a_peer_only_if_peer_ids_are_not_kept() {
    let stop = |peer_id| Announce { peer_id, ..Announce::of(1).with_event(AnnounceEvent::Stopped) };
    let (own, other) = (Announce::of(1).peer_id, PeerId(*b"-XX0001-lkjihgfedcba"));
    for (cores, way) in ways() {
        for (policy, left) in [(DETAILED, 1), (PUBLIC, 0)] {
            let mut tracker = tracker(cores, policy);
            way.announce(&mut tracker, &Announce { port: 6882, ..Announce::of(1) });
            way.announce(&mut tracker, &Announce::of(1));
            let received = way.announce(&mut tracker, &stop(other));
            assert_eq!(received.swarm(), Some((0, 1 + left)), "{way:?}");
            let Received::Peers { peers: given, .. } = received else { panic!("{received:?}") };
            assert_eq!(given, [], "{way:?}: a client that stops gets no peers");
            assert_eq!(peers(&mut tracker).len(), 1 + left as usize, "{way:?}");
            let ids: Vec<_> = peers(&mut tracker).iter().filter_map(|peer| peer.details).collect();
            assert!(ids.iter().all(|details| details.peer_id == own), "{way:?}: {ids:?}");
            assert_eq!(way.announce(&mut tracker, &stop(own)).swarm(), Some((0, 1)), "{way:?}");
        }
        // The client that announces last at an address is the one that is listed there.
        let mut tracker = tracker(cores, DETAILED);
        way.announce(&mut tracker, &Announce::of(1));
        way.announce(&mut tracker, &Announce { peer_id: other, ..Announce::of(1) });
        assert_eq!(way.announce(&mut tracker, &stop(own)).swarm(), Some((0, 1)), "{way:?}");
        assert_eq!(way.announce(&mut tracker, &stop(other)).swarm(), Some((0, 0)), "{way:?}");
        // A torrent without a swarm has no peers.
        assert_eq!(way.announce(&mut tracker, &stop(own)).swarm(), Some((0, 0)), "{way:?}");
    }
}

#[test]
fn the_memory_of_peer_details_is_freed_when_the_peers_expire() {
    for (mut tracker, way) in trackers(DETAILED) {
        for port in 1..4000 {
            announce(&mut tracker, &way, port, AnnounceEvent::None);
        }
        let held = access_bytes(&mut tracker);
        tracker.pass(2700);
        tracker.sweep();
        let left = access_bytes(&mut tracker);
        assert!(left + 300_000 < held, "{way:?}: {left} of {held}");
    }
}

#[test]
fn the_peers_of_a_banned_torrent_are_removed() {
    for (mut tracker, way) in trackers(DETAILED) {
        announce(&mut tracker, &way, 1, AnnounceEvent::Started);
        deny(&mut tracker, &[1]);
        assert_eq!(peers(&mut tracker), [], "{way:?}");
    }
}

#[test]
fn a_client_at_port_0_is_no_peer_and_has_no_details() {
    for (mut tracker, way) in trackers(DETAILED) {
        let before = access_bytes(&mut tracker);
        announce(&mut tracker, &way, 0, AnnounceEvent::Started);
        assert_eq!(peers(&mut tracker), [], "{way:?}");
        assert_eq!(access_bytes(&mut tracker), before, "{way:?}");
    }
}

#[test]
fn a_peer_beyond_the_limit_of_details_is_served_without_them() {
    for (cores, way) in ways() {
        let mut settings = SimulatorSettings::with_shards(cores).with_access(DETAILED);
        settings.engine.access_bounds.details.peers_max = 1;
        let mut tracker = Simulator::new(&settings);
        announce(&mut tracker, &way, 1, AnnounceEvent::Started);
        announce(&mut tracker, &way, 2, AnnounceEvent::Started);
        let mut peers = peers(&mut tracker);
        peers.sort_unstable_by_key(|peer| peer.address.port());
        let known: Vec<bool> = peers.iter().map(|peer| peer.details.is_some()).collect();
        assert_eq!(known, [true, false], "{way:?}");
        assert_eq!(tracker.statistics().counter(Counter::PeerDetailsRefused), 1);
    }
}

#[test]
fn an_http_announce_without_left_has_everything_left() {
    for (mut tracker, way) in trackers(DETAILED).filter(|(_, way)| way.protocol == Protocol::Http) {
        HttpClient::new(0, way.ip).announce(&mut tracker, &announce_target(torrent(1), 7, ""));
        let details = peers(&mut tracker)[0].details.expect("they are kept");
        assert_eq!((details.left, details.uploaded), (u64::MAX, 0), "{way:?}");
    }
}

/// Reads the gauge, which is updated in one of ten turns.
fn access_bytes(tracker: &mut Simulator) -> u64 {
    for _ in 0..9 {
        tracker.statistics();
    }
    tracker.statistics().gauge(metrics::Gauge::AccessBytes)
}
