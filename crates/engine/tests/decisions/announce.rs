use super::{TORRENT, ipv4_addresses, leechers, tracker};
use access::DetailsKept;
use metrics::Counter;
use primitives::{AnnounceEvent, PeerId};
use ringtrack_tests::client::{Client, TorrentCounts};
use ringtrack_tests::simulator::{Simulator, SimulatorSettings};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use zerocopy::IntoBytes;

fn addresses(addresses: &[&str]) -> Vec<SocketAddr> {
    addresses.iter().map(|address| address.parse().expect("an address with a port")).collect()
}

#[test]
fn a_client_gets_the_other_peers_and_never_itself() {
    let mut tracker = tracker();
    let first = Client::connected(&mut tracker, "192.0.2.1:6881");
    assert_eq!(first.announce(&mut tracker, &first.leeching(TORRENT)).peers, []);
    let second = Client::connected(&mut tracker, "192.0.2.2:6882");
    let announced = second.announce(&mut tracker, &second.seeding(TORRENT));
    assert_eq!(announced.peers, addresses(&["192.0.2.1:6881"]));
    assert_eq!((announced.seeders, announced.leechers), (1, 1));
    let again = first.announce(&mut tracker, &first.leeching(TORRENT));
    assert_eq!(again.peers, addresses(&["192.0.2.2:6882"]));
    assert_eq!((again.seeders, again.leechers), (1, 1));
}

#[test]
fn two_clients_at_one_address_are_two_peers() {
    let mut tracker = tracker();
    let client = Client::connected(&mut tracker, "192.0.2.1:6881");
    client.announce(&mut tracker, &client.leeching(TORRENT).with_port(1));
    let announced = client.announce(&mut tracker, &client.leeching(TORRENT).with_port(2));
    assert_eq!(announced.peers, addresses(&["192.0.2.1:1"]));
    assert_eq!(announced.leechers, 2);
}

#[test]
fn the_address_of_a_peer_is_its_datagrams_source_whatever_it_claims() {
    let mut tracker = tracker();
    let liar = Client::connected(&mut tracker, "192.0.2.1:6881");
    let mut claim = liar.leeching(TORRENT);
    claim.ip.set(0xcb00_7109);
    liar.announce(&mut tracker, &claim);
    let other = Client::connected(&mut tracker, "192.0.2.2:6881");
    let announced = other.announce(&mut tracker, &other.leeching(TORRENT));
    assert_eq!(announced.peers, addresses(&["192.0.2.1:6881"]));
}

#[test]
fn a_client_gets_peers_of_its_own_family_and_an_ipv4_mapped_one_counts_as_ipv4() {
    let mut tracker = tracker();
    let v4 = Client::connected(&mut tracker, "192.0.2.1:1001");
    let mapped = Client::connected(&mut tracker, "[::ffff:192.0.2.2]:1002");
    let v6 = Client::connected(&mut tracker, "[2001:db8::3]:1003");
    let other_v6 = Client::connected(&mut tracker, "[2001:db8::4]:1004");
    for client in [v4, mapped, v6, other_v6] {
        client.announce(&mut tracker, &client.leeching(TORRENT));
    }
    let mut peers_of = |client: Client| client.announce(&mut tracker, &client.leeching(TORRENT)).peers;
    assert_eq!(peers_of(v4), addresses(&["192.0.2.2:1002"]));
    assert_eq!(peers_of(mapped), addresses(&["192.0.2.1:1001"]));
    assert_eq!(peers_of(v6), addresses(&["[2001:db8::4]:1004"]));
    assert_eq!(peers_of(other_v6), addresses(&["[2001:db8::3]:1003"]));
}

#[test]
fn an_ipv4_mapped_source_is_the_same_peer_as_the_ipv4_address() {
    let mut tracker = tracker();
    let v4 = Client::connected(&mut tracker, "192.0.2.1:1001");
    v4.announce(&mut tracker, &v4.leeching(TORRENT));
    let mut mapped = Client::stranger("[::ffff:192.0.2.1]:1001");
    mapped.connection_id = v4.connection_id;
    let announced = mapped.announce(&mut tracker, &mapped.leeching(TORRENT));
    assert_eq!((announced.leechers, announced.peers), (1, vec![]));
}

#[test]
fn numwant_minus_1_returns_50_peers_0_returns_none_and_500_returns_200() {
    let mut tracker = tracker();
    leechers(&mut tracker, ipv4_addresses(300));
    let client = Client::connected(&mut tracker, "192.0.2.1:6881");
    for (numwant, given) in [(-1, 50), (i32::MIN, 50), (0, 0), (1, 1), (80, 80), (200, 200), (201, 200)] {
        let request = client.leeching(TORRENT).with_numwant(numwant);
        assert_eq!(client.announce(&mut tracker, &request).peers.len(), given, "numwant {numwant}");
    }
    for numwant in [500, 65_536, i32::MAX] {
        let request = client.leeching(TORRENT).with_numwant(numwant);
        let peers = client.announce(&mut tracker, &request).peers;
        assert_eq!(peers.iter().collect::<BTreeSet<_>>().len(), 200, "numwant {numwant}");
    }
}

