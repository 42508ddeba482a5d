//! Complete requests of known clients, with their escapes, order of parameters and headers.

use http_protocol::{
    Announce, Connection, ContentCoding, Event, HeadSearch, Incoming, KeyInPath, PeerForm, Request, Route,
    Scrape, read_request,
};
use primitives::{InfoHash, Numwant, PeerStatus};

/// Contains every kind of byte: letters, digits, signs that are escaped or not, `%`, `+`, a space and 0.
const INFO_HASH: InfoHash = InfoHash(*b"\x00\x9b\xdb\xbbI\xf0+ %&=~-_.!*A9\xff");

fn read(bytes: &[u8]) -> Request<'_> {
    match read_request(bytes, &mut HeadSearch::default()) {
        Incoming::Request(request) => {
            assert_eq!(request.bytes, bytes.len());
            request
        }
        other => panic!("{}: {other:?}", bytes.escape_ascii()),
    }
}

fn announce<'a>(request: &Request<'a>) -> Announce<'a> {
    assert_eq!(request.route, Route::Announce(KeyInPath::Absent));
    let announce = Announce::from_query(request.query).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(announce.info_hash, INFO_HASH);
    announce
}

#[test]
fn libtorrent_in_qbittorrent() {
    let request = read(
        b"GET /announce?info_hash=%00%9b%db%bbI%f0%2b%20%25%26%3d~-_.!*A9%ff&peer_id=-qB4650-a(.8*~_!Kx0Z\
        &port=51413&uploaded=0&downloaded=0&left=1474560&corrupt=0&key=8F2C4B1E&event=started&numwant=200\
        &compact=1&no_peer_id=1&supportcrypto=1&redundant=0 HTTP/1.1\r\n\
        Host: tracker.example:6969\r\nUser-Agent: qBittorrent/4.6.5\r\nAccept-Encoding: gzip\r\n\
        Connection: close\r\n\r\n",
    );
    assert_eq!(request.framing.connection, Connection::Close);
    assert_eq!(request.accepted_coding, ContentCoding::Gzip);
    let announce = announce(&request);
    assert_eq!(announce.peer_id.0, *b"-qB4650-a(.8*~_!Kx0Z");
    assert_eq!((announce.port, announce.left), (51413, Some(1_474_560)));
    assert_eq!((announce.event, announce.status()), (Event::Started, PeerStatus::Leecher));
    assert_eq!((announce.numwant, announce.form), (Numwant::AtMost(200), PeerForm::Compact));
}

#[test]
fn a_client_that_escapes_only_bytes_with_a_meaning_in_a_query() {
    let request = read(
        b"GET /announce?info_hash=%00\x9b\xdb\xbbI\xf0%2b%20%25%26%3d~-_.!*A9\xff&peer_id=-XX0001-abcdefghijkl\
        &port=51413 HTTP/1.1\r\nHost: tracker.example\r\n\r\n",
    );
    assert_eq!(announce(&request).port, 51413);
}

#[test]
fn transmission_over_curl() {
    let request = read(
        b"GET /announce?info_hash=%00%9B%DB%BBI%F0%2B%20%25%26%3D~-_.%21%2AA9%FF&peer_id=-TR4060-0a1b2c3d4e5f\
        &port=51413&uploaded=0&downloaded=0&left=0&numwant=80&key=1650481533&compact=1&supportcrypto=1\
        &event=completed HTTP/1.1\r\n\
        Host: tracker.example\r\nUser-Agent: Transmission/4.0.6\r\nAccept: */*\r\n\
        Accept-Encoding: deflate, gzip, br, zstd\r\n\r\n",
    );
    assert_eq!(request.framing.connection, Connection::KeepAlive);
    let announce = announce(&request);
    assert_eq!((announce.event, announce.status()), (Event::Completed, PeerStatus::Seeder));
    assert_eq!(announce.numwant, Numwant::AtMost(80));
}

