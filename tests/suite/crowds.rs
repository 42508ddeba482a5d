//! Crowds: clients from many addresses of the loopback network, over UDP and HTTP at the same time.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use primitives::InfoHash;

use crate::http_client::{HttpClient, announce_target};
use crate::tracker::{Launch, Tracker};
use crate::udp_client::Client;

/// Source addresses of one wave and protocol.
const SOURCES: u16 = 300;
const WAVES: u16 = 3;
/// Each source is a peer of all torrents.
const TORRENTS: u8 = 4;

const HTTP_PORT: u16 = 2001;
const UDP_PORT: u16 = 2002;

fn torrents() -> impl Iterator<Item = InfoHash> {
    (0..TORRENTS).map(|number| InfoHash([number; 20]))
}

/// The source with this number, the same in each wave. No two share a /24 network.
fn source(number: u16) -> Ipv4Addr {
    let [high, low] = number.to_be_bytes();
    Ipv4Addr::new(127, 1 + high, low, 7)
}

/// Asserts that the peers belong to the crowd and that the client is not among them.
fn assert_of_the_crowd(peers: &[SocketAddr], asking: SocketAddr) {
    for peer in peers {
        let IpAddr::V4(ip) = peer.ip() else { panic!("{peer}") };
        let is_one = (0..SOURCES).any(|number| source(number) == ip);
        assert!(
            is_one && [HTTP_PORT, UDP_PORT].contains(&peer.port()) && *peer != asking,
            "{peer} for {asking}"
        );
    }
}

fn ask_over_udp(tracker: &Tracker) {
    let clients: Vec<Client> =
        (0..SOURCES).map(|number| Client::from(source(number), tracker.v4())).collect();
    for (number, client) in (0..).zip(&clients) {
        for torrent in torrents() {
            let found = client.announce(client.leecher(torrent, UDP_PORT));
            assert_of_the_crowd(&found.peers, (source(number), UDP_PORT).into());
        }
    }
}

fn ask_over_http(tracker: &Tracker) {
    let mut clients: Vec<HttpClient> =
        (0..SOURCES).map(|number| HttpClient::from(source(number), tracker.http_v4())).collect();
    for (number, client) in (0..).zip(&mut clients) {
        for torrent in torrents() {
            let found = client.get(&announce_target(torrent, HTTP_PORT, 1));
            assert_eq!(found.announced().external_ip, source(number));
            assert_of_the_crowd(&found.peers(), (source(number), HTTP_PORT).into());
        }
    }
}

#[test]
fn every_client_of_a_crowd_is_answered_and_counted_and_only_its_peers_remain() {
    // One connection per source at a time: a place that is not freed would be missing in the next wave.
    let launch = Launch::on_loopback().set("http.connections_per_prefix_max", "1");
    let tracker = launch.set("sources.allow", "[]").start();
    let (sources, announces) = (u64::from(SOURCES), u64::from(SOURCES) * u64::from(TORRENTS));
    for wave in 1..=u64::from(WAVES) {
        std::thread::scope(|scope| {
            scope.spawn(|| ask_over_udp(&tracker));
            scope.spawn(|| ask_over_http(&tracker));
        });
        tracker.wait_for_figures(&[
            ("udp_v4_connect_answered", wave * sources),
            ("udp_v4_announce_answered", wave * announces),
            ("udp_v4_received", wave * (sources + announces)),
            ("http_v4_announce_answered", wave * announces),
            ("http_connections", wave * sources),
            ("http_connections_open", 0),
            ("http_refused_prefix", 0),
            // Over both protocols.
            ("leechers_v4", 2 * announces),
            ("swarms_v4", u64::from(TORRENTS)),
        ]);
    }
    assert_eq!(tracker.stop().code, Some(0));
}
