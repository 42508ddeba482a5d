//! What clients get of upstream trackers, and what the forwarder learns of local peers.

use super::TORRENT;
use core_link::{CoreTask, Reply};
use engine::ForwardingBounds;
use metrics::{Counter, Gauge};
use primitives::{
    AnnounceEvent, CompactIpv4, CompactIpv6, ExternalCounts, ExternalPeers, InfoHash, PeerId, Representative,
    SwarmChange,
};
use ringtrack_tests::client::{Client, TorrentCounts};
use ringtrack_tests::simulator::{Simulator, SimulatorSettings};
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::mpsc::channel;
use udp_protocol::AnnounceRequest;

const LOCAL: &str = "192.0.2.1:6881";
const OTHER: &str = "192.0.2.2:6882";

fn tracker() -> Simulator {
    let mut settings = SimulatorSettings::default();
    settings.engine.forwarding = Some(ForwardingBounds { torrents_max: 2, peers_max: 5 });
    Simulator::new(&settings)
}

/// An upstream tracker's answer with these peers, which expire a minute from now.
fn answer(tracker: &Simulator, v4: &[&str]) -> ExternalPeers {
    let compact = |peer: &&str| match peer.parse() {
        Ok(SocketAddr::V4(peer)) => CompactIpv4::new(*peer.ip(), peer.port()),
        other => panic!("{other:?}"),
    };
    ExternalPeers {
        info_hash: TORRENT,
        upstream: 1,
        v4: v4.iter().map(compact).collect(),
        v6: vec![CompactIpv6::new(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9), 9)],
        counts: ExternalCounts { seeders: 100, leechers: 20 },
        expires: tracker.now().monotonic.after(60),
        counts_expire: tracker.now().monotonic.after(60),
    }
}

fn use_external(tracker: &mut Simulator, v4: &[&str]) {
    let peers = Box::new(answer(tracker, v4));
    tracker.submit(0, CoreTask::UseExternal(peers));
    tracker.run_for_ms(100);
}

fn changes(tracker: &mut Simulator) -> Vec<SwarmChange> {
    tracker.sweep();
    tracker.take_swarm_changes(0)
}

fn representative(tracker: &mut Simulator) -> Option<Representative> {
    let (sender, receiver) = channel();
    let reply = Reply::new(move |representative| _ = sender.send(representative));
    tracker.submit(0, CoreTask::Representative(TORRENT, reply));
    tracker.run_for_ms(100);
    receiver.try_recv().expect("the task is done")
}

fn with_figures(mut announce: AnnounceRequest, figures: Representative) -> AnnounceRequest {
    announce.uploaded.set(figures.uploaded);
    announce.downloaded.set(figures.downloaded);
    announce.with_left(figures.left).with_port(figures.port)
}

#[test]
fn external_peers_follow_local_ones_without_the_client_and_the_counts_are_added() {
    let mut tracker = tracker();
    let client = Client::connected(&mut tracker, LOCAL);
    let other = Client::connected(&mut tracker, OTHER);
    let first = client.announce(&mut tracker, &client.leeching(TORRENT));
    assert_eq!(first.peers, []);
    assert!((60..=90).contains(&first.interval_s), "it is to return for external peers");
    let second = other.announce(&mut tracker, &other.leeching(TORRENT));
    assert!((60..=90).contains(&second.interval_s));
    use_external(&mut tracker, &[LOCAL, OTHER, "203.0.113.1:1", "203.0.113.2:2"]);

    let announced = client.announce(&mut tracker, &client.leeching(TORRENT));
    let all = [OTHER, "203.0.113.1:1", "203.0.113.2:2"].map(|peer| peer.parse::<SocketAddr>().unwrap());
    assert_eq!(announced.peers, all);
    assert_eq!((announced.seeders, announced.leechers), (100, 22));
    assert!(announced.interval_s > 90);
    let one = client.announce(&mut tracker, &client.leeching(TORRENT).with_numwant(1));
    assert_eq!(one.peers, all[..1], "local peers come first");
    let counts = TorrentCounts { seeders: 100, downloaded: 0, leechers: 22 };
    assert_eq!(client.scrape(&mut tracker, &[TORRENT]), [counts]);
    let v6 = Client::connected(&mut tracker, "[2001:db8::1]:1");
    let announced = v6.announce(&mut tracker, &v6.leeching(TORRENT));
    assert_eq!(announced.peers, ["[2001:db8::9]:9".parse().unwrap()]);
    let stopped = other.announce(&mut tracker, &other.leeching(TORRENT).with_event(AnnounceEvent::Stopped));
    assert_eq!(stopped.peers, []);

    tracker.pass(60);
    let later = client.announce(&mut tracker, &client.leeching(TORRENT));
    assert_eq!(later.peers, [], "external peers expire");
    tracker.sweep();
    let later = client.announce(&mut tracker, &client.leeching(TORRENT));
    assert_eq!((later.seeders, later.leechers), (0, 1));
}