#[test]
fn a_client_at_port_0_gets_peers_but_is_not_returned_to_others() {
    let mut tracker = tracker();
    let listening = Client::connected(&mut tracker, "192.0.2.1:6881");
    listening.announce(&mut tracker, &listening.leeching(TORRENT));
    let silent = Client::connected(&mut tracker, "192.0.2.2:6881");
    let announced = silent.announce(&mut tracker, &silent.leeching(TORRENT).with_port(0));
    assert_eq!((announced.leechers, announced.peers), (1, addresses(&["192.0.2.1:6881"])));
    let afterwards = listening.announce(&mut tracker, &listening.leeching(TORRENT));
    assert_eq!((afterwards.leechers, afterwards.peers), (1, vec![]));
}

#[test]
fn a_download_is_counted_once_per_peer_and_shown_in_a_scrape() {
    let mut tracker = tracker();
    let one = Client::connected(&mut tracker, "192.0.2.1:6881");
    let two = Client::connected(&mut tracker, "192.0.2.2:6881");
    one.announce(&mut tracker, &one.leeching(TORRENT));
    for _ in 0..3 {
        one.announce(&mut tracker, &one.seeding(TORRENT).with_event(AnnounceEvent::Completed));
    }
    let counts = |seeders, downloaded, leechers| vec![TorrentCounts { seeders, downloaded, leechers }];
    assert_eq!(one.scrape(&mut tracker, &[TORRENT]), counts(1, 1, 0));
    two.announce(&mut tracker, &two.leeching(TORRENT));
    two.announce(&mut tracker, &two.seeding(TORRENT).with_event(AnnounceEvent::Completed));
    assert_eq!(one.scrape(&mut tracker, &[TORRENT]), counts(2, 2, 0));
    one.announce(&mut tracker, &one.seeding(TORRENT).with_event(AnnounceEvent::Stopped));
    assert_eq!(one.scrape(&mut tracker, &[TORRENT]), counts(1, 2, 0));
    assert_eq!(tracker.statistics().counter(Counter::Completed), 2);
}

#[test]
fn intervals_are_between_1620_and_1980_seconds_and_vary() {
    let mut tracker = tracker();
    let client = Client::connected(&mut tracker, "192.0.2.1:6881");
    let mut interval = || client.announce(&mut tracker, &client.leeching(TORRENT)).interval_s;
    let intervals: Vec<u32> = (0..2000).map(|_| interval()).collect();
    assert!(intervals.iter().all(|interval_s| (1620..=1980).contains(interval_s)), "{intervals:?}");
    let different = intervals.iter().collect::<BTreeSet<_>>().len();
    assert!(different > 340, "2000 draws out of 361 values miss only a few: {different}");
    let mean = intervals.iter().sum::<u32>() / 2000;
    assert!((1790..=1810).contains(&mean), "{mean}");
}

#[test]
fn url_options_and_any_bytes_after_an_announce_are_tolerated() {
    let mut tracker = tracker();
    let other = Client::connected(&mut tracker, "192.0.2.2:6881");
    other.announce(&mut tracker, &other.leeching(TORRENT));
    let client = Client::connected(&mut tracker, "192.0.2.1:6881");
    let plain = client.leeching(TORRENT);
    let tails: [&[u8]; 4] =
        [b"\x02\x09/announce\x00", b"\x01\x01\x63\x02zz", b"\x02\xffcut off", &[0xff; 900]];
    for tail in tails {
        let reply = client.send_raw(&mut tracker, &[plain.as_bytes(), tail].concat()).unwrap();
        assert_eq!(reply.bytes.len(), 20 + 6, "{tail:02x?}");
    }
}

#[test]
fn a_peer_is_returned_until_its_lifetime_of_2700_seconds_has_passed() {
    let mut tracker = tracker();
    let mut old = Client::connected(&mut tracker, "192.0.2.1:6881");
    old.announce(&mut tracker, &old.leeching(TORRENT));
    tracker.pass(2699);
    tracker.expire();
    let mut young = Client::connected(&mut tracker, "192.0.2.2:6881");
    assert_eq!(young.announce(&mut tracker, &young.leeching(TORRENT)).peers.len(), 1);
    tracker.pass(1);
    // An expired peer is not returned even before it is swept.
    assert_eq!(young.announce(&mut tracker, &young.leeching(TORRENT)).peers, []);
    tracker.pass(10);
    tracker.expire();
    assert_eq!(young.announce(&mut tracker, &young.leeching(TORRENT)).leechers, 1);
    assert_eq!(tracker.statistics().counter(Counter::PeersExpired), 1);
    old.connect(&mut tracker);
    assert_eq!(old.announce(&mut tracker, &old.leeching(TORRENT)).leechers, 2);
    tracker.pass(2699);
    tracker.expire();
    young.connect(&mut tracker);
    assert_eq!(young.scrape(&mut tracker, &[TORRENT])[0].leechers, 2);
}

#[test]
fn a_client_that_restarts_before_its_minimum_interval_is_over_can_stop() {
    let mut settings = SimulatorSettings::default();
    settings.engine.swarms.interval_s_min = 60;
    settings.engine.access.details = DetailsKept::Kept;
    let mut tracker = Simulator::new(&settings);
    let client = Client::connected(&mut tracker, "192.0.2.1:6881");
    client.announce(&mut tracker, &client.leeching(TORRENT));
    let mut restarted = client.leeching(TORRENT).with_event(AnnounceEvent::Started);
    restarted.peer_id = PeerId(*b"-TR4040-restarted012");
    client.announce(&mut tracker, &restarted);
    assert_eq!(tracker.statistics().counter(Counter::AnnouncesEarly), 1);
    assert_eq!(client.announce(&mut tracker, &restarted.with_event(AnnounceEvent::Stopped)).leechers, 0);
}
