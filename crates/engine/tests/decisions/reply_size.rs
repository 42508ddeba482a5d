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
fn with_an_mtu_of_1280_an_ipv4_client_is_sent_at_most_1252_bytes_which_hold_all_200_peers() {
    assert_eq!(longest_answers(1280, "192.0.2.1:6881"), (20 + 200 * 6, 8 + 74 * 12));
}

#[test]
fn with_an_mtu_of_1280_an_ipv6_client_is_sent_at_most_1232_bytes_which_hold_67_peers() {
    assert_eq!(longest_answers(1280, "[2001:db8::2]:6881"), (20 + 67 * 18, 8 + 74 * 12));
}

#[test]
fn with_an_mtu_of_576_an_ipv4_client_is_sent_at_most_548_bytes_which_hold_88_peers_or_45_torrents() {
    assert_eq!(longest_answers(576, "192.0.2.1:6881"), (20 + 88 * 6, 8 + 45 * 12));
}

#[test]
fn with_an_mtu_of_576_an_ipv6_client_is_sent_at_most_528_bytes_which_hold_28_peers_or_43_torrents() {
    assert_eq!(longest_answers(576, "[2001:db8::2]:6881"), (20 + 28 * 18, 8 + 43 * 12));
}

#[test]
fn with_the_mtu_of_ethernet_an_ipv6_client_is_sent_at_most_1452_bytes_which_hold_79_peers() {
    assert_eq!(longest_answers(1500, "[2001:db8::2]:6881"), (20 + 79 * 18, 8 + 74 * 12));
}

#[test]
fn a_peer_that_would_make_the_packet_one_byte_too_long_is_left_out() {
    let announced = |path_mtu_bytes, source| longest_answers(path_mtu_bytes, source).0;
    let [v4, v6] = ["192.0.2.1:6881", "[2001:db8::2]:6881"];
    assert_eq!((announced(581, v4), announced(582, v4)), (20 + 88 * 6, 20 + 89 * 6));
    assert_eq!((announced(589, v6), announced(590, v6)), (20 + 28 * 18, 20 + 29 * 18));
}

#[test]
fn an_ipv4_mapped_client_is_sent_ipv4_packets() {
    assert_eq!(longest_answers(576, "[::ffff:192.0.2.1]:6881"), (548, 548));
}
