use super::ask::{Announce, IPS, Protocol, Received, Way, trackers, ways};
use super::{LISTED, PUBLIC, REMEMBERING, allow, deny, disallow, torrent, tracker};
use access::{AccessPolicy, AccessUpdate, CompletedCounts};
use metrics::Counter;
use primitives::AnnounceEvent::{Completed, Stopped};
use primitives::{AnnounceEvent, PeerId};
use ringtrack_tests::simulator::{CoreEvents, Simulator, SimulatorSettings};
use std::collections::BTreeMap;

fn seeder(number: u8, port: u16, event: AnnounceEvent) -> Announce {
    Announce { left: 0, port, ..Announce::of(number).with_event(event) }
}

/// Completes a download of torrent 1.
fn complete(tracker: &mut Simulator, way: &Way, port: u16) {
    complete_torrent(tracker, way, 1, port);
}

fn complete_torrent(tracker: &mut Simulator, way: &Way, number: u8, port: u16) {
    let peer_id = PeerId(std::array::from_fn(|at| way.ip.as_bytes()[at % 8] ^ port.to_be_bytes()[at % 2]));
    way.announce(tracker, &Announce { peer_id, port, ..Announce::of(number) });
    let received = way.announce(tracker, &Announce { peer_id, ..seeder(number, port, Completed) });
    assert!(received.swarm().is_some(), "{received:?}");
}

/// The completed count of torrent 1 in a scrape and, over HTTP, in an announce too.
fn completed(tracker: &mut Simulator, way: &Way) -> u64 {
    let Received::Counts(counts) = way.scrape(tracker, 1, "") else { panic!("a scrape is answered") };
    let asking = Announce { port: 0, ..Announce::of(1) };
    let Received::Peers { downloaded, .. } = way.announce(tracker, &asking) else { panic!("it is served") };
    assert_eq!(downloaded.unwrap_or(counts.downloaded), counts.downloaded, "{way:?}");
    counts.downloaded
}

/// The completed count of the swarm of torrent 1, as the management API reports it.
fn of_swarm(tracker: &mut Simulator) -> u64 {
    let owner = tracker.owner(&torrent(1));
    tracker.context(owner).shard.torrents().info(&torrent(1)).expect("a swarm").completed
}

fn remember(tracker: &mut Simulator, counts: &[(u8, u64)]) {
    let counts = counts.iter().map(|&(number, completed)| (torrent(number), completed)).collect();
    tracker.update(&AccessUpdate::RememberCompleted(counts));
}

#[test]
fn the_remembered_count_covers_both_families_and_outlives_the_swarm() {
    for (mut tracker, way) in trackers(REMEMBERING).filter(|(_, way)| way.ip == IPS[0]) {
        let families = IPS.map(|ip| Way { ip, ..way });
        for (way, ports) in families.iter().zip([1..=3, 1..=2]) {
            ports.for_each(|port| complete(&mut tracker, way, port));
        }
        for way in &families {
            assert_eq!(completed(&mut tracker, way), 5, "{way:?}");
            assert_eq!(
                way.scrape(&mut tracker, 1, ""),
                Received::counts([3, 2][usize::from(way.ip == IPS[1])], 5, 0)
            );
        }
        let owner = tracker.owner(&torrent(1));
        assert!(tracker.context(owner).shard.drop_torrent(&torrent(1)));
        for way in &families {
            assert_eq!(completed(&mut tracker, way), 5, "{way:?}: without a swarm");
        }
        complete(&mut tracker, &way, 9);
        assert_eq!(completed(&mut tracker, &way), 6, "{way:?}");
        assert_eq!(of_swarm(&mut tracker), 6);
    }
}

#[test]
fn without_remembering_the_count_is_that_of_the_swarms_of_both_families() {
    for (mut tracker, way) in trackers(PUBLIC).filter(|(_, way)| way.ip == IPS[0]) {
        remember(&mut tracker, &[(1, 100)]);
        complete(&mut tracker, &way, 1);
        for ip in IPS {
            assert_eq!(completed(&mut tracker, &Way { ip, ..way }), 1, "{way:?}");
        }
        assert_eq!(tracker.take_events(), CoreEvents::default());
    }
}

#[test]
fn a_client_that_completes_over_both_families_counts_once_and_two_clients_count_twice() {
    for (cores, way) in ways() {
        for (policy, other_id, expected) in
            [(PUBLIC, 1, 1), (REMEMBERING, 1, 1), (PUBLIC, 2, 2), (REMEMBERING, 2, 2)]
        {
            let mut tracker = tracker(cores, policy);
            let other = Way { ip: IPS[usize::from(way.ip == IPS[0])], ..way };
            let clients = [(way, 1), (other, other_id)];
            for (event, left) in [(AnnounceEvent::Started, 1), (Completed, 0), (Completed, 0)] {
                for (way, id) in clients {
                    let peer_id = PeerId([id; 20]);
                    way.announce(
                        &mut tracker,
                        &Announce { peer_id, left, ..Announce::of(1).with_event(event) },
                    );
                }
            }
            for (way, _) in clients {
                assert_eq!(completed(&mut tracker, &way), expected, "{way:?}");
            }
            assert_eq!(tracker.statistics().counter(Counter::Completed), expected, "{way:?}");
            assert_eq!(of_swarm(&mut tracker), expected);
        }
    }
}

