use super::*;
use crate::SitePath;
use crate::framing::Connection;
use primitives::KeyInPath;

fn read(bytes: &[u8]) -> Incoming<'_> {
    read_request(bytes, &mut HeadSearch::default())
}

fn request(text: &str) -> Request<'_> {
    match read(text.as_bytes()) {
        Incoming::Request(request) => request,
        other => panic!("{text:?}: {other:?}"),
    }
}

/// A `GET` of HTTP/1.1 with these header lines besides `Host`.
fn get(lines: &str) -> String {
    format!("GET /announce HTTP/1.1\r\nHost: tracker.example\r\n{lines}\r\n")
}

fn refused(text: &str) -> Status {
    match read(text.as_bytes()) {
        Incoming::Refused(status) => status,
        other => panic!("{text:?}: {other:?}"),
    }
}

#[test]
fn a_request_has_its_route_query_and_length() {
    let text = "GET /announce?info_hash=%ff&x HTTP/1.1\r\nHost: a\r\n\r\n";
    let request = request(text);
    assert_eq!(request.bytes, text.len());
    assert_eq!(request.route, Route::Announce(KeyInPath::Absent));
    assert_eq!(request.query, b"info_hash=%ff&x");
    assert_eq!(request.framing.content, Content::Sent);
    assert_eq!(request.headers.iter().count(), 1);
}

#[test]
fn pipelined_requests_are_read_one_by_one() {
    let bytes = b"GET /scrape HTTP/1.1\r\nHost: a\r\n\r\n\r\nHEAD /x HTTP/1.0\n\nGET";
    let mut search = HeadSearch::default();
    let Incoming::Request(first) = read_request(bytes, &mut search) else { panic!("a request") };
    assert_eq!((first.bytes, first.route), (33, Route::Scrape(KeyInPath::Absent)));
    let Incoming::Request(second) = read_request(&bytes[33..], &mut search) else { panic!("a request") };
    assert_eq!((second.bytes, second.route), (20, Route::NotFound));
    assert_eq!(second.framing.content, Content::Withheld);
    assert_eq!(read_request(&bytes[53..], &mut search), Incoming::Incomplete);
}

/// A `GET` of an announce with this query, alone and after an empty line.
fn announces(query: &[u8]) -> [Vec<u8>; 2] {
    let request = [b"GET /announce?".as_slice(), query, b" HTTP/1.1\r\nHost: a\r\nX: \xff\r\n\r\n"].concat();
    [request.clone(), [b"\r\n", &request[..]].concat()]
}

#[test]
fn unescaped_bytes_are_read_as_they_are() {
    let every = (0x80..=0xff_u8).collect::<Vec<u8>>();
    let pieces = every.chunks(20).map(|piece| [piece, &[b'a'; 20][piece.len()..]].concat());
    let utf8 = "\u{e4}\u{20ac}aaaaaaaaaaaaaaa".as_bytes().to_vec();
    for hash in pieces.chain([utf8, b"\xffaa%00aa\x80&".to_vec(), vec![0xff; 60]]) {
        let query = [b"info_hash=".as_slice(), &hash].concat();
        for request in announces(&query) {
            let Incoming::Request(read) = read(&request) else { panic!("{}", request.escape_ascii()) };
            assert_eq!((read.query, read.bytes), (&query[..], request.len()), "{}", query.escape_ascii());
            assert_eq!(read.route, Route::Announce(KeyInPath::Absent));
            let headers: Vec<_> = read.headers.iter().map(|header| header.value).collect();
            assert_eq!(headers, [b"a".as_slice(), b"\xff"]);
        }
    }
}

#[test]
fn a_wrong_request_line_is_refused_among_unescaped_bytes_too() {
    for wrong in [b'\0', 0x1f, b'\t', b'\r', 0x7f] {
        for request in announces(&[b"info_hash=\xff", &[wrong][..], b"\x80"].concat()) {
            assert_eq!(read(&request), Incoming::Refused(Status::BadRequest), "{}", request.escape_ascii());
        }
    }
    for (line, status) in [
        (b"G\xffT / HTTP/1.1".as_slice(), Status::BadRequest),
        (b"GET \xff HTTP/1.1", Status::BadRequest),
        (b"GET /\xff HTTP/1.\xff", Status::HttpVersionNotSupported),
        (b"GET /\xff \xff HTTP/1.1", Status::HttpVersionNotSupported),
        (b"POST /\xff HTTP/1.1", Status::MethodNotAllowed),
    ] {
        let head = [line, b"\r\nHost: a\r\n\r\n"].concat();
        assert_eq!(read(&head), Incoming::Refused(status), "{}", line.escape_ascii());
    }
}

