//! The datagrams of one batch are processed one after the other, as if each had arrived alone.

use super::{TORRENT, tracker};
use primitives::{AnnounceEvent, InfoHash};
use ringtrack_tests::client::{Announced, Answer, Client};
use ringtrack_tests::simulator::{Datagram, Simulator};
use udp_protocol::AnnounceRequest;
use zerocopy::IntoBytes;

const OTHER: InfoHash = InfoHash([0x0e; 20]);

/// The answers to announces that arrive together.
fn announce_together(tracker: &mut Simulator, requests: &[(Client, AnnounceRequest)]) -> Vec<Announced> {
    let datagrams: Vec<Datagram> = requests
        .iter()
        .map(|(client, request)| Datagram::steered(client.source, request.as_bytes()))
        .collect();
    let replies = tracker.exchange(&datagrams);
    let read = |(source, bytes): (_, &[u8])| match Answer::read(source, bytes) {
        Answer::Announced(announced) => announced,
        other => panic!("an announce is answered with peers, not {other:?}"),
    };
    replies.iter().map(|reply| read((reply.destination, &reply.bytes))).collect()
}

#[test]
fn the_second_announce_of_a_batch_sees_the_peer_of_the_first() {
    let mut tracker = tracker();
    let [one, two] = ["192.0.2.1:1001", "192.0.2.2:1002"].map(|at| Client::connected(&mut tracker, at));
    let requests = [(one, one.leeching(TORRENT)), (two, two.leeching(TORRENT))];
    let announced = announce_together(&mut tracker, &requests);
    assert_eq!(announced[0].peers, []);
    assert_eq!(announced[1].peers, [one.source]);
}

#[test]
fn a_torrent_that_ends_within_a_batch_is_not_confused_with_the_one_that_reuses_its_slot() {
    let mut tracker = tracker();
    for address in ["192.0.2.1:1001", "[2001:db8::1]:1001"] {
        let one = Client::connected(&mut tracker, address);
        one.announce(&mut tracker, &one.leeching(TORRENT));
        let requests = [
            (one, one.leeching(TORRENT).with_event(AnnounceEvent::Stopped)),
            (one, one.leeching(OTHER).with_port(1002)),
            (one, one.leeching(TORRENT).with_port(1003)),
            (one, one.leeching(OTHER).with_port(1004)),
        ];
        let announced = announce_together(&mut tracker, &requests);
        let ports = |announced: &Announced| -> Vec<u16> {
            announced.peers.iter().map(core::net::SocketAddr::port).collect()
        };
        assert_eq!(announced.iter().map(ports).collect::<Vec<_>>(), [vec![], vec![], vec![], vec![1002]]);
        let counts = one.scrape(&mut tracker, &[TORRENT, OTHER]);
        assert_eq!(counts.iter().map(|counts| counts.leechers).collect::<Vec<_>>(), [1, 2]);
    }
}

#[test]
fn more_datagrams_than_one_batch_holds_are_all_answered() {
    let mut tracker = tracker();
    let client = Client::connected(&mut tracker, "192.0.2.1:1001");
    let requests: Vec<_> = (1..=600).map(|port| (client, client.leeching(TORRENT).with_port(port))).collect();
    let announced = announce_together(&mut tracker, &requests);
    assert_eq!(announced.len(), 600);
    assert_eq!(announced[599].leechers, 600);
}
