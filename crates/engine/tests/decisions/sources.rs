//! What one source may send, begin and add.

use super::{TORRENT, tracker};
use access::{AccessUpdate, BannedNetworks};
use guard::{Class, SourceLimits};
use metrics::{Counter, DropReason, ErrorReason, Outcome};
use primitives::{AddressFamily, InfoHash, RequestKind};
use ringtrack_tests::client::{Client, TRANSACTION};
use ringtrack_tests::simulator::{Simulator, SimulatorSettings, source_limit};
use std::sync::Arc;
use udp_protocol::ConnectRequest;
use zerocopy::IntoBytes;

/// Returns a tracker where each source has as many tokens of a class.
fn tracker_with(class: Class, tokens: u32) -> Simulator {
    let mut tracker = tracker();
    tracker.limit_sources(&source_limit(class, tokens));
    tracker
}

fn dropped(tracker: &mut Simulator, client: &Client, kind: RequestKind, reason: DropReason) -> u64 {
    let statistics = tracker.statistics();
    for family in AddressFamily::ALL {
        assert_eq!(statistics.received(family), statistics.decided(family));
    }
    statistics.outcomes(AddressFamily::of(client.source.ip()), kind, Outcome::Dropped(reason))
}

/// Each request that needs a connection id, and one with an action that BEP 15 does not define.
fn requests(client: &Client) -> [(RequestKind, Vec<u8>); 3] {
    let announce = client.leeching(TORRENT).as_bytes().to_vec();
    let mut unknown = announce.clone();
    unknown[8..12].copy_from_slice(&[0, 0, 0, 9]);
    [
        (RequestKind::Announce, announce),
        (RequestKind::Scrape, client.scraping(&[TORRENT])),
        (RequestKind::Unknown, unknown),
    ]
}

#[test]
fn a_source_over_its_limit_is_dropped_until_it_has_tokens_again() {
    for host in ["192.0.2.1", "[2001:db8::1]"] {
        for number in 0..3 {
            let mut tracker = tracker_with(Class::Requests, 5);
            let client = Client::connected(&mut tracker, &format!("{host}:6881"));
            let (kind, request) = &requests(&client)[number];
            let answered = |tracker: &mut Simulator| {
                (0..8).filter(|_| client.send_raw(tracker, request).is_some()).count()
            };
            assert_eq!(answered(&mut tracker), 5, "{kind:?}");
            assert_eq!(dropped(&mut tracker, &client, *kind, DropReason::OverLimit), 3);
            let neighbour = Client::connected(&mut tracker, "198.51.100.1:6881");
            let announced = neighbour.announce(&mut tracker, &neighbour.leeching(TORRENT));
            assert!(announced.seeders + announced.leechers >= 1);
            tracker.pass(5);
            assert_eq!(answered(&mut tracker), 5, "{kind:?}");
        }
    }
}

#[test]
fn what_is_sent_in_the_name_of_another_costs_it_nothing() {
    let mut tracker = tracker_with(Class::Requests, 1);
    let client = Client::connected(&mut tracker, "192.0.2.1:6881");
    let stranger = Client::stranger("192.0.2.1:6881");
    for _ in 0..100 {
        assert!(stranger.send_raw(&mut tracker, ConnectRequest::new(TRANSACTION).as_bytes()).is_some());
        assert!(stranger.send_raw(&mut tracker, stranger.leeching(TORRENT).as_bytes()).is_some(), "an error");
    }
    client.announce(&mut tracker, &client.leeching(TORRENT));
    let wrong = Outcome::Error(ErrorReason::ConnectionIdWrong);
    assert_eq!(tracker.statistics().outcomes(AddressFamily::V4, RequestKind::Announce, wrong), 100);
}

#[test]
fn an_unknown_action_is_counted_by_what_is_wrong_with_its_source() {
    let mut tracker = tracker();
    let client = Client::connected(&mut tracker, "192.0.2.1:6881");
    let stranger = Client::stranger("192.0.2.1:6881");
    let unknown = |client: &Client| requests(client).into_iter().last().expect("three requests").1;
    assert!(client.send_raw(&mut tracker, &unknown(&client)).is_some());
    assert_eq!(tracker.statistics().counter(Counter::WrongConnectionIds), 0);
    assert!(stranger.send_raw(&mut tracker, &unknown(&stranger)).is_none());
    assert_eq!(tracker.statistics().counter(Counter::WrongConnectionIds), 1);
    assert_eq!(dropped(&mut tracker, &client, RequestKind::Unknown, DropReason::UnknownAction), 1);
    let networks = BannedNetworks::new(&["192.0.2.0/24".parse().expect("a network")]).expect("one network");
    tracker.update(&AccessUpdate::UseNetworks(Arc::new(networks)));
    assert!(client.send_raw(&mut tracker, &unknown(&client)).is_none());
    assert_eq!(dropped(&mut tracker, &client, RequestKind::Unknown, DropReason::Banned), 1);
}