#[test]
fn another_forwarder_gets_local_peers_only_and_starts_nothing() {
    let mut tracker = tracker();
    let forwarder = Client::connected(&mut tracker, OTHER);
    let mut request = forwarder.leeching(TORRENT);
    request.peer_id = PeerId(*b"-RF0100-abcdefghijkl");
    forwarder.announce(&mut tracker, &request);
    assert_eq!(changes(&mut tracker), []);
    let client = Client::connected(&mut tracker, LOCAL);
    client.announce(&mut tracker, &client.leeching(TORRENT));
    tracker.pass(60);
    let announced = client.announce(&mut tracker, &client.leeching(TORRENT));
    assert!(announced.interval_s > 90, "upstream trackers have not answered");
    use_external(&mut tracker, &["203.0.113.1:1"]);
    let announced = forwarder.announce(&mut tracker, &request);
    assert_eq!((announced.seeders, announced.leechers), (0, 2));
    assert_eq!(announced.peers, [LOCAL.parse().unwrap()]);
    assert!(announced.interval_s > 90);

    assert!(matches!(changes(&mut tracker)[..], [SwarmChange::Started(..)]));
    client.announce(&mut tracker, &client.leeching(TORRENT).with_event(AnnounceEvent::Stopped));
    assert_eq!(representative(&mut tracker), None);
    assert_eq!(changes(&mut tracker), [SwarmChange::Stopped(TORRENT)], "the peer that is left is not local");

    // Anyone can announce as a forwarder and stop as another client.
    forwarder.announce(&mut tracker, &forwarder.leeching(TORRENT).with_event(AnnounceEvent::Stopped));
    client.announce(&mut tracker, &client.leeching(TORRENT));
    let port = representative(&mut tracker).map(|representative| representative.port);
    assert_eq!(port, Some(6881), "a forwarder's peer that is gone hides no local one");
}

#[test]
fn an_early_announce_of_another_forwarder_makes_no_local_peer_of_it() {
    let mut settings = SimulatorSettings::default();
    settings.engine.swarms.interval_s_min = 60;
    settings.engine.forwarding = Some(ForwardingBounds { torrents_max: 2, peers_max: 5 });
    let mut tracker = Simulator::new(&settings);
    let forwarder = Client::connected(&mut tracker, OTHER);
    let mut request = forwarder.leeching(TORRENT);
    request.peer_id = PeerId(*b"-RF0100-abcdefghijkl");
    for _ in 0..2 {
        forwarder.announce(&mut tracker, &request);
    }
    let client = Client::connected(&mut tracker, LOCAL);
    client.announce(&mut tracker, &client.leeching(TORRENT));
    forwarder.announce(&mut tracker, &request);
    client.announce(&mut tracker, &client.leeching(TORRENT).with_event(AnnounceEvent::Stopped));
    assert!(matches!(changes(&mut tracker)[..], [SwarmChange::Started(..), SwarmChange::Stopped(_)]));
}

