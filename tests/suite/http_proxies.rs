//! Reverse proxies and load balancers in front of the running tracker, and clients that pretend to be one.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use primitives::InfoHash;

use crate::http_client::{HttpAnswer, HttpClient, announce_target, connect_from, scrape_target};
use crate::http_tls::Identity;
use crate::tracker::{Launch, Tracker};

const TORRENT: InfoHash = InfoHash([7; 20]);

const PROXY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

/// A launch with a trusted proxy at 127.0.0.2, which names its clients in this way.
fn behind(header: &str) -> Launch {
    Launch::on_loopback().set("proxy.trusted", r#"["127.0.0.2/32"]"#).set("proxy.header", header)
}

/// The answer to an announce from `source` with these header lines.
fn announce(tracker: &Tracker, source: Ipv4Addr, port: u16, headers: &str) -> HttpAnswer {
    let mut client = HttpClient::from(source, tracker.http_v4());
    let target = announce_target(TORRENT, port, 1);
    client.send(format!("GET {target} HTTP/1.1\r\nHost: t\r\n{headers}\r\n").as_bytes());
    client.answer()
}

/// The client's address, as the tracker determined it.
fn seen(answer: &HttpAnswer) -> IpAddr {
    let octets = answer.string("external ip");
    match (<[u8; 4]>::try_from(octets), <[u8; 16]>::try_from(octets)) {
        (Ok(octets), _) => octets.into(),
        (_, Ok(octets)) => octets.into(),
        _ => panic!("{}", answer.text()),
    }
}

#[track_caller]
fn assert_seen(tracker: &Tracker, source: Ipv4Addr, headers: &str, client: &str) {
    let answer = announce(tracker, source, 1001, headers);
    assert_eq!(seen(&answer), client.parse::<IpAddr>().expect("an address"), "{headers}");
}

#[track_caller]
fn assert_unknown(tracker: &Tracker, headers: &str) {
    let answer = announce(tracker, PROXY, 1001, headers);
    assert_eq!(
        answer.failure(),
        "missing or invalid the right most X-Forwarded-For IP (mandatory on reverse proxy tracker configuration)",
        "{headers}"
    );
}

#[test]
fn only_a_trusted_proxy_is_believed() {
    let tracker = behind("x-forwarded-for").start();
    assert_seen(&tracker, PROXY, "X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1");
    assert_seen(&tracker, PROXY, "x-forwarded-for: 198.51.100.1, 192.0.2.2\r\n", "192.0.2.2");
    let two_lines = "X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 192.0.2.3:4567\r\n";
    assert_seen(&tracker, PROXY, two_lines, "192.0.2.3");
    assert_seen(&tracker, STRANGER, "X-Forwarded-For: 192.0.2.1\r\n", "127.0.0.3");
    assert_seen(&tracker, STRANGER, "", "127.0.0.3");
    // Only the configured header counts.
    assert_unknown(&tracker, "X-Real-IP: 192.0.2.1\r\n");
}

#[test]
fn without_a_trusted_proxy_no_header_counts() {
    let tracker = Launch::on_loopback().start();
    let headers = "X-Forwarded-For: 192.0.2.1\r\nX-Real-IP: 192.0.2.1\r\nForwarded: for=192.0.2.1\r\n";
    assert_seen(&tracker, PROXY, headers, "127.0.0.2");
}

#[test]
fn a_proxy_that_does_not_name_its_client_gets_a_failure() {
    let tracker = behind("x-forwarded-for").start();
    let headers = [
        "",
        "X-Forwarded-For:\r\n",
        "X-Forwarded-For: unknown\r\n",
        "X-Forwarded-For: 192.0.2.1, _x\r\n",
        "X-Forwarded-For: 192.0.2.1, \r\n",
    ];
    headers.into_iter().for_each(|headers| assert_unknown(&tracker, headers));
    let mut client = HttpClient::from(PROXY, tracker.http_v4());
    assert!(
        client.get(&scrape_target(&[TORRENT])).failure().starts_with("missing or invalid the right most")
    );
    // Health checks are the proxy's own requests.
    assert_eq!(client.get("/health_check").status, 200);
    let figures = tracker.stop().figures();
    assert_eq!((figures.get("http_v4_announce_refused"), figures.get("http_v4_scrape_refused")), (5, 1));
}

#[test]
fn after_several_proxies_the_client_is_the_configured_element_from_the_right() {
    let tracker = behind("x-forwarded-for").set("proxy.forwarded_index", "2").start();
    assert_seen(&tracker, PROXY, "X-Forwarded-For: 192.0.2.9, 192.0.2.1, 10.0.0.1\r\n", "192.0.2.1");
    assert_unknown(&tracker, "X-Forwarded-For: 192.0.2.1\r\n");
}

#[test]
fn the_x_real_ip_of_a_trusted_proxy_is_believed() {
    let tracker = behind("x-real-ip").start();
    assert_seen(&tracker, PROXY, "X-Real-IP: 192.0.2.1\r\n", "192.0.2.1");
    assert_seen(&tracker, PROXY, "X-Real-IP: ::ffff:192.0.2.1\r\n", "192.0.2.1");
    assert_seen(&tracker, STRANGER, "X-Real-IP: 192.0.2.1\r\n", "127.0.0.3");
    assert_unknown(&tracker, "X-Forwarded-For: 192.0.2.1\r\n");
}

#[test]
fn a_client_of_another_family_than_its_proxy_gets_peers_of_its_own_family() {
    let tracker = behind("x-forwarded-for").start();
    let first = announce(&tracker, PROXY, 1001, "X-Forwarded-For: 2001:db8::1\r\n");
    assert_eq!(seen(&first), "2001:db8::1".parse::<IpAddr>().unwrap());
    announce(&tracker, PROXY, 1002, "X-Forwarded-For: 192.0.2.1\r\n");
    let second = announce(&tracker, PROXY, 1003, "X-Forwarded-For: [2001:db8::2]:4567\r\n");
    assert_eq!(second.peers_v6(), [SocketAddr::new("2001:db8::1".parse().unwrap(), 1001)]);
    assert_eq!(second.peers(), []);
    let figures = tracker.stop().figures();
    assert_eq!((figures.get("leechers_v6"), figures.get("leechers_v4")), (2, 1));
    assert_eq!(figures.get("http_v6_announce_answered"), 2);
}

#[test]
fn clients_behind_one_proxy_share_its_connections_but_no_network_limit() {
    let launch = behind("x-forwarded-for").set("http.connections_per_prefix_max", "1");
    let tracker = launch.start();
    let mut clients: Vec<HttpClient> = (0..32).map(|_| HttpClient::from(PROXY, tracker.http_v4())).collect();
    for client in &mut clients {
        assert_eq!(client.get("/health_check").status, 200);
    }
    let mut one = HttpClient::from(PROXY, tracker.http_v4());
    let target = announce_target(TORRENT, 1001, 1);
    for client in 1..=20 {
        let address = format!("192.0.2.{client}");
        one.send(
            format!("GET {target} HTTP/1.1\r\nHost: t\r\nX-Forwarded-For: {address}\r\n\r\n").as_bytes(),
        );
        assert_eq!(seen(&one.answer()), address.parse::<IpAddr>().unwrap());
    }
    assert_eq!(tracker.stop().figures().get("leechers_v4"), 20);
}

/// A header of the PROXY protocol, version 2.
fn version_2(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
    let length = u16::try_from(addresses.len()).expect("few bytes").to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n".as_slice(), &[0x20 | command, family], &length, addresses].concat()
}

/// Each form of the header, and the client that it names.
fn proxy_headers() -> Vec<(Vec<u8>, &'static str)> {
    let v4 = [192, 0, 2, 3, 127, 0, 0, 1, 0x12, 0x34, 0x1b, 0x39];
    let client: Ipv6Addr = "2001:db8::4".parse().expect("an address");
    let v6 = [client.octets().as_slice(), &[0; 16], &[0x12, 0x34, 0x1b, 0x39]].concat();
    // An extension of 300 bytes that the tracker need not know.
    let extended = [v4.as_slice(), &[0x04, 0x01, 0x2c], &[0; 300]].concat();
    vec![
        (b"PROXY TCP4 192.0.2.1 127.0.0.1 4660 6969\r\n".to_vec(), "192.0.2.1"),
        (b"PROXY TCP6 2001:db8::2 ::1 4660 6969\r\n".to_vec(), "2001:db8::2"),
        (version_2(1, 0x11, &v4), "192.0.2.3"),
        (version_2(1, 0x21, &v6), "2001:db8::4"),
        (version_2(1, 0x11, &extended), "192.0.2.3"),
    ]
}

#[test]
fn the_proxy_protocol_names_the_client_of_each_connection() {
    let tracker = behind("proxy-protocol").start();
    for (header, client) in proxy_headers() {
        let mut connection = HttpClient::from(PROXY, tracker.http_v4());
        // In one write with the first request.
        let request = format!("GET {} HTTP/1.1\r\nHost: t\r\n\r\n", announce_target(TORRENT, 1001, 1));
        connection.send(&[header.as_slice(), request.as_bytes()].concat());
        let expected: IpAddr = client.parse().unwrap();
        assert_eq!(seen(&connection.answer()), expected, "{}", header.escape_ascii());
        assert_eq!(seen(&connection.get(&announce_target(TORRENT, 1002, 1))), expected);
    }
}

#[test]
fn a_connection_of_the_proxy_itself_serves_only_health_checks() {
    let tracker = behind("proxy-protocol").start();
    let v4 = [192, 0, 2, 3, 127, 0, 0, 1, 0x12, 0x34, 0x1b, 0x39];
    for header in [b"PROXY UNKNOWN\r\n".to_vec(), version_2(0, 0x00, &[]), version_2(0, 0x11, &v4)] {
        let mut connection = HttpClient::from(PROXY, tracker.http_v4());
        connection.send(&header);
        let failure = connection.get(&announce_target(TORRENT, 1001, 1)).failure();
        assert!(failure.starts_with("missing or invalid the right most"), "{failure}");
        assert_eq!(connection.get("/health_check").status, 200);
        let mut closing = HttpClient::from(PROXY, tracker.http_v4());
        closing.send(&[&header[..], b"GET /health_check HTTP/1.0\r\n\r\n"].concat());
        assert_eq!(closing.answer().status, 200);
    }
    let figures = tracker.stop().figures();
    assert_eq!((figures.get("leechers_v4"), figures.get("http_v4_announce_refused")), (0, 3));
}

#[test]
fn the_header_of_the_proxy_protocol_may_arrive_one_byte_at_a_time() {
    let tracker = behind("proxy-protocol").start();
    for (header, client) in proxy_headers() {
        let mut connection = HttpClient::from(PROXY, tracker.http_v4());
        connection.stream().set_nodelay(true).unwrap();
        header.iter().for_each(|&byte| connection.send(&[byte]));
        let answer = connection.get(&announce_target(TORRENT, 1001, 1));
        assert_eq!(seen(&answer), client.parse::<IpAddr>().unwrap(), "{}", header.escape_ascii());
    }
}

#[test]
fn the_header_of_the_proxy_protocol_precedes_tls() {
    let identity = Identity::new();
    let tracker = identity.serve(behind("proxy-protocol")).start();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for (header, client) in proxy_headers() {
            let mut stream = connect_from(PROXY.into(), tracker.https_v4());
            stream.write_all(&header).unwrap();
            let mut connection = identity.over(version, stream);
            let expected: IpAddr = client.parse().unwrap();
            let answer = connection.get(&announce_target(TORRENT, 1001, 1));
            assert_eq!(seen(&answer), expected, "{}", header.escape_ascii());
            // A kept connection still belongs to the same client.
            assert_eq!(seen(&connection.get(&announce_target(TORRENT, 1002, 1))), expected);
        }
    }
    // Other clients speak TLS at once.
    let stream = connect_from(STRANGER.into(), tracker.https_v4());
    let mut direct = identity.over(&rustls::version::TLS13, stream);
    assert_eq!(seen(&direct.get(&announce_target(TORRENT, 1001, 1))), IpAddr::V4(STRANGER));
}

