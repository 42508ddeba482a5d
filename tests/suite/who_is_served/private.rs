use super::ask::{Announce, Protocol, Received, Way, trackers};
use super::{
    PRIVATE, assert_accounted, grant, http_outcomes, key_text, refusals, refused_datagrams, revoke, torrent,
    tracker,
};
use metrics::HttpOutcome;
use primitives::RequestKind;
use ringtrack_tests::client::{unknown_option, url_data};
use ringtrack_tests::http_client::{HttpClient, Value};
use ringtrack_tests::simulator::Simulator;

const MISSING: &str = "Authentication error: this tracker needs a key in its announce URL";
const UNKNOWN: &str = "Authentication error: the key is not known";
const EXPIRED: &str = "Authentication error: the key has expired";
const MALFORMED: &str = "Authentication error: the key in the announce URL is malformed";
const ONLY_HTTP: &str = "Authentication error: scrapes need a key, which only HTTP has a place for";

fn with_key(number: u32) -> Announce {
    Announce::of(1).with_key(&key_text(number))
}

fn is_admitted(tracker: &mut Simulator, way: &Way, number: u32) -> bool {
    way.announce(tracker, &with_key(number)).swarm().is_some()
}

#[test]
fn an_announce_without_a_valid_key_is_refused_with_the_reason() {
    for (mut tracker, way) in trackers(PRIVATE) {
        let now_s = tracker.now().unix_s;
        grant(&mut tracker, 1, None);
        grant(&mut tracker, 2, Some(now_s));
        let cases = [
            (Announce::of(1), MISSING),
            (Announce::of(1).with_key(""), MISSING),
            (with_key(3), UNKNOWN),
            (with_key(2), EXPIRED),
            (Announce::of(1).with_key(&key_text(1)[1..]), MALFORMED),
            (Announce::of(1).with_key(&format!("{}_", &key_text(1)[1..])), MALFORMED),
        ];
        for (announce, text) in &cases {
            assert_eq!(
                way.announce(&mut tracker, announce),
                Received::refused(*text),
                "{way:?} {announce:?}"
            );
        }
        let statistics = tracker.statistics();
        let (over_udp, over_http) = match way.protocol {
            Protocol::Udp => (6, 0),
            Protocol::Http => (0, 6),
        };
        assert_eq!(refused_datagrams(&statistics, RequestKind::Announce), over_udp);
        assert_eq!(http_outcomes(&statistics, HttpOutcome::AnnounceRefused), over_http);
        assert_eq!(refusals(&mut tracker), [6, 0, 0, 0], "{way:?}");
        assert_eq!(tracker.statistics().gauge(metrics::Gauge::SwarmsV4), 0);
        assert_accounted(&mut tracker);
    }
}

#[test]
fn only_a_client_with_a_malformed_key_is_asked_never_to_retry() {
    let mut tracker = tracker(1, PRIVATE);
    let never = Some(Value::Bytes(b"never".to_vec()));
    assert_eq!(Way::HTTP.retry(&mut tracker, &Announce::of(1)), None);
    assert_eq!(Way::HTTP.retry(&mut tracker, &with_key(1)), None);
    assert_eq!(Way::HTTP.retry(&mut tracker, &Announce::of(1).with_key("short")), never);
}

#[test]
fn a_key_is_accepted_until_it_is_removed() {
    for (mut tracker, way) in trackers(PRIVATE) {
        grant(&mut tracker, 1, None);
        assert!(is_admitted(&mut tracker, &way, 1), "{way:?}");
        revoke(&mut tracker, 1);
        assert_eq!(way.announce(&mut tracker, &with_key(1)), Received::refused(UNKNOWN), "{way:?}: at once");
        assert_eq!(refusals(&mut tracker), [1, 0, 0, 0]);
    }
}

#[test]
fn an_expiring_key_is_accepted_until_the_second_of_its_expiry() {
    for (mut tracker, way) in trackers(PRIVATE) {
        let now_s = tracker.now().unix_s;
        grant(&mut tracker, 1, Some(now_s + 100));
        assert!(is_admitted(&mut tracker, &way, 1));
        tracker.pass(99);
        assert!(is_admitted(&mut tracker, &way, 1), "{way:?}: the last second");
        tracker.pass(1);
        assert_eq!(way.announce(&mut tracker, &with_key(1)), Received::refused(EXPIRED), "{way:?}");
        grant(&mut tracker, 1, Some(now_s + 101));
        assert!(is_admitted(&mut tracker, &way, 1), "{way:?}: it was prolonged");
        tracker.pass(1);
        assert!(!is_admitted(&mut tracker, &way, 1));
    }
}

