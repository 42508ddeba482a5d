//! Pipelined and half-closed connections to the running tracker, and the configured answers.

use std::net::{Ipv4Addr, SocketAddr};

use primitives::InfoHash;

use crate::http_client::{HttpClient, announce_target, get_request, scrape_target};
use crate::tracker::Launch;

const TORRENT: InfoHash = InfoHash([7; 20]);
const HEALTH: &str = "/health_check";

#[test]
fn a_connection_is_closed_after_the_answer_if_its_client_asks_for_that() {
    let tracker = Launch::on_loopback().start();
    let mut client = HttpClient::new(tracker.http_v4());
    client.send(b"GET /health_check HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
    let answer = client.answer();
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    client.assert_closed();
    tracker.wait_for_figures(&[("http_closed_after_answer", 1), ("http_connections_open", 0)]);
}

#[test]
fn hundreds_of_requests_in_one_write_are_answered_in_order() {
    const REQUESTS: u16 = 600;
    let tracker = Launch::on_loopback().start();
    // Answers to scrapes name their torrents, which belong to different cores. Announces are in between.
    let torrent = |number: u16| InfoHash([number.to_be_bytes(); 10].concat().try_into().unwrap());
    let requests: String = (0..REQUESTS)
        .map(|number| match number % 3 {
            0 => get_request(&announce_target(torrent(number), 1001, 1)),
            1 => get_request(HEALTH),
            _ => get_request(&scrape_target(&[torrent(number)])),
        })
        .collect();
    let mut client = HttpClient::new(tracker.http_v4());
    client.send(requests.as_bytes());
    for number in 0..REQUESTS {
        let answer = client.answer();
        match number % 3 {
            0 => assert_eq!(answer.peers(), [], "{number}"),
            1 => assert_eq!(answer.body, br#"{"status":"Ok"}"#, "{number}"),
            _ => assert!(
                answer.body.starts_with(&[b"d5:filesd20:", &torrent(number).0[..]].concat()),
                "{number}"
            ),
        }
    }
    let figures = tracker.stop().figures();
    assert!(figures.get("http_errands") > 100, "torrents of both cores");
    assert_eq!(figures.get("http_v4_announce_answered"), 200);
    assert_eq!(figures.get("http_v4_scrape_answered"), 200);
}

#[test]
fn a_client_that_has_shut_down_its_sending_side_still_gets_its_answers() {
    let tracker = Launch::on_loopback().start();
    // Torrents of both cores: some answers come from the other core after the end was received.
    for number in 0..16 {
        let mut client = HttpClient::new(tracker.http_v4());
        let announce = get_request(&announce_target(InfoHash([number; 20]), 1001, 1));
        client.send(announce.repeat(3).as_bytes());
        client.end_sending();
        for _ in 0..3 {
            assert_eq!(client.answer().status, 200);
        }
        client.assert_closed();
    }
    tracker.wait_for_figures(&[("http_closed_by_client", 16), ("http_connections_open", 0)]);
    assert!(tracker.stop().figures().get("http_errands") > 0);
}

#[test]
fn a_client_gets_as_many_peers_as_it_requests_within_the_configured_limit() {
    let tracker =
        Launch::on_loopback().set("announce.numwant_max", "40").set("announce.numwant_default", "30");
    let tracker = tracker.start();
    let mut client = HttpClient::new(tracker.http_v4());
    for port in 1001..=1060 {
        client.get(&announce_target(TORRENT, port, 1));
    }
    let target = announce_target(TORRENT, 2000, 1);
    for (wanted, given) in
        [("", 30), ("&numwant=5", 5), ("&numwant=0", 0), ("&numwant=200", 40), ("&numwant=-1", 30)]
    {
        assert_eq!(client.get(&format!("{target}{wanted}")).peers().len(), given, "{wanted}");
    }
}

#[test]
fn a_client_of_a_configured_network_names_its_address() {
    let tracker = Launch::on_loopback().set("http.named_addresses_from", r#"["127.0.0.2/32"]"#).start();
    let mut stranger = HttpClient::new(tracker.http_v4());
    let mut neighbour = HttpClient::from(Ipv4Addr::new(127, 0, 0, 2), tracker.http_v4());
    stranger.get(&format!("{}&ip=192.0.2.1", announce_target(TORRENT, 1001, 1)));
    let named = format!("{}&ip=192.0.2.7", announce_target(TORRENT, 1002, 1));
    assert_eq!(neighbour.get(&named).peers(), [SocketAddr::from((Ipv4Addr::LOCALHOST, 1001))]);
    let found = stranger.get(&announce_target(TORRENT, 1001, 1)).peers();
    assert_eq!(found, [SocketAddr::from((Ipv4Addr::new(192, 0, 2, 7), 1002))]);
}