#[test]
fn the_proxy_header_and_the_first_tls_flight_may_arrive_in_one_write_or_byte_by_byte() {
    let identity = Identity::new();
    let tracker = identity.serve(behind("proxy-protocol")).start();
    for piece in [1, 7, 100_000] {
        let mut connection =
            identity.over(&rustls::version::TLS13, connect_from(PROXY.into(), tracker.https_v4()));
        let mut flight = proxy_headers()[0].0.clone();
        let tls = connection.stream();
        tls.conn.write_tls(&mut flight).unwrap();
        tls.sock.set_nodelay(true).unwrap();
        flight.chunks(piece).for_each(|piece| tls.sock.write_all(piece).unwrap());
        let answer = connection.get(&announce_target(TORRENT, 1001, 1));
        assert_eq!(seen(&answer), "192.0.2.1".parse::<IpAddr>().unwrap());
    }
}

#[test]
fn a_connection_of_a_proxy_without_a_valid_header_is_closed() {
    let tracker = behind("proxy-protocol").set("http.first_request_s", "1").start();
    let overlong = [b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat();
    let without = [
        b"GET /health_check HTTP/1.1\r\nHost: t\r\n\r\n".to_vec(),
        b"PROXY TCP4 1.2.3 127.0.0.1 1 2\r\n".to_vec(),
        overlong,
        version_2(2, 0x11, &[0; 12]),
        version_2(1, 0x11, &[0; 11]),
        version_2(1, 0x11, &[0; 1000]),
    ];
    for header in &without {
        let mut client = HttpClient::from(PROXY, tracker.http_v4());
        client.send(header);
        client.assert_closed();
    }
    let silent = HttpClient::from(PROXY, tracker.http_v4());
    silent.assert_closed();
    tracker.wait_for_figures(&[("http_closed_proxy_header", 6), ("http_closed_first_request", 1)]);
    assert_eq!(tracker.stop().figures().get("http_v4_health_checked"), 0);
}

#[test]
fn a_client_that_sends_a_proxy_header_but_is_no_proxy_is_closed() {
    let tracker = behind("proxy-protocol").start();
    for (header, _) in proxy_headers() {
        let mut client = HttpClient::from(STRANGER, tracker.http_v4());
        client.send(&header);
        client.send(b"GET /health_check HTTP/1.1\r\nHost: t\r\n\r\n");
        let said = client.rest_or_reset();
        assert!(!said.starts_with(b"HTTP/1.1 200"), "{}", said.escape_ascii());
    }
    tracker.wait_for_figures(&[("http_connections_open", 0)]);
    let ended = tracker.stop();
    assert_eq!(ended.figures().get("http_v4_health_checked"), 0);
    assert_eq!(ended.figures().get("http_connections"), ended.figures().http_closed());
}