#[test]
fn the_version_and_header_decide_whether_a_connection_is_kept() {
    let framing = |version: &str, lines: &str| {
        request(&format!("GET / HTTP/{version}\r\nHost: a\r\n{lines}\r\n")).framing
    };
    for (version, lines, connection) in [
        ("1.1", "", Connection::KeepAlive),
        ("1.1", "Connection: close\r\n", Connection::Close),
        ("1.1", "connection: TE, Close\r\n", Connection::Close),
        ("1.1", "Connection: close\r\nConnection: keep-alive\r\n", Connection::Close),
        ("1.1", "Connection: keep-alive, close\r\n", Connection::Close),
        ("1.0", "", Connection::Close),
        ("1.0", "Connection: Keep-Alive\r\n", Connection::KeepAlive),
        ("1.0", "Connection: upgrade\r\n", Connection::Close),
    ] {
        assert_eq!(framing(version, lines).connection, connection, "{version} {lines:?}");
    }
    assert_eq!(framing("1.0", "").version, Version::Http10);
}

#[test]
fn other_methods_are_not_allowed() {
    for method in ["POST", "PUT", "DELETE", "CONNECT", "TRACE", "PATCH", "get"] {
        let text = format!("{method} /announce HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
        assert_eq!(refused(&text), Status::MethodNotAllowed, "{method}");
    }
}

#[test]
fn options_are_answered_for_any_target() {
    for target in ["*", "/announce", "http://host/announce"] {
        assert_eq!(request(&format!("OPTIONS {target} HTTP/1.1\r\nHost: a\r\n\r\n")).route, Route::Options);
    }
    assert_eq!(refused("GET * HTTP/1.1\r\nHost: a\r\n\r\n"), Status::BadRequest);
}

#[test]
fn an_absolute_target_is_accepted() {
    let request = request("GET http://tracker.example/scrape?a HTTP/1.1\r\nHost: tracker.example\r\n\r\n");
    assert_eq!((request.route, request.query), (Route::Scrape(KeyInPath::Absent), b"a".as_slice()));
}

#[test]
fn a_request_with_content_is_refused() {
    for (lines, status) in [
        ("Content-Length: 1\r\n", Status::ContentTooLarge),
        ("Content-Length: 99999999999999999999999\r\n", Status::ContentTooLarge),
        ("Content-Length: 0\r\nContent-Length: 5\r\n", Status::BadRequest),
        ("Content-Length: 0, 0\r\n", Status::BadRequest),
        ("Content-Length: +0\r\n", Status::BadRequest),
        ("Content-Length:\r\n", Status::BadRequest),
        ("Transfer-Encoding: chunked\r\n", Status::BadRequest),
        ("Transfer-Encoding: identity\r\nContent-Length: 0\r\n", Status::BadRequest),
    ] {
        assert_eq!(refused(&get(lines)), status, "{lines:?}");
    }
    assert_eq!(request(&get("Content-Length: 0\r\n")).route, Route::Announce(KeyInPath::Absent));
    assert_eq!(request(&get("Content-Length: 0\r\nContent-Length: 0\r\n")).bytes, 87);
}

#[test]
fn an_expectation_is_met_or_refused() {
    assert_eq!(request(&get("Expect: 100-Continue\r\n")).route, Route::Announce(KeyInPath::Absent));
    assert_eq!(refused(&get("Expect: 100-continue\r\nContent-Length: 9\r\n")), Status::ContentTooLarge);
    assert_eq!(refused(&get("Expect: a-miracle\r\n")), Status::ExpectationFailed);
    assert_eq!(request("GET / HTTP/1.0\r\nExpect: a-miracle\r\n\r\n").route, Route::Site(SitePath::Root));
}

#[test]
fn an_http_1_1_request_has_exactly_one_host() {
    assert_eq!(refused("GET / HTTP/1.1\r\n\r\n"), Status::BadRequest);
    assert_eq!(refused(&get("Host: other.example\r\n")), Status::BadRequest);
    assert_eq!(request("GET / HTTP/1.0\r\n\r\n").route, Route::Site(SitePath::Root));
    assert_eq!(request("GET / HTTP/1.1\r\nHost:\r\n\r\n").route, Route::Site(SitePath::Root));
}

#[test]
fn other_versions_are_not_supported() {
    for version in ["HTTP/0.9", "HTTP/2.0", "HTTP/1.2", "HTTP/3"] {
        assert_eq!(refused(&format!("GET / {version}\r\nHost: a\r\n\r\n")), Status::HttpVersionNotSupported);
    }
}

#[test]
fn a_malformed_request_is_a_bad_request() {
    for text in [
        "GET /\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\r\n\r\n",
        "GE(T / HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        let status = refused(text);
        let expected = [Status::BadRequest, Status::HttpVersionNotSupported];
        assert!(expected.contains(&status), "{text:?}: {status:?}");
    }
}

#[test]
fn a_line_may_end_without_a_carriage_return() {
    let request = request("GET /announce?a HTTP/1.1\nHost: a\nX-Real-IP: 192.0.2.1\n\n");
    assert_eq!(request.query, b"a");
    assert_eq!(request.headers.real_ip(), "192.0.2.1".parse().ok());
}

#[test]
fn other_protocols_are_recognised() {
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    assert_eq!(read(preface), Incoming::NotHttp);
    assert_eq!(read(b"\x16\x03\x01\x02\x00\x01"), Incoming::NotHttp);
    assert_eq!(read(b"\x13BitTorrent protocol"), Incoming::NotHttp);
}

#[test]
fn gzip_is_accepted_unless_its_weight_is_0() {
    for (value, coding) in [
        ("gzip", ContentCoding::Gzip),
        ("deflate, GZIP;q=1.0, *;q=0", ContentCoding::Gzip),
        ("x-gzip", ContentCoding::Gzip),
        ("*", ContentCoding::Gzip),
        ("gzip;q=0.001", ContentCoding::Gzip),
        ("gzip;q=0", ContentCoding::Identity),
        ("gzip; q=0.000", ContentCoding::Identity),
        ("deflate, br", ContentCoding::Identity),
        ("", ContentCoding::Identity),
    ] {
        assert_eq!(
            request(&get(&format!("Accept-Encoding: {value}\r\n"))).accepted_coding,
            coding,
            "{value}"
        );
    }
}

#[test]
fn an_upgrade_to_a_web_socket_needs_both_headers_and_version_13() {
    const HANDSHAKE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n";
    let old = "Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 8\r\n";
    for (lines, upgrade) in [
        (HANDSHAKE, Upgrade::WebSocket),
        (
            "Connection: keep-alive, upgrade\r\nupgrade: h2c, WebSocket\r\nsec-websocket-version: 13\r\n",
            Upgrade::WebSocket,
        ),
        (old, Upgrade::OtherVersion),
        ("Upgrade: websocket\r\nConnection: Upgrade\r\n", Upgrade::OtherVersion),
        ("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n", Upgrade::None),
        ("Upgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n", Upgrade::None),
        ("Connection: Upgrade\r\n", Upgrade::None),
    ] {
        assert_eq!(request(&get(lines)).upgrade, upgrade, "{lines}");
    }
    let heads = [
        format!("HEAD / HTTP/1.1\r\nHost: a\r\n{HANDSHAKE}\r\n"),
        format!("GET / HTTP/1.0\r\n{HANDSHAKE}\r\n"),
    ];
    assert!(heads.iter().all(|head| request(head).upgrade == Upgrade::None));
}

#[test]
fn the_key_of_a_handshake_must_be_one_of_16_bytes_and_the_origin_is_the_first() {
    let text =
        get("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: https://a.example\r\nOrigin: b\r\n");
    let headers = request(&text).headers;
    assert_eq!(headers.web_socket_key(), Some(b"dGhlIHNhbXBsZSBub25jZQ==".as_slice()));
    assert_eq!(headers.origin(), Some(b"https://a.example".as_slice()));
    for keys in [
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        "Sec-WebSocket-Key: abc\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQAA\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j-_==\r\n",
    ] {
        assert_eq!(request(&get(keys)).headers.web_socket_key(), None, "{keys}");
    }
}
