use crate::endpoint::{Endpoint, Note, TorrentCounts, TrackerClient};
use crate::error::TrackerError;
use crate::limits::RETRANSMIT_AFTER;
use crate::{Announce, Families, TrackerUrl, tls_config};
use primitives::{AnnounceEvent, InfoHash, PeerId};
use rustls::RootCertStore;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::timeout;

const ANNOUNCE: Announce = Announce {
    info_hash: InfoHash([7; 20]),
    peer_id: PeerId([b'x'; 20]),
    port: 6881,
    event: AnnounceEvent::None,
    left: 1,
    uploaded: 0,
    downloaded: 0,
    numwant: None,
    key: 1,
    ip: None,
};

/// The action of a response, and its bytes after the transaction id.
type Response = (u8, &'static [u8]);

const CONNECTED: Response = (0, &[9; 8]);
const NOT_BEP_15: TrackerError = TrackerError::Malformed("the datagram is not a response of BEP 15");
const WRONG_ACTION: TrackerError = TrackerError::Malformed("the response is to another request");

/// A tracker with these responses, one after another.
async fn endpoint(responses: &[Response]) -> Endpoint {
    endpoint_that_repeats(responses, 1).await
}

/// A tracker that sends each response as often as this.
async fn endpoint_that_repeats(responses: &[Response], copies: usize) -> Endpoint {
    let responses = responses.to_vec();
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        for (action, rest) in responses {
            let mut datagram = [0; 2048];
            let (_, client) = socket.recv_from(&mut datagram).await.unwrap();
            let response = [&[0, 0, 0, action], &datagram[12..16], rest].concat();
            for _ in 0..copies {
                socket.send_to(&response, client).await.unwrap();
            }
        }
    });
    let url = TrackerUrl::parse(&format!("udp://{address}")).unwrap();
    let tls = Arc::new(tls_config(RootCertStore::empty()));
    TrackerClient::new(tls, Families::Both, Duration::from_secs(10)).endpoint(&url, address).unwrap()
}

#[tokio::test]
async fn hostile_responses_to_an_announce_are_errors() {
    let cases: [(&[Response], TrackerError); 7] = [
        (&[(0, &[9; 7])], NOT_BEP_15),
        (&[(9, &[9; 8])], NOT_BEP_15),
        (&[(1, &[0; 12])], WRONG_ACTION),
        (&[(3, b"not\x1b here")], TrackerError::Refused { reason: "not  here".to_owned(), retry: None }),
        (&[CONNECTED, CONNECTED], WRONG_ACTION),
        (&[CONNECTED, (1, &[0; 11])], NOT_BEP_15),
        (&[CONNECTED, (2, &[0; 12])], WRONG_ACTION),
    ];
    for (responses, error) in cases {
        assert_eq!(endpoint(responses).await.announce(&ANNOUNCE).await, Err(error), "{responses:?}");
    }
}

#[tokio::test]
async fn a_partial_peer_is_noted() {
    let answer = endpoint(&[CONNECTED, (1, &[0; 12 + 6 + 5])]).await.announce(&ANNOUNCE).await.unwrap();
    assert_eq!((answer.peers.len(), answer.notes), (1, vec![Note::PartialPeer]));
}

#[tokio::test]
async fn a_second_response_to_a_request_is_not_taken_for_one_with_another_transaction_id() {
    let repeating = endpoint_that_repeats(&[CONNECTED, (1, &[0; 12]), (1, &[0; 12])], 2).await;
    for _ in 0..2 {
        assert_eq!(repeating.announce(&ANNOUNCE).await.unwrap().notes, []);
    }
}

#[tokio::test]
async fn a_scrape_has_counts_as_far_as_they_arrive() {
    let hashes = [InfoHash([1; 20]), InfoHash([2; 20])];
    let one = &[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
    let scraped = endpoint(&[CONNECTED, (2, one)]).await.scrape(&hashes).await.unwrap();
    let counts: Vec<_> = scraped.torrents.iter().map(|torrent| torrent.counts).collect();
    assert_eq!(counts, [Some(TorrentCounts { seeders: 1, completed: 2, leechers: 3 }), None]);
    let cases: [(&[Response], TrackerError); 2] =
        [(&[CONNECTED, (2, &[0; 13])], NOT_BEP_15), (&[CONNECTED, (1, &[0; 12])], WRONG_ACTION)];
    for (responses, error) in cases {
        assert_eq!(endpoint(responses).await.scrape(&hashes).await, Err(error), "{responses:?}");
    }
}

#[tokio::test]
async fn a_dead_port_is_noticed_at_once() {
    let outcome = timeout(RETRANSMIT_AFTER, endpoint(&[]).await.announce(&ANNOUNCE)).await;
    assert!(matches!(outcome, Ok(Err(TrackerError::Connection(_)))), "{outcome:?}");
}
