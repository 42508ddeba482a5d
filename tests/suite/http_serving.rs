//! The running tracker as HTTP clients see it.

use std::net::{Ipv4Addr, SocketAddr};

use primitives::InfoHash;

use crate::http_client::{HttpClient, announce_target, scrape_target};
use crate::tracker::Launch;
use crate::udp_client::Client;

const TORRENT: InfoHash = InfoHash([7; 20]);

#[test]
fn a_peer_that_announced_over_udp_is_found_over_http_and_vice_versa() {
    let tracker = Launch::on_loopback().start();
    let udp = Client::new(tracker.v4());
    udp.announce(udp.leecher(TORRENT, 1001));
    let mut http = HttpClient::new(tracker.http_v4());
    let answer = http.get(&announce_target(TORRENT, 1002, 0));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.peers(), [SocketAddr::from((Ipv4Addr::LOCALHOST, 1001))]);
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1002));
    let found = udp.announce(udp.leecher(TORRENT, 1001));
    assert_eq!((found.seeders, found.leechers, found.peers), (1, 1, vec![peer]));
    let counts = "8:completei1e10:downloadedi0e10:incompletei1e";
    assert!(http.get(&scrape_target(&[TORRENT])).text().contains(counts));
}

#[test]
fn an_ipv6_client_is_served_over_http_and_its_address_is_in_the_answer() {
    let tracker = Launch::on_loopback().start();
    let mut http = HttpClient::new(tracker.http_v6());
    let text = http.get(&announce_target(TORRENT, 1002, 0)).text();
    assert!(
        text.contains(r"11:external ip16:\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"),
        "{text}"
    );
}

#[test]
fn torrents_of_all_cores_are_served_on_every_connection() {
    let tracker = Launch::on_loopback().start();
    let torrents: Vec<InfoHash> = (0..64).map(|number| InfoHash([number; 20])).collect();
    for _ in 0..4 {
        let mut http = HttpClient::new(tracker.http_v4());
        for &torrent in &torrents {
            assert_eq!(http.get(&announce_target(torrent, 1003, 0)).status, 200);
        }
        let text = http.get(&scrape_target(&torrents)).text();
        assert_eq!(text.matches("8:completei1e").count(), 64, "{text}");
    }
    let ended = tracker.stop();
    assert_eq!(ended.figures().get("http_v4_announce_answered"), 256);
    assert_eq!(ended.figures().get("http_v4_scrape_answered"), 4);
}

#[test]
fn a_refused_request_gets_a_status_and_nothing_after_it_is_served() {
    let tracker = Launch::on_loopback().start();
    let mut http = HttpClient::new(tracker.http_v4());
    http.send(b"GET / HTTP/3.7\r\n\r\nGET /health_check HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(http.answer().status, 505);
    assert_eq!(http.rest(), b"");
}
