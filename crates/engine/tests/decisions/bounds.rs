//! At a limit newcomers take the places of others, which are counted.

use super::{TORRENT, ipv4_addresses, leechers};
use metrics::Counter;
use primitives::InfoHash;
use ringtrack_tests::client::Client;
use ringtrack_tests::simulator::{Simulator, SimulatorSettings};
use swarm::SwarmLimits;

const OTHER: InfoHash = InfoHash([1; 20]);

/// A way to reach a limit with two peers of [`TORRENT`]: the limit, the torrent that a third client announces, the
/// counter of those that give way, their number, and the peers that the client gets.
type Case = (fn(&mut SwarmLimits), InfoHash, Counter, u64, usize);

const CASES: [Case; 4] = [
    (|limits| limits.swarm_peers_max = 2, TORRENT, Counter::PeersEvictedSwarmPeers, 1, 1),
    (|limits| limits.peers_max = 2, TORRENT, Counter::PeersEvictedPeers, 1, 1),
    (|limits| limits.swarms_max = 1, OTHER, Counter::PeersEvictedSwarms, 2, 0),
    // The empty tables are a little below the limit, the first swarm takes them above it. Two peers fit into its entry.
    (|limits| limits.bytes_max = 99_000, TORRENT, Counter::PeersEvictedMemory, 1, 1),
];

#[test]
fn a_peer_beyond_a_limit_takes_the_place_of_another() {
    for (set, torrent, counter, evicted, peers) in CASES {
        let mut settings = SimulatorSettings::default();
        set(&mut settings.engine.swarms.limits);
        let mut tracker = Simulator::new(&settings);
        leechers(&mut tracker, ipv4_addresses(2));
        assert_eq!(tracker.statistics().counter(counter), 0, "{counter:?}");
        let third = Client::connected(&mut tracker, "192.0.2.3:6881");
        let announced = third.announce(&mut tracker, &third.leeching(torrent));
        assert_eq!(tracker.statistics().counter(counter), evicted, "{counter:?}");
        assert_eq!((announced.leechers as usize, announced.peers.len()), (peers + 1, peers), "{counter:?}");
        assert_eq!(third.scrape(&mut tracker, &[torrent])[0].leechers, announced.leechers, "{counter:?}");
    }
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
    assert_eq!(tracker.statistics().counter(Counter::PeersEvictedPeers), 0);
}