#[test]
fn unproved_requests_over_their_limit_are_dropped_and_proved_ones_are_not() {
    let mut tracker = tracker();
    let client = Client::connected(&mut tracker, "192.0.2.1:6881");
    tracker.limit_sources(&SourceLimits { unproved_per_s: 10, ..SourceLimits::none() });
    let stranger = Client::stranger("198.51.100.1:6881");
    // Half of the limit is for anybody. Of the reserve, a connect gets the part of one prefix.
    let requests = [
        (RequestKind::Connect, ConnectRequest::new(TRANSACTION).as_bytes().to_vec(), 5 + 1),
        (RequestKind::Announce, stranger.leeching(TORRENT).as_bytes().to_vec(), 5),
        (RequestKind::Scrape, stranger.scraping(&[TORRENT]), 5),
    ];
    for (kind, request, admitted) in requests {
        tracker.pass(1);
        let answered = (0..20).filter(|_| stranger.send_raw(&mut tracker, &request).is_some()).count();
        assert_eq!(answered, admitted, "{kind:?}");
        let dropped = dropped(&mut tracker, &stranger, kind, DropReason::UnprovedOverLimit);
        assert_eq!(dropped, 20 - admitted as u64, "{kind:?}");
        client.announce(&mut tracker, &client.leeching(TORRENT));
        let other = Client::connected(&mut tracker, "203.0.113.1:6881");
        assert_ne!(
            other.connection_id, stranger.connection_id,
            "another prefix is answered from the reserve"
        );
    }
}

#[test]
fn a_torrent_and_a_peer_that_its_source_may_not_add_are_answered_and_not_stored() {
    let torrents: Vec<InfoHash> = (0..6).map(|number| InfoHash([number; 20])).collect();
    for (class, counter) in [
        (Class::NewTorrents, Counter::PeersRefusedSourceTorrents),
        (Class::NewPeers, Counter::PeersRefusedSourcePeers),
    ] {
        let mut tracker = tracker_with(class, 4);
        let client = Client::connected(&mut tracker, "192.0.2.1:6881");
        for _ in 0..2 {
            for (number, &torrent) in torrents.iter().enumerate() {
                let interval_s = client.announce(&mut tracker, &client.leeching(torrent)).interval_s;
                assert_eq!((60..=90).contains(&interval_s), number >= 4, "{class:?}: {interval_s}");
            }
        }
        let stored = client.scrape(&mut tracker, &torrents);
        let leechers: Vec<u32> = stored.iter().map(|counts| counts.leechers).collect();
        assert_eq!(leechers, [1, 1, 1, 1, 0, 0], "{class:?}");
        assert_eq!(tracker.statistics().counter(counter), 4, "{class:?}");
        let neighbour = Client::connected(&mut tracker, "198.51.100.1:6881");
        neighbour.announce(&mut tracker, &neighbour.leeching(torrents[5]));
        assert_eq!(neighbour.scrape(&mut tracker, &torrents[5..])[0].leechers, 1, "{class:?}");
    }
}

#[test]
fn an_early_announce_costs_a_second_token_and_returns_no_peers_without_one() {
    let mut settings = SimulatorSettings::default();
    settings.engine.swarms.interval_s_min = 60;
    let mut tracker = Simulator::new(&settings);
    tracker.limit_sources(&source_limit(Class::Requests, 4));
    let other = Client::connected(&mut tracker, "198.51.100.1:6881");
    other.announce(&mut tracker, &other.leeching(TORRENT));
    let client = Client::connected(&mut tracker, "192.0.2.1:6881");
    let peers = [(); 3].map(|()| client.announce(&mut tracker, &client.leeching(TORRENT)).peers.len());
    assert_eq!(peers, [1, 1, 0]);
    assert_eq!(tracker.statistics().counter(Counter::AnnouncesEarly), 2);
    tracker.pass(4);
    assert_eq!(client.announce(&mut tracker, &client.leeching(TORRENT)).peers.len(), 1);
}
