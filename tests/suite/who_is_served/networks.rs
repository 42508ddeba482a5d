use super::ask::{Announce, IPS, Protocol, Received, Way, trackers};
use super::{PRIVATE, PUBLIC, assert_accounted, grant, http_outcomes, key_text, refusals, torrent, tracker};
use access::{AccessUpdate, BannedNetworks};
use metrics::{DropReason, HttpOutcome, Outcome};
use primitives::{AddressFamily, RequestKind};
use ringtrack_tests::client::{Client, TRANSACTION};
use ringtrack_tests::http_client::{HttpClient, Value};
use ringtrack_tests::simulator::{Arrival, Datagram, Simulator};
use std::sync::Arc;
use udp_protocol::ConnectRequest;
use zerocopy::IntoBytes;

fn ban(tracker: &mut Simulator, networks: &[&str]) {
    let networks: Vec<_> = networks.iter().map(|network| network.parse().expect("a network")).collect();
    let networks = BannedNetworks::new(&networks).expect("few networks");
    tracker.update(&AccessUpdate::UseNetworks(Arc::new(networks)));
}

const NETWORKS: [&str; 2] = ["192.0.2.0/25", "2001:db8::/64"];

#[test]
fn datagrams_of_a_banned_network_are_dropped_and_counted_by_their_kind() {
    for (mut tracker, way) in trackers(PUBLIC).filter(|(_, way)| way.protocol == Protocol::Udp) {
        let client = way.client(&mut tracker);
        ban(&mut tracker, &NETWORKS);
        let asked = [
            (RequestKind::Connect, ConnectRequest::new(TRANSACTION).as_bytes().to_vec()),
            (RequestKind::Announce, Announce::of(1).datagram(&client)),
            (RequestKind::Scrape, client.scraping(&[torrent(1)])),
        ];
        let family = AddressFamily::of(client.source.ip());
        for (kind, bytes) in asked {
            assert_eq!(way.send(&mut tracker, &client, &torrent(1), &bytes), Received::Nothing, "{way:?}");
            let dropped = Outcome::Dropped(DropReason::Banned);
            assert_eq!(tracker.statistics().outcomes(family, kind, dropped), 1, "{way:?} {kind:?}");
        }
        assert_eq!(refusals(&mut tracker), [0; 4], "{way:?}: they are counted as drops");
        assert_accounted(&mut tracker);
    }
}

#[test]
fn requests_of_a_banned_network_are_refused_over_http_with_no_retry() {
    let never = Some(Value::Bytes(b"never".to_vec()));
    for (mut tracker, way) in trackers(PUBLIC).filter(|(_, way)| way.protocol == Protocol::Http) {
        ban(&mut tracker, &NETWORKS);
        let refused = Received::refused("this network is banned here");
        assert_eq!(way.announce(&mut tracker, &Announce::of(1)), refused, "{way:?}");
        assert_eq!(way.scrape(&mut tracker, 1, ""), refused, "{way:?}");
        assert_eq!(way.retry(&mut tracker, &Announce::of(1)), never);
        let statistics = tracker.statistics();
        assert_eq!(http_outcomes(&statistics, HttpOutcome::AnnounceRefused), 2);
        assert_eq!(http_outcomes(&statistics, HttpOutcome::ScrapeRefused), 1);
        assert_eq!(refusals(&mut tracker), [0, 0, 0, 3], "{way:?}");
    }
}

#[test]
fn a_ban_affects_only_its_addresses_and_ends_when_it_is_lifted() {
    for (mut tracker, way) in trackers(PUBLIC) {
        ban(&mut tracker, &["192.0.2.2/32", "2001:db8::2/128", "10.0.0.0/8"]);
        assert_eq!(way.announce(&mut tracker, &Announce::of(1)).swarm(), Some((0, 1)), "{way:?}");
        ban(&mut tracker, &NETWORKS);
        if way.protocol == Protocol::Http {
            assert_eq!(way.announce(&mut tracker, &Announce::of(1)).swarm(), None, "{way:?}");
        }
        ban(&mut tracker, &[]);
        assert_eq!(way.announce(&mut tracker, &Announce::of(1)).swarm(), Some((0, 1)), "{way:?}");
    }
}

#[test]
fn an_ipv4_mapped_source_is_banned_with_its_ipv4_address() {
    let mut tracker = tracker(1, PUBLIC);
    ban(&mut tracker, &NETWORKS);
    let client = Client::stranger("[::ffff:192.0.2.1]:6881");
    assert_eq!(client.send(&mut tracker, ConnectRequest::new(TRANSACTION).as_bytes()), None);
    let mut client = HttpClient::new(0, "::ffff:192.0.2.1");
    let answer = client.get(&mut tracker, "/announce");
    assert_eq!(answer.failure().expect("it is refused").0, "this network is banned here");
}

#[test]
fn a_ban_takes_precedence_over_keys() {
    for ip in IPS {
        let mut tracker = tracker(1, PRIVATE);
        grant(&mut tracker, 1, None);
        ban(&mut tracker, &NETWORKS);
        let way = Way { ip, ..Way::HTTP };
        let refused = Received::refused("this network is banned here");
        for announce in [Announce::of(1), Announce::of(1).with_key(&key_text(1))] {
            assert_eq!(way.announce(&mut tracker, &announce), refused);
        }
        assert_eq!(refusals(&mut tracker), [0, 0, 0, 2]);
    }
}

#[test]
fn an_unknown_datagram_of_a_banned_network_is_counted_as_that_of_one() {
    let mut tracker = tracker(1, PUBLIC);
    ban(&mut tracker, &NETWORKS);
    let source = "192.0.2.1:6881".parse().expect("an address");
    let datagram = Datagram { source, bytes: vec![0xff; 98], arrival: Arrival::Steered };
    assert_eq!(tracker.exchange(&[datagram]), []);
    let dropped = Outcome::Dropped(DropReason::Banned);
    assert_eq!(tracker.statistics().outcomes(AddressFamily::V4, RequestKind::Unknown, dropped), 1);
    assert_accounted(&mut tracker);
}