#[test]
fn stored_counts_are_returned_and_increased() {
    for (mut tracker, way) in trackers(REMEMBERING) {
        remember(&mut tracker, &[(1, 70_000), (2, 5)]);
        assert_eq!(completed(&mut tracker, &way), 70_000, "{way:?}: without a swarm");
        complete(&mut tracker, &way, 1);
        assert_eq!(completed(&mut tracker, &way), 70_001, "{way:?}");
        remember(&mut tracker, &[(1, 7)]);
        assert_eq!(completed(&mut tracker, &way), 70_001, "{way:?}: an older count is ignored");
        assert_eq!(way.scrape(&mut tracker, 2, ""), Received::counts(0, 5, 0));
    }
}

#[test]
fn a_count_beyond_32_bits_is_exact_over_http_and_the_maximum_over_udp() {
    for (mut tracker, way) in trackers(REMEMBERING) {
        remember(&mut tracker, &[(1, 4_294_967_295), (2, 1 << 40)]);
        complete(&mut tracker, &way, 1);
        let received = |over_http| if way.protocol == Protocol::Http { over_http } else { 4_294_967_295 };
        assert_eq!(completed(&mut tracker, &way), received(4_294_967_296), "{way:?}");
        assert_eq!(
            way.scrape(&mut tracker, 2, ""),
            Received::counts(0, received(1_099_511_627_776), 0),
            "{way:?}"
        );
        assert_eq!(tracker.take_events().completed, [(torrent(1), 4_294_967_296)].into());
    }
}

#[test]
fn changed_counts_are_reported_once_and_in_full() {
    for (mut tracker, way) in trackers(REMEMBERING) {
        remember(&mut tracker, &[(1, 10), (2, 20)]);
        assert_eq!(tracker.take_events(), CoreEvents::default(), "stored counts are not reported");
        for port in 1..=3 {
            complete(&mut tracker, &way, port);
        }
        for number in 3..20 {
            complete_torrent(&mut tracker, &way, number, 1);
        }
        let events = tracker.take_events();
        let mut expected: BTreeMap<_, _> = (3..20).map(|number| (torrent(number), 1)).collect();
        expected.insert(torrent(1), 13);
        assert_eq!(events.completed, expected, "{way:?}");
        assert!(events.accounts.is_empty());
        assert_eq!(tracker.take_events(), CoreEvents::default(), "{way:?}: once");
        complete(&mut tracker, &way, 4);
        assert_eq!(tracker.take_events().completed, [(torrent(1), 14)].into(), "{way:?}");
    }
}

#[test]
fn unsent_counts_are_sent_later_with_their_latest_value() {
    for (mut tracker, way) in trackers(REMEMBERING) {
        complete(&mut tracker, &way, 1);
        let owner = tracker.owner(&torrent(1));
        let unsent = tracker.take_events_of(owner);
        assert_eq!(unsent.len(), 1);
        complete(&mut tracker, &way, 2);
        for fact in &unsent {
            tracker.context(owner).shard.return_event(fact);
        }
        assert_eq!(tracker.take_events().completed, [(torrent(1), 2)].into(), "{way:?}");
    }
}

#[test]
fn a_peer_completes_a_torrent_once_however_often_it_announces_that() {
    for (mut tracker, way) in trackers(REMEMBERING) {
        complete(&mut tracker, &way, 1);
        for _ in 0..3 {
            way.announce(&mut tracker, &seeder(1, 1, Completed));
        }
        assert_eq!(completed(&mut tracker, &way), 1, "{way:?}");
        way.announce(&mut tracker, &seeder(1, 1, Stopped));
        assert_eq!(completed(&mut tracker, &way), 1, "{way:?}");
        assert_eq!(tracker.statistics().counter(Counter::Completed), 1);
    }
}

#[test]
fn a_completed_event_of_a_peer_that_was_no_leecher_is_not_counted() {
    for (mut tracker, way) in trackers(REMEMBERING) {
        way.announce(&mut tracker, &seeder(1, 1, Completed));
        way.announce(&mut tracker, &seeder(1, 2, AnnounceEvent::Started));
        way.announce(&mut tracker, &seeder(1, 2, Completed));
        assert_eq!(completed(&mut tracker, &way), 0, "{way:?}");
        complete(&mut tracker, &way, 3);
        assert_eq!(completed(&mut tracker, &way), 1, "{way:?}");
    }
}

#[test]
fn the_counts_of_torrents_that_are_not_served_are_hidden_but_not_lost() {
    let policy = AccessPolicy { completed: CompletedCounts::Remembered, ..LISTED };
    for (mut tracker, way) in trackers(policy) {
        allow(&mut tracker, &[1]);
        complete(&mut tracker, &way, 1);
        disallow(&mut tracker, &[1]);
        assert_eq!(way.scrape(&mut tracker, 1, ""), Received::counts(0, 0, 0), "{way:?}");
        allow(&mut tracker, &[1]);
        assert_eq!(completed(&mut tracker, &way), 1, "{way:?}");
        deny(&mut tracker, &[1]);
        assert_eq!(way.scrape(&mut tracker, 1, ""), Received::counts(0, 0, 0), "{way:?}");
    }
}

#[test]
fn a_count_beyond_the_limit_is_returned_as_known_by_the_swarm() {
    for (cores, way) in ways() {
        let mut settings = SimulatorSettings::with_shards(cores).with_access(REMEMBERING);
        settings.engine.access_bounds.torrent_table.counted_max = 0;
        let mut tracker = Simulator::new(&settings);
        complete(&mut tracker, &way, 1);
        complete(&mut tracker, &way, 2);
        assert_eq!(tracker.statistics().counter(Counter::CompletedRefused), 2, "{way:?}");
        assert_eq!(completed(&mut tracker, &way), 2, "{way:?}");
        assert_eq!(of_swarm(&mut tracker), 2);
    }
}
