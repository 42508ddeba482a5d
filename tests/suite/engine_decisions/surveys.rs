use super::{TORRENT, tracker};
use engine::{RunningSurvey, SurveyStep};
use primitives::{InfoHash, PeerStatus, Survey, SurveyResult, TorrentFacts, TorrentOrder};
use ringtrack_tests::client::Client;
use ringtrack_tests::simulator::Simulator;
use std::collections::BTreeSet;

fn torrent(number: u16) -> InfoHash {
    let mut info_hash = TORRENT;
    info_hash.0[..2].copy_from_slice(&number.to_be_bytes());
    info_hash
}

/// Torrent n has n % 7 + 1 leechers and n % 3 seeders; every fourth has an IPv6 leecher more.
fn filled(torrents: u16) -> Simulator {
    let mut tracker = tracker();
    let clients: Vec<Client> =
        (1..8).map(|host| Client::connected(&mut tracker, &format!("192.0.2.{host}:6881"))).collect();
    let v6 = Client::connected(&mut tracker, "[2001:db8::1]:6881");
    for number in 0..torrents {
        let leechers = usize::from(number % 7 + 1);
        for (port, client) in (1000..).zip(&clients[..leechers]) {
            client.announce(&mut tracker, &client.leeching(torrent(number)).with_port(port));
        }
        for client in &clients[..usize::from(number % 3)] {
            client.announce(&mut tracker, &client.seeding(torrent(number)));
        }
        if number % 4 == 0 {
            v6.announce(&mut tracker, &v6.leeching(torrent(number)));
        }
    }
    v6.announce(&mut tracker, &v6.seeding(torrent(torrents)));
    tracker
}

fn survey(tracker: &mut Simulator, order: TorrentOrder, skip: u64, torrents_max: usize) -> SurveyResult {
    let engine = tracker.desk(0).engine;
    let mut running = RunningSurvey::new(Survey { order, skip, torrents_max });
    while engine.advance_survey(&mut running) == SurveyStep::More {}
    running.finish()
}

fn facts_of(number: u16) -> TorrentFacts {
    let v6 = u32::from(number.is_multiple_of(4));
    let (seeders, leechers) = (u32::from(number % 3), u32::from(number % 7 + 1) + v6);
    TorrentFacts { info_hash: torrent(number), seeders, leechers, completed: 0 }
}

#[test]
fn every_torrent_is_told_once_with_the_peers_of_both_families() {
    let mut tracker = filled(600);
    let told = survey(&mut tracker, TorrentOrder::Place, 0, 1000);
    assert_eq!((told.torrents.len(), told.seen), (601, 601));
    for number in 0..600 {
        assert!(told.torrents.contains(&facts_of(number)), "{number}");
    }
    let only_v6 = TorrentFacts { info_hash: torrent(600), seeders: 1, leechers: 0, completed: 0 };
    assert!(told.torrents.contains(&only_v6));
}

#[test]
fn pages_in_the_order_of_place_have_each_torrent_once() {
    let mut tracker = filled(600);
    let mut told = BTreeSet::new();
    for page in 0..7 {
        let page = survey(&mut tracker, TorrentOrder::Place, page * 100, 100);
        for facts in page.torrents {
            assert!(told.insert(facts.info_hash), "{facts:?} twice");
        }
    }
    assert_eq!(told.len(), 601);
    assert_eq!(
        survey(&mut tracker, TorrentOrder::Place, 700, 10),
        SurveyResult { torrents: vec![], seen: 601 }
    );
}

#[test]
fn the_first_torrents_by_a_count_are_told_and_of_equals_those_with_the_lower_info_hash() {
    let mut tracker = filled(600);
    for order in [TorrentOrder::Seeders, TorrentOrder::Leechers, TorrentOrder::Peers] {
        let mut expected: Vec<TorrentFacts> = (0..600).map(facts_of).collect();
        expected.push(TorrentFacts { info_hash: torrent(600), seeders: 1, leechers: 0, completed: 0 });
        expected.sort_by_key(|facts| (u64::MAX - order.rank(facts), facts.info_hash));
        let mut told = survey(&mut tracker, order, 0, 50);
        told.torrents.sort_by_key(|facts| (u64::MAX - order.rank(facts), facts.info_hash));
        assert_eq!(told.torrents, expected[..50], "{order:?}");
        assert_eq!(told.seen, 601);
    }
}

#[test]
fn a_survey_for_nothing_is_done_at_once() {
    let mut tracker = filled(3);
    for order in [TorrentOrder::Place, TorrentOrder::Peers] {
        assert_eq!(survey(&mut tracker, order, 0, 0).torrents, []);
    }
}

#[test]
fn the_peers_of_a_torrent_are_told_ipv4_first_and_no_more_than_asked_for() {
    let mut tracker = filled(5);
    tracker.pass(60);
    let desk = tracker.desk(0);
    let peers = desk.engine.peers(desk.now, &torrent(4), 100);
    assert_eq!(peers.len(), 7);
    assert_eq!(peers[0].status, PeerStatus::Seeder);
    assert!((58..=60).contains(&peers[0].heard_s_ago), "{peers:?}");
    assert_eq!(peers[6].address, "[2001:db8::1]:6881".parse().unwrap());
    assert_eq!(desk.engine.peers(desk.now, &torrent(4), 6), peers[..6]);
    assert_eq!(desk.engine.peers(desk.now, &torrent(9), 6), []);
}

#[test]
fn a_dropped_torrent_has_no_peers_until_they_announce_again() {
    let mut tracker = filled(5);
    assert!(tracker.desk(0).engine.drop_torrent(&torrent(4)));
    assert!(!tracker.desk(0).engine.drop_torrent(&torrent(4)));
    assert_eq!(tracker.desk(0).engine.torrent(&torrent(4)), None);
    let client = Client::connected(&mut tracker, "192.0.2.1:6881");
    assert_eq!(client.announce(&mut tracker, &client.leeching(torrent(4))).leechers, 1);
}
