use super::super::{ipv4_addresses, ipv6_addresses, leechers};
use super::{TORRENT, address, announce, get, ip, outcomes, tracker};
use metrics::{Counter, HttpOutcome};
use primitives::{AddressFamily, InfoHash};
use ringtrack_tests::client::{Client, TorrentCounts};
use ringtrack_tests::http_client::{HttpAnswer, HttpClient, Value, announce_target, request, scrape_target};
use ringtrack_tests::simulator::{Simulator, SimulatorSettings};
use std::collections::BTreeSet;

const NOT_ADDED: &str = "you were not added to the swarm: a limit is reached";

#[test]
fn a_peer_that_is_refused_by_another_core_is_warned_and_counted_there_once() {
    let mut settings = SimulatorSettings::with_shards(4);
    settings.engine.swarms.limits.peers_max = 0;
    let mut tracker = Simulator::new(&settings);
    for core in 0..4 {
        let mut client = HttpClient::new(core, "192.0.2.1");
        let announced = client.announce(&mut tracker, &announce_target(TORRENT, 6881, ""));
        assert_eq!(announced.warning.as_deref(), Some(NOT_ADDED));
    }
    let statistics = tracker.statistics();
    assert_eq!(statistics.counter(Counter::PeersRefusedPeers), 4);
    assert_eq!(statistics.counter(Counter::RoutedHttpRequests), 3);
}

#[test]
fn a_client_may_announce_again_after_half_its_interval_or_after_the_minimum() {
    for interval_s_min in [0, 1000] {
        let mut settings = SimulatorSettings::default();
        settings.engine.swarms.interval_s_min = interval_s_min;
        let mut tracker = Simulator::new(&settings);
        let mut intervals = BTreeSet::new();
        for _ in 0..100 {
            let announced = announce(&mut tracker, "192.0.2.1", 6881, "");
            assert_eq!(announced.min_interval_s, (announced.common.interval_s / 2).max(interval_s_min));
            assert!((1620..=1980).contains(&announced.common.interval_s));
            intervals.insert(announced.common.interval_s);
        }
        assert!(intervals.len() > 30, "they vary: {intervals:?}");
        let early = if interval_s_min == 0 { 0 } else { 99 };
        assert_eq!(tracker.statistics().counter(Counter::AnnouncesEarly), early);
    }
}

#[test]
fn an_answer_contains_the_address_of_the_client() {
    let mut tracker = tracker(|_| {});
    for (source, seen) in
        [("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.2", "192.0.2.2"), ("2001:db8::3", "2001:db8::3")]
    {
        assert_eq!(announce(&mut tracker, source, 6881, "").external_ip, ip(seen));
    }
}

#[test]
fn the_peers_are_the_same_in_each_form_and_have_no_peer_ids() {
    let mut tracker = tracker(|_| {});
    leechers(&mut tracker, ipv4_addresses(3).chain(ipv6_addresses(3)));
    for source in ["192.0.2.1", "2001:db8::1"] {
        let compact = announce(&mut tracker, source, 0, "").common.peers;
        assert_eq!(compact.len(), 3);
        for form in ["&compact=0", "&compact=0&no_peer_id=1"] {
            let answer = get(&mut tracker, source, &announce_target(TORRENT, 0, form), "");
            assert_eq!(answer.announced().common.peers, compact);
            let value = answer.value();
            let Some(Value::List(peers)) = value.get("peers") else { panic!("a list: {value:?}") };
            assert!(peers.iter().all(|peer| peer.get("peer id").is_none()));
        }
    }
}

#[test]
fn numwant_is_50_by_default_and_200_at_most() {
    let mut tracker = tracker(|_| {});
    leechers(&mut tracker, ipv4_addresses(300).chain(ipv6_addresses(300)));
    for source in ["192.0.2.1", "2001:db8::1"] {
        for (numwant, given) in [
            ("", 50),
            ("&numwant=-1", 50),
            ("&numwant=many", 50),
            ("&numwant=0", 0),
            ("&numwant=80", 80),
            ("&numwant=201", 200),
            ("&numwant=18446744073709551615", 200),
        ] {
            for form in ["", "&compact=0"] {
                let peers = announce(&mut tracker, source, 0, &format!("{numwant}{form}")).common.peers;
                assert_eq!(peers.iter().collect::<BTreeSet<_>>().len(), given, "{numwant}{form}");
            }
        }
    }
}

#[test]
fn a_client_over_http_and_udp_is_one_peer() {
    let mut tracker = tracker(|_| {});
    let udp = Client::connected(&mut tracker, "192.0.2.1:6881");
    udp.announce(&mut tracker, &udp.leeching(TORRENT));
    assert_eq!(announce(&mut tracker, "192.0.2.1", 6881, "").common.leechers, 1);
    assert_eq!(announce(&mut tracker, "192.0.2.2", 6881, "").common.peers, [address("192.0.2.1:6881")]);
    let counts = TorrentCounts { seeders: 0, downloaded: 0, leechers: 2 };
    assert_eq!(udp.scrape(&mut tracker, &[TORRENT]), [counts]);
}

#[test]
fn a_paused_client_is_not_a_seeder() {
    let mut tracker = tracker(|_| {});
    let announced = announce(&mut tracker, "192.0.2.1", 6881, "&left=0&event=paused");
    assert_eq!((announced.common.seeders, announced.common.leechers), (0, 1));
    let announced = announce(&mut tracker, "192.0.2.1", 6881, "&left=0");
    assert_eq!((announced.common.seeders, announced.common.leechers), (1, 0));
}

#[test]
fn a_scrape_beyond_the_limit_is_answered_for_its_first_torrents() {
    let torrents: Vec<InfoHash> = (0..20).map(|number| InfoHash([number; 20])).collect();
    for (torrents_max, answered) in [(0, 0), (1, 1), (7, 7), (74, 20)] {
        let mut tracker = tracker(|policy| policy.scrape_torrents_max = torrents_max);
        let scraped = get(&mut tracker, "192.0.2.1", &scrape_target(&torrents), "").scraped();
        assert!(scraped.keys().eq(&torrents[..answered]), "{torrents_max}: {scraped:?}");
    }
}

#[test]
fn the_last_request_allowed_on_a_connection_closes_it() {
    for (requests_max, kept) in [(0, 0), (1, 0), (3, 2)] {
        let mut tracker = tracker(|policy| policy.requests_per_connection_max = requests_max);
        let mut client = HttpClient::new(0, "192.0.2.1");
        for _ in 0..kept {
            assert_eq!(client.get(&mut tracker, "/health_check").header("Connection"), None);
        }
        let last = client.get(&mut tracker, &announce_target(TORRENT, 1, ""));
        assert_eq!(last.header("Connection"), Some("close"), "{requests_max}");
    }
}

#[test]
fn a_head_request_is_answered_without_a_body_and_counted_like_a_get() {
    let mut tracker = tracker(|_| {});
    let get = request(&announce_target(TORRENT, 6881, ""), "");
    let head = [b"HEAD".as_slice(), &get[3..]].concat();
    let mut client = HttpClient::new(0, "192.0.2.1");
    let answer = client.exchange(&mut tracker, &head);
    assert!(answer.ends_with(b"\r\n\r\n"), "{}", answer.escape_ascii());
    assert_eq!(HttpAnswer::read(&client.exchange(&mut tracker, &get)).announced().common.leechers, 1);
    assert_eq!(outcomes(&mut tracker), [(AddressFamily::V4, HttpOutcome::AnnounceAnswered, 2)]);
}