#[test]
fn starts_completed_downloads_and_stops_are_reported_with_a_local_peers_figures() {
    let mut tracker = tracker();
    let figures = |left| Representative { port: 6881, uploaded: 7, downloaded: 8, left };
    let client = Client::connected(&mut tracker, LOCAL);
    client.announce(&mut tracker, &with_figures(client.leeching(TORRENT), figures(9)));
    assert_eq!(changes(&mut tracker), [SwarmChange::Started(TORRENT, figures(9))]);
    use_external(&mut tracker, &[]);
    client.announce(&mut tracker, &with_figures(client.leeching(TORRENT), figures(3)));
    assert_eq!(changes(&mut tracker), []);
    assert_eq!(representative(&mut tracker), Some(figures(3)));
    let completed = with_figures(client.leeching(TORRENT), figures(0)).with_event(AnnounceEvent::Completed);
    client.announce(&mut tracker, &completed);
    assert_eq!(changes(&mut tracker), [SwarmChange::Completed(TORRENT, figures(0))]);

    let other = Client::connected(&mut tracker, OTHER);
    other.announce(&mut tracker, &other.leeching(TORRENT));
    client.announce(&mut tracker, &client.seeding(TORRENT).with_event(AnnounceEvent::Stopped));
    assert_eq!(changes(&mut tracker), []);
    let port = representative(&mut tracker).map(|representative| representative.port);
    assert_eq!(port, Some(6882), "the peer that is left");
    other.announce(&mut tracker, &other.leeching(TORRENT).with_event(AnnounceEvent::Stopped));
    assert_eq!(representative(&mut tracker), None);
    assert_eq!(changes(&mut tracker), [SwarmChange::Stopped(TORRENT)]);
    client.announce(&mut tracker, &with_figures(client.leeching(TORRENT), figures(1)));
    assert_eq!(changes(&mut tracker), [SwarmChange::Started(TORRENT, figures(1))]);
    tracker.pass(3 * 3600);
    tracker.expire();
    assert_eq!(changes(&mut tracker), [SwarmChange::Stopped(TORRENT)], "its last peer has expired");
}

#[test]
fn changes_that_cannot_be_reported_are_reported_later() {
    let mut tracker = tracker();
    let client = Client::connected(&mut tracker, LOCAL);
    let mut is_present = false;
    for _ in 0..2000 {
        let event = if is_present { AnnounceEvent::Stopped } else { AnnounceEvent::Started };
        client.announce(&mut tracker, &client.leeching(TORRENT).with_event(event));
        is_present = !is_present;
        tracker.sweep();
        tracker.run_for_ms(100);
    }
    let mut reported = Vec::new();
    while let changes = changes(&mut tracker)
        && !changes.is_empty()
    {
        reported.extend(changes);
        tracker.run_for_ms(100);
    }
    assert_eq!(reported.len(), 2000);
    let is_start = |change: &SwarmChange| matches!(change, SwarmChange::Started(..));
    assert!(reported.iter().enumerate().all(|(index, change)| is_start(change) == (index % 2 == 0)));
}

#[test]
fn beyond_the_limits_torrents_are_not_forwarded_and_external_peers_are_dropped() {
    let mut tracker = tracker();
    let client = Client::connected(&mut tracker, LOCAL);
    for torrent in [TORRENT, InfoHash([1; 20]), InfoHash([2; 20])] {
        let announced = client.announce(&mut tracker, &client.leeching(torrent));
        assert_eq!(announced.interval_s <= 90, torrent != InfoHash([2; 20]));
    }
    assert_eq!(changes(&mut tracker).len(), 2);
    let many: Vec<_> = (1..=9).map(|number| format!("203.0.113.{number}:1")).collect();
    use_external(&mut tracker, &many.iter().map(String::as_str).collect::<Vec<_>>());
    let statistics = tracker.statistics();
    assert_eq!(statistics.gauge(Gauge::ForwardedTorrents), 2);
    assert_eq!(statistics.gauge(Gauge::ExternalPeers), 5);
    assert_eq!(statistics.counter(Counter::ForwardedTorrentsRefused), 1);
    assert_eq!(statistics.counter(Counter::ExternalPeersRefused), 5);
    let announced = client.announce(&mut tracker, &client.leeching(TORRENT));
    assert_eq!(announced.peers.len(), 5);
}
