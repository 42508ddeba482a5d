use super::{TORRENT, address, announce, get, ip, outcomes, peers, tracker};
use engine::{HttpExchange, ProxyHeaderKind};
use metrics::HttpOutcome;
use primitives::AddressFamily;
use ringtrack_tests::http_client::{HttpClient, announce_target, scrape_target};
use ringtrack_tests::simulator::Simulator;
use std::net::IpAddr;

const PROXY: &str = "10.1.2.3";

const UNKNOWN_CLIENT: &str =
    "missing or invalid the right most X-Forwarded-For IP (mandatory on reverse proxy tracker configuration)";

fn behind_proxies(header: ProxyHeaderKind) -> Simulator {
    tracker(|policy| {
        policy.proxy.header = header;
        policy.proxy.trusted = ["10.0.0.0/8", "fd00::/8"].map(|net| net.parse().expect("a network")).to_vec();
    })
}

/// The client's address, as the tracker determines it for a request with these headers.
fn seen_at(tracker: &mut Simulator, remote: &str, headers: &str) -> IpAddr {
    get(tracker, remote, &announce_target(TORRENT, 6881, ""), headers).announced().external_ip
}

fn assert_unknown(tracker: &mut Simulator, headers: &str) {
    for target in [announce_target(TORRENT, 6881, ""), "/scrape?info_hash=aaaaaaaaaaaaaaaaaaaa".to_owned()] {
        let failure = get(tracker, PROXY, &target, headers).failure();
        assert_eq!(failure, Some((UNKNOWN_CLIENT.to_owned(), None)), "{headers:?}");
    }
}

#[test]
fn without_a_trusted_proxy_the_client_is_at_the_remote_address() {
    let mut tracker = tracker(|_| {});
    let lies = "X-Forwarded-For: 203.0.113.5\r\nX-Real-IP: 203.0.113.6\r\n";
    assert_eq!(seen_at(&mut tracker, "192.0.2.1", lies), ip("192.0.2.1"));
    assert_eq!(seen_at(&mut tracker, "::ffff:192.0.2.1", lies), ip("192.0.2.1"));
    assert_eq!(seen_at(&mut tracker, "2001:db8::1", lies), ip("2001:db8::1"));
    assert_eq!(peers(&mut tracker, "192.0.2.9"), [address("192.0.2.1:6881")]);
}

#[test]
fn a_trusted_proxy_names_the_client_in_x_forwarded_for() {
    let mut nearest = behind_proxies(ProxyHeaderKind::ForwardedFor { from_right: 0 });
    let mut second = behind_proxies(ProxyHeaderKind::ForwardedFor { from_right: 1 });
    let chain = "X-Forwarded-For: 203.0.113.5, 203.0.113.6\r\nX-Forwarded-For: 203.0.113.7\r\n";
    assert_eq!(seen_at(&mut nearest, PROXY, chain), ip("203.0.113.7"));
    assert_eq!(seen_at(&mut second, PROXY, chain), ip("203.0.113.6"));
    assert_eq!(seen_at(&mut second, "fd00::1", chain), ip("203.0.113.6"));
    let mapped = "X-Forwarded-For: ::ffff:203.0.113.8\r\nX-Real-IP: 203.0.113.9\r\n";
    assert_eq!(seen_at(&mut nearest, "::ffff:10.1.2.3", mapped), ip("203.0.113.8"));
    let v6 = "X-Forwarded-For: 2001:db8::7\r\n";
    assert_eq!(seen_at(&mut nearest, PROXY, v6), ip("2001:db8::7"));
    assert_eq!(peers(&mut nearest, "2001:db8::8"), [address("[2001:db8::7]:6881")]);
}

#[test]
fn a_trusted_proxy_names_the_client_in_x_real_ip() {
    let mut tracker = behind_proxies(ProxyHeaderKind::RealIp);
    let headers = "X-Real-IP: 203.0.113.9\r\nX-Forwarded-For: 203.0.113.5\r\n";
    assert_eq!(seen_at(&mut tracker, PROXY, headers), ip("203.0.113.9"));
    assert_unknown(&mut tracker, "X-Forwarded-For: 203.0.113.5\r\n");
}

#[test]
fn proxy_headers_of_other_clients_are_ignored() {
    let headers = "X-Forwarded-For: 203.0.113.5\r\nX-Real-IP: 203.0.113.5\r\n";
    for header in [ProxyHeaderKind::ForwardedFor { from_right: 0 }, ProxyHeaderKind::RealIp] {
        let mut tracker = behind_proxies(header);
        assert_eq!(seen_at(&mut tracker, "192.0.2.1", headers), ip("192.0.2.1"));
        assert_eq!(seen_at(&mut tracker, "2001:db8::1", headers), ip("2001:db8::1"));
    }
}

