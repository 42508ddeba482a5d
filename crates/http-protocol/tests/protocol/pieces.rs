//! The requests that are read do not depend on how the bytes of a connection are split.

use http_protocol::{HeadSearch, Incoming, ProxyHeader, read_proxy_header, read_request};
use proptest::prelude::*;

/// The result of reading a connection to its end or to the first error.
#[derive(Debug, PartialEq, Eq)]
struct Reading {
    /// As text, because the requests borrow other bytes each time.
    requests: Vec<String>,
    last: String,
}

fn read_in_pieces(bytes: &[u8], pieces: impl Iterator<Item = usize>) -> Reading {
    let mut search = HeadSearch::default();
    let mut requests = Vec::new();
    let mut start = 0;
    for end in pieces.chain([bytes.len()]) {
        loop {
            match read_request(&bytes[start..end.max(start)], &mut search) {
                Incoming::Request(request) => {
                    requests.push(format!("{request:?}"));
                    start += request.bytes;
                }
                Incoming::Incomplete => break,
                other => return Reading { requests, last: format!("{other:?}") },
            }
        }
    }
    Reading { requests, last: format!("{} bytes more", bytes.len() - start) }
}

fn assert_pieces_do_not_matter(bytes: &[u8]) {
    let whole = read_in_pieces(bytes, [].into_iter());
    for cut in 0..bytes.len() {
        assert_eq!(read_in_pieces(bytes, [cut].into_iter()), whole, "cut at {cut}: {}", bytes.escape_ascii());
    }
    assert_eq!(read_in_pieces(bytes, 0..bytes.len()), whole, "byte by byte: {}", bytes.escape_ascii());
}

#[test]
fn a_connection_may_be_split_anywhere() {
    assert_pieces_do_not_matter(
        b"GET /announce?info_hash=%00 HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: b\r\n\r\n\r\nGET /scrape HTTP/1.0\n\n\
        HEAD /announce/0123456789abcdef0123456789abcdef HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET / HT",
    );
    assert_pieces_do_not_matter(
        b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nPOST / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    );
    assert_pieces_do_not_matter(b"GET / HTTP/1.0\r\n\r\n\x16\x03\x01GET / HTTP/1.0\r\n\r\n");
    assert_pieces_do_not_matter(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
}

#[test]
fn a_head_beyond_its_limits_may_be_split_anywhere() {
    let line = [b"\r\nGET /".as_slice(), &[b'a'; 8180], b" HTTP/1.0\r\n\r\n"].concat();
    let head = [b"GET / HTTP/1.0\r\nX: ".as_slice(), &[b'a'; 16_370], b"\r\n\r\n"].concat();
    for bytes in [line, head] {
        let whole = read_in_pieces(&bytes, [].into_iter());
        for cut in (bytes.len() - 40..bytes.len()).chain([8190, 8191, 8192, 8193, 8194, 8195, 8196]) {
            assert_eq!(read_in_pieces(&bytes, [cut].into_iter()), whole, "cut at {cut}");
        }
        assert_eq!(read_in_pieces(&bytes, 0..bytes.len()), whole);
    }
}

#[test]
fn a_proxy_header_may_be_split_anywhere() {
    for bytes in [
        b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 80\r\n".as_slice(),
        b"PROXY UNKNOWN\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\xdc\x04\0\x50",
    ] {
        for cut in 0..bytes.len() {
            assert_eq!(read_proxy_header(&bytes[..cut]), ProxyHeader::Incomplete);
        }
        assert!(
            matches!(read_proxy_header(bytes), ProxyHeader::Complete { bytes: all, .. } if all == bytes.len())
        );
    }
}

/// Valid and invalid lines of requests.
fn line() -> impl Strategy<Value = &'static [u8]> {
    prop::sample::select(vec![
        b"GET /announce?info_hash=%00 HTTP/1.1".as_slice(),
        b"GET / HTTP/1.0",
        b"HEAD /scrape HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
        b"POST / HTTP/1.1",
        b"PRI * HTTP/2.0",
        b"Host: a",
        b"Connection: close",
        b"Content-Length: 0",
        b"Content-Length: 4",
        b"Transfer-Encoding: chunked",
        b"X: \r",
        b"",
        b"\x16\x03",
    ])
}

fn connection() -> impl Strategy<Value = Vec<u8>> {
    let ending = prop::sample::select(vec![b"\r\n".as_slice(), b"\n", b"\r\n\r\n"]);
    prop::collection::vec((line(), ending), 0..20)
        .prop_map(|lines| lines.into_iter().flat_map(|(line, ending)| [line, ending].concat()).collect())
}

proptest! {
    #[test]
    fn any_connection_may_be_split_anywhere(bytes in connection(), cuts in prop::collection::vec(0..400_usize, 0..5)) {
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.sort_unstable();
        let whole = read_in_pieces(&bytes, [].into_iter());
        prop_assert_eq!(&read_in_pieces(&bytes, cuts.into_iter()), &whole);
        prop_assert_eq!(&read_in_pieces(&bytes, 0..bytes.len()), &whole);
    }
}
