//! Peers that are refused at a limit are counted and answered.

use super::TORRENT;
use metrics::Counter;
use primitives::InfoHash;
use ringtrack_tests::client::{Announced, Client};
use ringtrack_tests::simulator::{Simulator, SimulatorSettings};
use swarm::SwarmLimits;

/// The answer to a third client, for a torrent with two known peers or for another one.
fn third_at_bound(set: impl Fn(&mut SwarmLimits), torrent: InfoHash, counter: Counter) -> Announced {
    let mut settings = SimulatorSettings::default();
    set(&mut settings.engine.swarms.limits);
    let mut tracker = Simulator::new(&settings);
    for source in ["192.0.2.1:6881", "192.0.2.2:6881"] {
        let client = Client::connected(&mut tracker, source);
        client.announce(&mut tracker, &client.leeching(TORRENT));
    }
    assert_eq!(tracker.statistics().counter(counter), 0);
    let third = Client::connected(&mut tracker, "192.0.2.3:6881");
    let announced = third.announce(&mut tracker, &third.leeching(torrent));
    assert_eq!(tracker.statistics().counter(counter), 1);
    assert_eq!(third.scrape(&mut tracker, &[torrent])[0].leechers, announced.leechers);
    announced
}

#[test]
fn a_peer_beyond_the_limit_of_its_swarm_still_gets_peers() {
    let bound = |limits: &mut SwarmLimits| limits.swarm_peers_max = 2;
    let announced = third_at_bound(bound, TORRENT, Counter::PeersRefusedSwarmPeers);
    assert_eq!((announced.leechers, announced.peers.len()), (2, 2));
}

#[test]
fn a_peer_beyond_the_limit_of_the_tracker_still_gets_peers() {
    let announced = third_at_bound(|limits| limits.peers_max = 2, TORRENT, Counter::PeersRefusedPeers);
    assert_eq!((announced.leechers, announced.peers.len()), (2, 2));
}

#[test]
fn a_torrent_beyond_the_limit_of_the_tracker_is_answered_with_an_empty_swarm() {
    let other = InfoHash([1; 20]);
    let announced = third_at_bound(|limits| limits.swarms_max = 1, other, Counter::PeersRefusedSwarms);
    assert_eq!((announced.leechers, announced.peers.len()), (0, 0));
    assert!((1620..=1980).contains(&announced.interval_s));
}

#[test]
fn a_peer_beyond_the_memory_limit_still_gets_peers() {
    // The empty tables are a little below the limit, the first swarm takes them above it. Two peers fit into its entry.
    let bound = |limits: &mut SwarmLimits| limits.bytes_max = 66_000;
    let announced = third_at_bound(bound, TORRENT, Counter::PeersRefusedMemory);
    assert_eq!((announced.leechers, announced.peers.len()), (2, 2));
}

#[test]
fn a_known_peer_is_refreshed_at_the_limit() {
    let mut settings = SimulatorSettings::default();
    settings.engine.swarms.limits.peers_max = 1;
    let mut tracker = Simulator::new(&settings);
    let mut client = Client::connected(&mut tracker, "192.0.2.1:6881");
    client.announce(&mut tracker, &client.leeching(TORRENT));
    tracker.pass(2000);
    client.connect(&mut tracker);
    client.announce(&mut tracker, &client.leeching(TORRENT));
    tracker.pass(2000);
    tracker.expire();
    client.connect(&mut tracker);
    assert_eq!(client.scrape(&mut tracker, &[TORRENT])[0].leechers, 1);
    assert_eq!(tracker.statistics().counter(Counter::PeersRefusedPeers), 0);
}
