use super::{TORRENT, get, outcomes, request_of, tracker};
use engine::{ProxyHeaderKind, ProxyPolicy};
use guard::Class;
use metrics::HttpOutcome;
use primitives::AddressFamily;
use ringtrack_tests::http_client::{HttpAnswer, HttpClient, Value, announce_target};
use ringtrack_tests::simulator::{Simulator, source_limit};

const HASH: &str = "info_hash=aaaaaaaaaaaaaaaaaaaa";
const PEER_ID: &str = "peer_id=bbbbbbbbbbbbbbbbbbbb";
const HEALTH: &str = "/health_check";
const UPGRADE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const KEY: &str = "0123456789abcdefghijABCDEFGHIJ01";

/// The reason and the retry of a refusal, and the only outcome counted.
fn refused(ip: &str, target: &str) -> (String, Option<Value>, HttpOutcome) {
    let mut tracker = tracker(|_| {});
    let (reason, retry) = get(&mut tracker, ip, target, "").failure().expect("a failure");
    let [(family, outcome, 1)] = outcomes(&mut tracker)[..] else { panic!("one outcome: {tracker:?}") };
    assert_eq!(family, AddressFamily::of(ip.parse().expect("an address")));
    (reason, retry, outcome)
}

#[test]
fn an_announce_without_a_valid_required_parameter_is_refused_with_its_name() {
    for (query, reason) in [
        (format!("{HASH}&port=1"), "missing param peer_id"),
        (
            format!("{HASH}&{PEER_ID}&port=65536"),
            "invalid param value 65536 for port: it is not a number from 0 to 65535",
        ),
    ] {
        for ip in ["192.0.2.1", "2001:db8::1"] {
            let reason = format!("Cannot parse query params for announce request: {reason}");
            let expected = (reason, None, HttpOutcome::AnnounceRefused);
            assert_eq!(refused(ip, &format!("/announce?{query}")), expected);
        }
    }
}

#[test]
fn a_scrape_without_valid_info_hashes_is_refused() {
    let reason = "a scrape has to name torrents by info_hash".to_owned();
    let never = Some(Value::Bytes(b"never".to_vec()));
    let expected = (reason, never, HttpOutcome::ScrapeRefused);
    assert_eq!(refused("192.0.2.1", "/scrape"), expected);
    let reason = "Cannot parse query params for announce request: \
                  invalid param value a for info_hash: it is not 20 percent-encoded bytes"
        .to_owned();
    let short = format!("/scrape?{HASH}&info_hash=a");
    assert_eq!(refused("192.0.2.1", &short), (reason, None, HttpOutcome::ScrapeRefused));
}

#[test]
fn a_client_with_a_malformed_key_is_asked_never_to_retry() {
    let never = Some(Value::Bytes(b"never".to_vec()));
    let reason = "Authentication error: the key in the announce URL is malformed".to_owned();
    for (path, outcome) in
        [("announce", HttpOutcome::AnnounceRefused), ("scrape", HttpOutcome::ScrapeRefused)]
    {
        let target = format!("/{path}/short?{HASH}&{PEER_ID}&port=1");
        assert_eq!(refused("192.0.2.1", &target), (reason.clone(), never.clone(), outcome));
    }
}

#[test]
fn a_public_tracker_accepts_any_well_formed_key() {
    let mut tracker = tracker(|_| {});
    let target = format!("/announce/{KEY}?{HASH}&{PEER_ID}&port=1");
    assert_eq!(get(&mut tracker, "192.0.2.1", &target, "").announced().common.leechers, 1);
    let target = format!("/scrape/{KEY}?{HASH}");
    assert_eq!(get(&mut tracker, "192.0.2.1", &target, "").scraped().len(), 1);
}