#[test]
fn a_request_of_a_trusted_proxy_that_names_no_client_is_refused_and_adds_no_peer() {
    let mut tracker = behind_proxies(ProxyHeaderKind::ForwardedFor { from_right: 1 });
    let said = ["", "X-Forwarded-For: 203.0.113.5\r\n", "X-Forwarded-For: unknown, 203.0.113.5\r\n"];
    for headers in said {
        assert_unknown(&mut tracker, headers);
    }
    let refused = [
        (AddressFamily::V4, HttpOutcome::AnnounceRefused, 3),
        (AddressFamily::V4, HttpOutcome::ScrapeRefused, 3),
    ];
    assert_eq!(outcomes(&mut tracker), refused);
    assert_eq!(peers(&mut tracker, "192.0.2.1"), []);
    // Requests that do not concern peers are served all the same.
    assert_eq!(get(&mut tracker, PROXY, "/health_check", "").status, 200);
}

#[test]
fn a_trusted_proxy_names_the_client_by_the_proxy_protocol() {
    let mut tracker = behind_proxies(ProxyHeaderKind::ProxyProtocol);
    let mut seen_behind = |remote: &str, header: &[u8]| {
        let mut client = HttpClient::new(0, remote);
        assert_eq!(client.exchange(&mut tracker, header), b"");
        client.announce(&mut tracker, &announce_target(TORRENT, 6881, "")).external_ip
    };
    let v4 = b"PROXY TCP4 203.0.113.5 198.51.100.1 5000 80\r\n";
    assert_eq!(seen_behind(PROXY, v4), ip("203.0.113.5"));
    let mapped = b"PROXY TCP6 ::ffff:203.0.113.6 2001:db8::1 5000 80\r\n";
    assert_eq!(seen_behind(PROXY, mapped), ip("203.0.113.6"));
    for (bytes, is_closed) in [(b"PROXY TCP4 203".as_slice(), false), (b"GET / HTTP/1.1\r\n", true)] {
        let mut client = HttpClient::new(0, PROXY);
        assert_eq!(client.exchange(&mut tracker, bytes), b"");
        assert_eq!(client.is_closed(), is_closed);
    }
}

#[test]
fn a_proxy_that_names_no_client_by_the_proxy_protocol_does_not_become_a_peer() {
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\0\0".as_slice();
    let of_ipv4 =
        b"\r\n\r\n\0\r\nQUIT\n\x20\x11\0\x0c\xcb\0\x71\x05\xc6\x33\x64\x01\x13\x88\0\x50".as_slice();
    let unspecified = b"\r\n\r\n\0\r\nQUIT\n\x21\x00\0\0".as_slice();
    let of_unix = [b"\r\n\r\n\0\r\nQUIT\n\x21\x31\0\xd8".as_slice(), &[0; 216]].concat();
    let unknown = b"PROXY UNKNOWN 203.0.113.5 198.51.100.1 5000 80\r\n".as_slice();
    for header in [b"PROXY UNKNOWN\r\n", unknown, local, of_ipv4, unspecified, &of_unix] {
        let mut tracker = behind_proxies(ProxyHeaderKind::ProxyProtocol);
        let mut client = HttpClient::new(0, PROXY);
        assert_eq!(client.exchange(&mut tracker, header), b"");
        let headers = "X-Forwarded-For: 203.0.113.5\r\nX-Real-IP: 203.0.113.5\r\n";
        for target in [announce_target(TORRENT, 6881, ""), scrape_target(&[TORRENT])] {
            let failure = client.get_with(&mut tracker, &target, headers).failure();
            assert_eq!(failure, Some((UNKNOWN_CLIENT.to_owned(), None)), "{}", header.escape_ascii());
        }
        assert_eq!(client.get(&mut tracker, "/health_check").status, 200);
        assert_eq!(peers(&mut tracker, "192.0.2.1"), []);
    }
}

#[test]
fn the_proxy_protocol_is_expected_of_trusted_proxies_only() {
    let expected = |header, remote: &str| {
        let mut tracker = behind_proxies(header);
        let policy = tracker.context(0).service.policy();
        HttpExchange::new(policy, ip(remote)).expects_proxy_header(policy)
    };
    assert!(expected(ProxyHeaderKind::ProxyProtocol, PROXY));
    assert!(expected(ProxyHeaderKind::ProxyProtocol, "::ffff:10.1.2.3"));
    assert!(!expected(ProxyHeaderKind::ProxyProtocol, "192.0.2.1"));
    assert!(!expected(ProxyHeaderKind::RealIp, PROXY));
    assert!(!expected(ProxyHeaderKind::None, PROXY));
}

#[test]
fn with_the_proxy_protocol_the_headers_of_requests_are_ignored() {
    let mut tracker = behind_proxies(ProxyHeaderKind::ProxyProtocol);
    let headers = "X-Forwarded-For: 203.0.113.5\r\nX-Real-IP: 203.0.113.5\r\n";
    let mut client = HttpClient::new(0, PROXY);
    client.exchange(&mut tracker, b"PROXY TCP4 203.0.113.9 198.51.100.1 5000 80\r\n");
    let answer = client.get_with(&mut tracker, &announce_target(TORRENT, 1, ""), headers);
    assert_eq!(answer.announced().external_ip, ip("203.0.113.9"));
    assert_eq!(announce(&mut tracker, "192.0.2.1", 0, "").external_ip, ip("192.0.2.1"));
}