#[test]
fn aria2_escapes_everything_except_letters_and_digits() {
    let request = read(
        b"GET /announce?info_hash=%00%9B%DB%BBI%F0%2B%20%25%26%3D%7E%2D%5F%2E%21%2AA9%FF\
        &peer_id=%2DA2%2D1%2D37%2D0%2D%AB%CD%EF%01%02%03%04%05%06&uploaded=0&downloaded=0&left=734003200&compact=1\
        &key=%EF%01%02%03%04%05%06%07&numwant=50&no_peer_id=1&port=6881&event=started&supportcrypto=1 HTTP/1.1\r\n\
        User-Agent: aria2/1.37.0\r\nAccept: */*\r\nAccept-Encoding: deflate, gzip\r\nHost: tracker.example\r\n\
        Pragma: no-cache\r\nCache-Control: no-cache\r\nConnection: close\r\n\r\n",
    );
    let announce = announce(&request);
    assert_eq!(announce.peer_id.0, *b"-A2-1-37-0-\xab\xcd\xef\x01\x02\x03\x04\x05\x06");
    assert_eq!((announce.numwant, announce.port), (Numwant::AtMost(50), 6881));
}

#[test]
fn utorrent_sends_its_ipv6_address() {
    let request = read(
        b"GET /announce?info_hash=%00%9b%db%bbI%f0%2b%20%25%26%3d%7e-_.%21*A9%ff\
        &peer_id=-UT355W-%1f%b3%0f%11%a2%c3%d4%e5%f6%07%18%29&port=29041&uploaded=0&downloaded=0&left=0&corrupt=0\
        &key=0D5A6B77&event=stopped&numwant=0&compact=1&no_peer_id=1&ipv6=2001%3adb8%3a%3a7 HTTP/1.1\r\n\
        Host: tracker.example\r\nUser-Agent: uTorrent/355(110211840)(45852)\r\nAccept-Encoding: gzip\r\n\
        Connection: Close\r\n\r\n",
    );
    assert_eq!(request.framing.connection, Connection::Close);
    let announce = announce(&request);
    assert_eq!((announce.event, announce.numwant), (Event::Stopped, Numwant::AtMost(0)));
    assert_eq!(announce.ipv6(), "2001:db8::7".parse().ok());
}

#[test]
fn rtorrent_starts_with_the_hash_and_sends_no_numwant() {
    let request = read(
        b"GET /announce?info_hash=%00%9B%DB%BBI%F0%2B%20%25%26%3D~-_.%21%2AA9%FF\
        &peer_id=-lt0D80-%A2%14%C8%EB%0B%5E%81%7C%2A%BD%90%33&key=1a2b3c4d&compact=1&port=6922&uploaded=0&downloaded=0\
        &left=42&event=started HTTP/1.1\r\n\
        Host: tracker.example\r\nUser-Agent: rtorrent/0.9.8/0.13.8\r\nAccept: */*\r\n\
        Accept-Encoding: deflate, gzip\r\n\r\n",
    );
    let announce = announce(&request);
    assert_eq!((announce.numwant, announce.left), (Numwant::Default, Some(42)));
}

#[test]
fn the_first_client_asks_for_dictionaries_over_http_1_0() {
    let request = read(
        b"GET /announce?info_hash=%00%9b%db%bbI%f0%2b%20%25%26%3d%7e-_.%21%2aA9%ff\
        &peer_id=M3-4-2--%01%02%03%04%05%06%07%08%09%0a%0b%0c&port=6881&uploaded=0&downloaded=0&left=5&compact=0\
        &event=started HTTP/1.0\r\nHost: tracker.example\r\nUser-agent: BitTorrent/3.4.2\r\n\r\n",
    );
    assert_eq!(request.framing.connection, Connection::Close);
    assert_eq!(announce(&request).form, PeerForm::Dictionaries);
}

#[test]
fn a_scrape_of_several_torrents() {
    let request = read(
        b"GET /scrape?info_hash=%00%9b%db%bbI%f0%2b%20%25%26%3d%7e-_.%21%2aA9%ff\
        &info_hash=aaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\nHost: tracker.example\r\nConnection: close\r\n\r\n",
    );
    assert_eq!(request.route, Route::Scrape(KeyInPath::Absent));
    let scrape = Scrape::from_query(request.query).unwrap();
    let hashes: Vec<_> = scrape.info_hashes().collect();
    assert_eq!(hashes, [INFO_HASH, InfoHash([b'a'; 20])]);
}