#[test]
fn requests_over_the_limit_of_their_source_say_when_to_retry() {
    for (ip, other) in [("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8:0:1::1")] {
        let mut tracker = tracker(|_| {});
        tracker.limit_sources(&source_limit(Class::Requests, 2));
        let mut client = HttpClient::new(0, ip);
        let pipelined = request_of(HEALTH).repeat(3);
        let answers = client.exchange(&mut tracker, &pipelined);
        let statuses = String::from_utf8(answers).expect("text");
        assert_eq!(statuses.matches("HTTP/1.1 200 ").count(), 2, "each request takes a token");
        let reason = "too many requests from this network".to_owned();
        for target in [announce_target(TORRENT, 6881, ""), format!("/scrape?{HASH}")] {
            let told = client.get(&mut tracker, &target);
            assert_eq!((told.status, told.failure()), (200, Some((reason.clone(), Some(Value::Integer(1))))));
        }
        for (target, headers) in [(HEALTH, ""), ("/robots.txt", ""), ("/nowhere", ""), ("/", UPGRADE)] {
            let told = client.get_with(&mut tracker, target, headers);
            assert_eq!((told.status, told.header("retry-after")), (429, Some("1")), "{target}");
        }
        assert_eq!(get(&mut tracker, other, HEALTH, "").status, 200);
        tracker.pass(1);
        assert_eq!(client.get(&mut tracker, HEALTH).status, 200);
        let family = AddressFamily::of(ip.parse().expect("an address"));
        let expected = [
            (family, HttpOutcome::HealthChecked, 4),
            (family, HttpOutcome::AnnounceOverLimit, 1),
            (family, HttpOutcome::ScrapeOverLimit, 1),
            (family, HttpOutcome::OverLimit, 5),
        ];
        assert_eq!(outcomes(&mut tracker), expected);
    }
}

#[test]
fn a_connection_that_goes_on_over_the_limit_is_closed_unless_it_is_a_proxys() {
    let proxy = ProxyPolicy {
        trusted: vec!["198.51.100.0/24".parse().expect("a network")],
        header: ProxyHeaderKind::RealIp,
    };
    for (ip, is_closed) in [("192.0.2.1", true), ("198.51.100.1", false)] {
        let mut tracker = tracker(|policy| policy.proxy = proxy.clone());
        tracker.limit_sources(&source_limit(Class::Requests, 1));
        let mut client = HttpClient::new(0, ip);
        let mut ask =
            |tracker: &mut Simulator| client.get_with(tracker, HEALTH, "X-Real-IP: 203.0.113.1\r\n");
        assert_eq!(ask(&mut tracker).status, 200);
        for _ in 0..15 {
            let told = ask(&mut tracker);
            assert_eq!((told.status, told.header("connection")), (429, None));
        }
        assert_eq!(ask(&mut tracker).header("connection"), is_closed.then_some("close"), "{ip}");
        if !is_closed {
            let other = client.get_with(&mut tracker, HEALTH, "X-Real-IP: 203.0.113.2\r\n");
            assert_eq!(other.status, 200);
        }
    }
}

#[test]
fn every_request_has_one_outcome() {
    let announce = announce_target(TORRENT, 6881, "");
    let head = |method: &str, target: &str| format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n");
    let cases = [
        (head("GET", &announce), 200, HttpOutcome::AnnounceAnswered),
        (head("GET", "/announce"), 200, HttpOutcome::AnnounceRefused),
        (head("GET", &format!("/scrape?{HASH}")), 200, HttpOutcome::ScrapeAnswered),
        (head("GET", "/scrape"), 200, HttpOutcome::ScrapeRefused),
        (head("GET", "/health_check"), 200, HttpOutcome::HealthChecked),
        (head("OPTIONS", "/announce"), 204, HttpOutcome::Elsewhere),
        (head("GET", "/"), 404, HttpOutcome::Elsewhere),
        (head("GET", "/.env"), 404, HttpOutcome::NotFound),
        (head("POST", &announce), 405, HttpOutcome::BadRequest),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400, HttpOutcome::BadRequest),
    ];
    for (request, status, outcome) in cases {
        let mut tracker = tracker(|_| {});
        let answer = HttpClient::new(0, "192.0.2.1").exchange(&mut tracker, request.as_bytes());
        assert_eq!(HttpAnswer::read(&answer).status, status, "{request}");
        assert_eq!(outcomes(&mut tracker), [(AddressFamily::V4, outcome, 1)], "{request}");
        assert_eq!(tracker.statistics().http_requests(), 1);
    }
}

#[test]
fn incomplete_requests_and_other_protocols_have_no_outcome() {
    let mut tracker = tracker(|_| {});
    for (bytes, is_http) in [(b"GET / HTTP/1.1\r\nHost: a\r\n".as_slice(), true), (b"\x16\x03\x01", false)] {
        let mut client = HttpClient::new(0, "192.0.2.1");
        assert_eq!(client.exchange(&mut tracker, bytes), b"");
        assert_eq!(client.is_closed(), !is_http);
    }
    assert_eq!(tracker.statistics().http_requests(), 0);
}