#[test]
fn a_key_is_found_in_url_data_however_it_is_split_and_whatever_surrounds_it() {
    const NOP: &[u8] = &[1];
    const END: &[u8] = &[0];
    let path = format!("/announce/{}", key_text(1)).into_bytes();
    let pieces: Vec<&[u8]> = path.chunks(1).collect();
    let with_query = [&path[..], b"?passkey=x&numwant=/announce/1"].concat();
    let good = [
        url_data(&[&path]),
        url_data(&[&path[..3], &path[3..25], b"", &path[25..]]),
        url_data(&pieces),
        url_data(&[&with_query]),
        url_data(&[&path, b"?", &[b'x'; 255], &[b'y'; 255]]),
        url_data(&[&path, b"/"]),
        [NOP, NOP, &url_data(&[&path[..20]]), NOP, &url_data(&[&path[20..]]), NOP, END].concat(),
        [
            &unknown_option(b"/announce/")[..],
            &url_data(&[&path[..7]]),
            &unknown_option(b""),
            &url_data(&[&path[7..]]),
        ]
        .concat(),
        [&url_data(&[&path])[..], END, &url_data(&[b"x"])].concat(),
        // An option that is cut off by the end of the datagram is ignored.
        [&url_data(&[&path])[..], &[2, 200, b'x']].concat(),
    ];
    let bad = [
        (Vec::new(), MISSING),
        (url_data(&[b"/announce"]), MISSING),
        (url_data(&[b"/announce?key=", &path[10..]]), MISSING),
        ([END, &url_data(&[&path])].concat(), MISSING),
        (url_data(&[&path, b"x"]), MALFORMED),
        (url_data(&[&path, b"/x"]), MALFORMED),
        (url_data(&[&path[..20]]), MALFORMED),
        (unknown_option(&path), MISSING),
    ];
    for (mut tracker, way) in trackers(PRIVATE).filter(|(_, way)| way.protocol == Protocol::Udp) {
        grant(&mut tracker, 1, None);
        let client = way.client(&mut tracker);
        for options in &good {
            let bytes = Announce::of(1).datagram_with(&client, options);
            let received = way.send(&mut tracker, &client, &torrent(1), &bytes);
            assert_eq!(received.swarm(), Some((0, 1)), "{way:?} {}", options.escape_ascii());
        }
        for (options, text) in &bad {
            let bytes = Announce::of(1).datagram_with(&client, options);
            let received = way.send(&mut tracker, &client, &torrent(1), &bytes);
            assert_eq!(received, Received::refused(*text), "{way:?} {}", options.escape_ascii());
        }
        assert_eq!(refusals(&mut tracker), [bad.len() as u64, 0, 0, 0]);
    }
}

#[test]
fn a_scrape_over_udp_is_refused_because_it_cannot_contain_a_key() {
    for (mut tracker, way) in trackers(PRIVATE).filter(|(_, way)| way.protocol == Protocol::Udp) {
        assert_eq!(way.scrape(&mut tracker, 1, ""), Received::refused(ONLY_HTTP), "{way:?}");
        assert_eq!(refused_datagrams(&tracker.statistics(), RequestKind::Scrape), 1);
        assert_eq!(refusals(&mut tracker), [1, 0, 0, 0]);
        assert_accounted(&mut tracker);
    }
}

#[test]
fn a_scrape_over_http_needs_a_key_like_an_announce() {
    for (mut tracker, way) in trackers(PRIVATE).filter(|(_, way)| way.protocol == Protocol::Http) {
        let now_s = tracker.now().unix_s;
        grant(&mut tracker, 1, None);
        grant(&mut tracker, 2, Some(now_s));
        assert!(is_admitted(&mut tracker, &way, 1));
        for (path, text) in [
            (String::new(), MISSING),
            (format!("/{}", key_text(2)), EXPIRED),
            (format!("/{}", key_text(3)), UNKNOWN),
            ("/short".to_owned(), MALFORMED),
        ] {
            assert_eq!(way.scrape(&mut tracker, 1, &path), Received::refused(text), "{way:?} {path}");
        }
        let path = format!("/{}", key_text(1));
        assert_eq!(way.scrape(&mut tracker, 1, &path), Received::counts(0, 0, 1), "{way:?}");
        assert_eq!(http_outcomes(&tracker.statistics(), HttpOutcome::ScrapeRefused), 4);
        assert_eq!(http_outcomes(&tracker.statistics(), HttpOutcome::ScrapeAnswered), 1);
        assert_eq!(refusals(&mut tracker), [4, 0, 0, 0]);
    }
}

#[test]
fn a_full_scrape_needs_a_key_too() {
    let mut tracker = tracker(1, PRIVATE);
    let answer = HttpClient::new(0, "192.0.2.1").get(&mut tracker, "/scrape");
    assert_eq!(answer.failure().expect("it is refused").0, MISSING);
}

#[test]
fn a_wrong_connection_id_is_reported_before_a_wrong_key() {
    for (mut tracker, way) in trackers(PRIVATE).filter(|(_, way)| way.protocol == Protocol::Udp) {
        grant(&mut tracker, 1, None);
        let mut client = way.client(&mut tracker);
        client.connection_id = udp_protocol::ConnectionId([9; 8]);
        for announce in [with_key(1), with_key(2)] {
            let received = way.send(&mut tracker, &client, &torrent(1), &announce.datagram(&client));
            let Received::Refused(text) = received else { panic!("{received:?}") };
            assert!(!text.contains("key"), "{text}");
        }
        assert_eq!(refusals(&mut tracker), [0; 4]);
        assert_accounted(&mut tracker);
    }
}
