//! Reverse proxies and load balancers in front of the running tracker, and clients that pretend to be one.

use std::io::{Read, Write};
use std::net::Ipv4Addr;

use primitives::InfoHash;
use ringtrack_tests::http_client::request;

use crate::http_client::{HttpAnswer, HttpClient, announce_target, connect_from};
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
fn announce(tracker: &Tracker, source: Ipv4Addr, headers: &str) -> HttpAnswer {
    let mut client = HttpClient::from(source, tracker.http_v4());
    let target = announce_target(TORRENT, 1001, 1);
    client.send(&request(&target, headers));
    client.answer()
}

#[track_caller]
fn assert_seen(tracker: &Tracker, source: Ipv4Addr, headers: &str, client: &str) {
    let answer = announce(tracker, source, headers);
    assert_eq!(answer.announced().external_ip.to_string(), client, "{headers}");
}

#[track_caller]
fn assert_unknown(tracker: &Tracker, headers: &str) {
    let reason = announce(tracker, PROXY, headers).reason().expect("a failure");
    assert!(reason.starts_with("missing or invalid the right most X-Forwarded-For IP"), "{reason}");
}

#[test]
fn only_a_trusted_proxy_is_believed() {
    let tracker = behind("x-forwarded-for").start();
    assert_seen(&tracker, PROXY, "X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1");
    assert_seen(&tracker, STRANGER, "X-Forwarded-For: 192.0.2.1\r\n", "127.0.0.3");
    // Only the configured header counts.
    assert_unknown(&tracker, "X-Real-IP: 192.0.2.1\r\n");
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
    assert_seen(&tracker, STRANGER, "X-Real-IP: 192.0.2.1\r\n", "127.0.0.3");
    assert_unknown(&tracker, "X-Forwarded-For: 192.0.2.1\r\n");
}

#[test]
fn clients_behind_one_proxy_share_its_connections_but_no_network_limit() {
    let launch = behind("x-forwarded-for").set("http.connections_per_prefix_max", "1");
    let tracker = launch.set("sources.allow", "[]").start();
    let mut clients: Vec<HttpClient> = (0..32).map(|_| HttpClient::from(PROXY, tracker.http_v4())).collect();
    for client in &mut clients {
        assert_eq!(client.get("/health_check").status, 200);
    }
    let [one, ..] = &mut clients[..] else { panic!("32 clients") };
    let target = announce_target(TORRENT, 1001, 1);
    for client in 1..=20 {
        let address = format!("192.0.2.{client}");
        one.send(&request(&target, &format!("X-Forwarded-For: {address}\r\n")));
        assert_eq!(one.answer().announced().external_ip.to_string(), address);
    }
    assert_eq!(tracker.stop().figures().get("leechers_v4"), 20);
}

/// A header of the PROXY protocol, version 2.
fn version_2(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
    let length = u16::try_from(addresses.len()).expect("few bytes").to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n".as_slice(), &[0x20 | command, family], &length, addresses].concat()
}

/// A header of each version, and the client that it names.
fn proxy_headers() -> [(Vec<u8>, &'static str); 2] {
    let v4 = [192, 0, 2, 3, 127, 0, 0, 1, 0x12, 0x34, 0x1b, 0x39];
    let version_1 = b"PROXY TCP6 2001:db8::2 ::1 4660 6969\r\n";
    [(version_1.to_vec(), "2001:db8::2"), (version_2(1, 0x11, &v4), "192.0.2.3")]
}

/// Asserts that two announces over a connection are those of a client at this address.
#[track_caller]
fn assert_seen_over<S: Read + Write>(mut connection: HttpClient<S>, client: &str) {
    for port in [1001, 1002] {
        let answer = connection.get(&announce_target(TORRENT, port, 1));
        assert_eq!(answer.announced().external_ip.to_string(), client);
    }
}

#[test]
fn the_proxy_protocol_names_the_client_of_each_connection() {
    let tracker = behind("proxy-protocol").start();
    for (header, client) in proxy_headers() {
        let mut connection = HttpClient::from(PROXY, tracker.http_v4());
        connection.send(&header);
        assert_seen_over(connection, client);
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
            assert_seen_over(identity.over(version, stream), client);
        }
    }
    // Other clients speak TLS at once.
    let stream = connect_from(STRANGER.into(), tracker.https_v4());
    assert_seen_over(identity.over(&rustls::version::TLS13, stream), "127.0.0.3");
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
