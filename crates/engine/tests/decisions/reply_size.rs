//! No reply is longer than one packet of the path carries: the MTU minus 28 bytes of IPv4 or 48 bytes of IPv6 headers.

use super::{TORRENT, ipv4_addresses, ipv6_addresses, leechers};
use primitives::InfoHash;
use ringtrack_tests::client::Client;
use ringtrack_tests::simulator::{Simulator, SimulatorSettings};
use zerocopy::IntoBytes;

fn tracker_with_mtu(path_mtu_bytes: u16) -> Simulator {
    let mut settings = SimulatorSettings::default();
    settings.engine.path_mtu_bytes = path_mtu_bytes;
    let mut tracker = Simulator::new(&settings);
    leechers(&mut tracker, ipv4_addresses(250));
    leechers(&mut tracker, ipv6_addresses(250));
    tracker
}

/// Bytes of the longest answers to an announce and to a scrape.
fn longest_answers(path_mtu_bytes: u16, source: &str) -> (usize, usize) {
    let mut tracker = tracker_with_mtu(path_mtu_bytes);
    let client = Client::connected(&mut tracker, source);
    let announce = client.leeching(TORRENT).with_numwant(200);
    let mut bytes_of_answer =
        |request: &[u8]| client.send_raw(&mut tracker, request).expect("an answer").bytes.len();
    let scrape = client.scraping(&[InfoHash([5; 20]); 74]);
    (bytes_of_answer(announce.as_bytes()), bytes_of_answer(&scrape))
}

#[test]
fn the_longest_answers_have_as_many_peers_and_torrents_as_a_packet_holds() {
    let (v4, v6, mapped) = ("192.0.2.1:6881", "[2001:db8::2]:6881", "[::ffff:192.0.2.1]:6881");
    for (path_mtu_bytes, source, peer_bytes, torrent_bytes) in [
        (1280, v4, 200 * 6, 74 * 12),
        (1280, v6, 67 * 18, 74 * 12),
        (576, v4, 88 * 6, 45 * 12),
        (576, mapped, 88 * 6, 45 * 12),
        (576, v6, 28 * 18, 43 * 12),
        (1500, v6, 79 * 18, 74 * 12),
    ] {
        let expected = (20 + peer_bytes, 8 + torrent_bytes);
        assert_eq!(longest_answers(path_mtu_bytes, source), expected, "{path_mtu_bytes} {source}");
    }
}

#[test]
fn a_peer_that_would_make_the_packet_one_byte_too_long_is_left_out() {
    let announced = |path_mtu_bytes, source| longest_answers(path_mtu_bytes, source).0;
    let [v4, v6] = ["192.0.2.1:6881", "[2001:db8::2]:6881"];
    assert_eq!((announced(581, v4), announced(582, v4)), (20 + 88 * 6, 20 + 89 * 6));
    assert_eq!((announced(589, v6), announced(590, v6)), (20 + 28 * 18, 20 + 29 * 18));
}
