//! All kinds of HTTP requests, and the answers of the running tracker.

use std::net::{Ipv4Addr, SocketAddr};

use primitives::InfoHash;

use crate::http_client::{
    HttpAnswer, HttpClient, announce_target, get_request, percent_encode, scrape_target,
};
use crate::tracker::{Launch, Tracker};

const TORRENT: InfoHash = InfoHash([7; 20]);
const HEALTH: &str = "/health_check";

/// The answer to the only request of a connection. Asserts that the tracker closes the connection afterwards.
#[track_caller]
fn last_answer(tracker: &Tracker, request: &str) -> HttpAnswer {
    let mut client = HttpClient::new(tracker.http_v4());
    client.send(request.as_bytes());
    let answer = client.answer();
    assert_eq!(answer.header("connection"), Some("close"), "{request}");
    client.assert_closed();
    answer
}

/// Asserts that the connection still serves.
#[track_caller]
fn assert_kept(client: &mut HttpClient) {
    assert_eq!(client.get(HEALTH).body, br#"{"status":"Ok"}"#);
}

fn peer(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

#[test]
fn a_head_request_is_answered_with_the_headers_only() {
    let tracker = Launch::on_loopback().start();
    let mut client = HttpClient::new(tracker.http_v4());
    for target in [HEALTH, "/nowhere", &announce_target(TORRENT, 1001, 1), &scrape_target(&[TORRENT])] {
        client.send(format!("HEAD {target} HTTP/1.1\r\nHost: tracker\r\n\r\n").as_bytes());
        let head = client.head();
        let whole = client.get(target);
        assert_eq!((head.status, head.headers), (whole.status, whole.headers), "{target}");
        assert!(!whole.body.is_empty());
    }
}

#[test]
fn options_lists_the_methods_of_any_target_and_keeps_the_connection() {
    let tracker = Launch::on_loopback().start();
    let mut client = HttpClient::new(tracker.http_v4());
    for target in ["*", "/announce", "/nowhere"] {
        client.send(format!("OPTIONS {target} HTTP/1.1\r\nHost: tracker\r\n\r\n").as_bytes());
        let answer = client.answer();
        assert_eq!((answer.status, answer.header("allow")), (204, Some("GET, HEAD, OPTIONS")));
        assert_eq!(answer.header("content-length"), None);
    }
    assert_kept(&mut client);
}

#[test]
fn other_methods_are_refused_with_a_list_of_the_allowed_ones() {
    let tracker = Launch::on_loopback().start();
    for method in ["POST", "PUT", "DELETE", "CONNECT", "get"] {
        let request = format!("{method} /announce HTTP/1.1\r\nHost: tracker\r\n\r\n");
        let answer = last_answer(&tracker, &request);
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD, OPTIONS")), "{method}");
    }
    assert_eq!(tracker.stop().figures().get("http_v4_bad_request"), 5);
}

#[test]
fn a_posted_body_is_discarded_and_its_client_receives_the_refusal() {
    let tracker = Launch::on_loopback().start();
    let body = "x".repeat(200_000);
    let request = format!("POST /announce HTTP/1.1\r\nHost: t\r\nContent-Length: 200000\r\n\r\n{body}");
    // Once as the first request, once after another one.
    assert_eq!(last_answer(&tracker, &request).status, 405);
    let mut client = HttpClient::new(tracker.http_v4());
    assert_kept(&mut client);
    client.send(request.as_bytes());
    assert_eq!(client.answer().status, 405);
    client.assert_closed();
}

#[test]
fn an_http_1_0_connection_is_closed_unless_the_client_asks_to_keep_it() {
    let tracker = Launch::on_loopback().start();
    assert_eq!(last_answer(&tracker, "GET /health_check HTTP/1.0\r\n\r\n").status, 200);
    let mut client = HttpClient::new(tracker.http_v4());
    for _ in 0..2 {
        client.send(b"GET /health_check HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
        let answer = client.answer();
        assert_eq!((answer.status, answer.header("connection")), (200, Some("keep-alive")));
    }
    client.send(b"GET /health_check HTTP/1.0\r\n\r\n");
    assert_eq!(client.answer().header("connection"), Some("close"));
    client.assert_closed();
}

#[test]
fn a_connection_is_closed_after_the_answer_if_its_client_asks_for_that() {
    let tracker = Launch::on_loopback().start();
    for connection in ["close", "Close", "foo, close", "keep-alive, close"] {
        let request = format!("GET /health_check HTTP/1.1\r\nHost: t\r\nConnection: {connection}\r\n\r\n");
        assert_eq!(last_answer(&tracker, &request).status, 200);
    }
    tracker.wait_for_figures(&[("http_closed_after_answer", 4), ("http_connections_open", 0)]);
}

#[test]
fn a_request_with_expect_100_continue_is_answered_at_once() {
    let tracker = Launch::on_loopback().start();
    let mut client = HttpClient::new(tracker.http_v4());
    client.send(b"GET /health_check HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.answer().status, 200);
    assert_kept(&mut client);
    let unknown = "GET /health_check HTTP/1.1\r\nHost: t\r\nExpect: a miracle\r\n\r\n";
    assert_eq!(last_answer(&tracker, unknown).status, 417);
}

#[test]
fn a_body_is_refused_and_never_read_as_a_request() {
    let tracker = Launch::on_loopback().start();
    let smuggled = get_request(&announce_target(TORRENT, 1001, 1));
    let bytes = smuggled.len();
    for (header, status) in [
        (format!("Content-Length: {bytes}"), 413),
        (format!("Content-Length: {bytes}\r\nContent-Length: 0"), 400),
        (format!("Content-Length: +{bytes}"), 400),
        ("Transfer-Encoding: chunked".to_owned(), 400),
        ("Transfer-Encoding: chunked\r\nContent-Length: 0".to_owned(), 400),
    ] {
        let request = format!("GET /health_check HTTP/1.1\r\nHost: t\r\n{header}\r\n\r\n{smuggled}");
        assert_eq!(last_answer(&tracker, &request).status, status, "{header}");
    }
    let mut client = HttpClient::new(tracker.http_v4());
    client.send(b"GET /health_check HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.answer().status, 200);
    assert_kept(&mut client);
    assert_eq!(tracker.stop().figures().get("http_v4_announce_answered"), 0);
}

#[test]
fn the_request_line_may_contain_the_whole_url() {
    let tracker = Launch::on_loopback().start();
    let mut client = HttpClient::new(tracker.http_v4());
    let target = announce_target(TORRENT, 1001, 1);
    assert_eq!(client.get(&format!("http://tracker.example:6969{target}")).peers(), []);
    let answer = client.get(&format!("HTTPS://tracker.example{}", announce_target(TORRENT, 1002, 1)));
    assert_eq!(answer.peers(), [peer(1001)]);
    let doubled = announce_target(TORRENT, 1001, 1).replacen('/', "//", 1);
    assert_eq!(client.get(&doubled).peers(), [peer(1002)]);
}

#[test]
fn an_unknown_path_is_not_found_and_the_connection_is_kept() {
    let tracker = Launch::on_loopback().start();
    let mut client = HttpClient::new(tracker.http_v4());
    let paths = ["/", "/announced", "/Announce", "/announce/a/b", "/a//announce", "/scrape.php", "/metrics"];
    for path in paths {
        assert_eq!(client.get(path).status, 404, "{path}");
    }
    let reason = "invalid param value x for info_hash: it is not 20 percent-encoded bytes";
    let reason = format!("Cannot parse query params for announce request: {reason}");
    assert_eq!(client.get("/announce?info_hash=x").failure(), reason);
    assert_eq!(client.get("/scrape").failure(), "a scrape has to name torrents by info_hash");
    assert_kept(&mut client);
    let figures = tracker.stop().figures();
    assert_eq!(figures.get("http_v4_elsewhere"), 7);
    assert_eq!((figures.get("http_v4_announce_refused"), figures.get("http_v4_scrape_refused")), (1, 1));
}

#[test]
fn hundreds_of_requests_in_one_write_are_answered_in_order() {
    const REQUESTS: u16 = 600;
    let tracker = Launch::on_loopback().start();
    // Answers to scrapes name their torrents, which belong to different cores. Announces are in between.
    let torrent = |number: u16| InfoHash([number.to_be_bytes(); 10].concat().try_into().unwrap());
    let requests: String = (0..REQUESTS)
        .map(|number| match number % 3 {
            0 => get_request(&announce_target(torrent(number), 1001, 1)),
            1 => get_request(HEALTH),
            _ => get_request(&scrape_target(&[torrent(number)])),
        })
        .collect();
    let mut client = HttpClient::new(tracker.http_v4());
    client.send(requests.as_bytes());
    for number in 0..REQUESTS {
        let answer = client.answer();
        match number % 3 {
            0 => assert_eq!(answer.peers(), [], "{number}"),
            1 => assert_eq!(answer.body, br#"{"status":"Ok"}"#, "{number}"),
            _ => assert!(
                answer.body.starts_with(&[b"d5:filesd20:", &torrent(number).0[..]].concat()),
                "{number}"
            ),
        }
    }
    assert_kept(&mut client);
    let figures = tracker.stop().figures();
    assert!(figures.get("http_errands") > 100, "torrents of both cores");
    assert_eq!(figures.get("http_v4_announce_answered"), 200);
    assert_eq!(figures.get("http_v4_scrape_answered"), 200);
}

#[test]
fn requests_may_arrive_one_byte_at_a_time() {
    let tracker = Launch::on_loopback().start();
    let mut client = HttpClient::new(tracker.http_v4());
    client.stream().set_nodelay(true).unwrap();
    let requests = [
        get_request(&announce_target(TORRENT, 1001, 0)),
        format!("\r\n{}", get_request(&announce_target(TORRENT, 1002, 1))),
        format!("GET {} HTTP/1.0\nConnection: keep-alive\n\n", scrape_target(&[TORRENT])),
    ];
    for byte in requests.concat().bytes() {
        client.send(&[byte]);
    }
    assert_eq!(client.answer().peers(), []);
    assert_eq!(client.answer().peers(), [peer(1001)]);
    assert!(client.answer().text().contains("8:completei1e10:downloadedi0e10:incompletei1e"));
    assert_kept(&mut client);
}

#[test]
fn a_client_that_has_shut_down_its_sending_side_still_gets_its_answers() {
    let tracker = Launch::on_loopback().start();
    // Torrents of both cores: some answers come from the other core after the end was received.
    for number in 0..16 {
        let mut client = HttpClient::new(tracker.http_v4());
        let announce = get_request(&announce_target(InfoHash([number; 20]), 1001, 1));
        client.send(announce.repeat(3).as_bytes());
        client.end_sending();
        for _ in 0..3 {
            assert_eq!(client.answer().status, 200);
        }
        client.assert_closed();
    }
    tracker.wait_for_figures(&[("http_closed_by_client", 16), ("http_connections_open", 0)]);
    assert!(tracker.stop().figures().get("http_errands") > 0);
}

#[test]
fn a_public_tracker_ignores_keys_in_the_path_but_refuses_malformed_ones() {
    const KEY: &str = "0123456789ABCDEFghijklmnopqrstuv";
    let tracker = Launch::on_loopback().start();
    let mut client = HttpClient::new(tracker.http_v4());
    let announce = announce_target(TORRENT, 1001, 1);
    let scrape = scrape_target(&[TORRENT]);
    let with = |target: &str, key: &str| target.replacen('?', &format!("/{key}?"), 1);
    assert_eq!(client.get(&with(&announce, KEY)).peers(), []);
    assert!(client.get(&with(&scrape, KEY)).text().contains("10:incompletei1e"));
    for malformed in [&KEY[1..], &format!("{KEY}w"), &KEY.replace('A', "_"), "passkey"] {
        for target in [&announce, &scrape] {
            let answer = client.get(&with(target, malformed));
            assert_eq!(
                answer.failure(),
                "Authentication error: the key in the announce URL is malformed",
                "{malformed}"
            );
            assert_eq!(answer.string("retry in"), b"never");
        }
    }
    assert_eq!(tracker.stop().figures().get("http_v4_announce_refused"), 4);
}

#[test]
fn a_client_gets_the_requested_number_of_peers_in_the_requested_form() {
    let tracker =
        Launch::on_loopback().set("announce.numwant_max", "40").set("announce.numwant_default", "30");
    let tracker = tracker.start();
    let mut client = HttpClient::new(tracker.http_v4());
    for port in 1001..=1060 {
        client.get(&announce_target(TORRENT, port, 1));
    }
    let target = announce_target(TORRENT, 2000, 1);
    for (wanted, given) in
        [("", 30), ("&numwant=5", 5), ("&numwant=0", 0), ("&numwant=200", 40), ("&numwant=-1", 30)]
    {
        assert_eq!(client.get(&format!("{target}{wanted}")).peers().len(), given, "{wanted}");
    }
    let listed = client.get(&format!("{target}&compact=0&numwant=7")).text();
    assert!(listed.contains("5:peersld2:ip9:127.0.0.14:porti10"), "{listed}");
    assert_eq!(listed.matches("d2:ip9:127.0.0.14:porti10").count(), 7, "{listed}");
}

/// The seeders and leechers of the torrent.
fn counts(client: &mut HttpClient) -> (u64, u64) {
    let text = client.get(&scrape_target(&[TORRENT])).text();
    let number = |key: &str| {
        let (_, rest) = text.split_once(key).unwrap_or_else(|| panic!("no {key} in {text}"));
        rest.split_once('e').and_then(|(digits, _)| digits.parse().ok()).expect("a number")
    };
    (number("8:completei"), number("10:incompletei"))
}

#[test]
fn left_and_event_make_a_client_a_seeder_or_a_leecher_or_remove_it() {
    let tracker = Launch::on_loopback().start();
    let mut client = HttpClient::new(tracker.http_v4());
    let hash = percent_encode(&TORRENT.0);
    let base = format!("/announce?info_hash={hash}&peer_id=-XX0001-000000001001&port=1001");
    for (said, expected) in [
        ("", (0, 1)),
        ("&left=0", (1, 0)),
        ("&left=0&event=paused", (0, 1)),
        ("&left=0&event=completed", (1, 0)),
        ("&left=12345678901234567890123", (0, 1)),
        ("&left=0&event=stopped", (0, 0)),
        ("&left=1&event=started", (0, 1)),
        ("&left=1&event=stopped", (0, 0)),
    ] {
        assert_eq!(client.get(&format!("{base}{said}")).status, 200);
        assert_eq!(counts(&mut client), expected, "{said}");
    }
}

#[test]
fn a_client_at_port_0_is_served_but_not_returned_to_others() {
    let tracker = Launch::on_loopback().start();
    let mut client = HttpClient::new(tracker.http_v4());
    client.get(&announce_target(TORRENT, 1001, 1));
    assert_eq!(client.get(&announce_target(TORRENT, 0, 1)).peers(), [peer(1001)]);
    assert_eq!(counts(&mut client), (0, 1));
}

#[test]
fn an_address_that_a_client_names_counts_only_if_it_is_allowed_to() {
    let named = |target: &str, ip: &str| format!("{target}&ip={ip}");
    let (first, second) = (announce_target(TORRENT, 1001, 1), announce_target(TORRENT, 1002, 1));

    let open = Launch::on_loopback().start();
    let mut client = HttpClient::new(open.http_v4());
    client.get(&named(&first, "192.0.2.1"));
    assert_eq!(client.get(&second).peers(), [peer(1001)]);

    let trusting = Launch::on_loopback().set("http.named_addresses_from", r#"["127.0.0.2/32"]"#).start();
    let mut stranger = HttpClient::new(trusting.http_v4());
    let mut neighbour = HttpClient::from(Ipv4Addr::new(127, 0, 0, 2), trusting.http_v4());
    stranger.get(&named(&first, "192.0.2.1"));
    let named_address = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 7), 1002));
    assert_eq!(neighbour.get(&named(&second, "192.0.2.7")).peers(), [peer(1001)]);
    let found = stranger.get(&first);
    assert_eq!(found.peers(), [named_address]);
    let third = announce_target(TORRENT, 1003, 1);
    for wrong in ["0.0.0.0", "224.0.0.1"] {
        let failure = neighbour.get(&named(&third, wrong)).failure();
        assert_eq!(failure, "no peer can be reached at this address", "{wrong}");
    }
    // Invalid addresses are ignored.
    for wrong in ["tracker.example", ""] {
        assert_eq!(neighbour.get(&named(&third, wrong)).string("external ip"), [127, 0, 0, 2]);
    }
    let known = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), 1003));
    let mut peers = stranger.get(&first).peers();
    peers.sort();
    assert_eq!(peers, [known, named_address]);
}
