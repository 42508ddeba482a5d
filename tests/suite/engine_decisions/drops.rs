use super::{TORRENT, tracker};
use primitives::{AddressFamily, DropReason, Outcome, RequestKind};
use ringtrack_tests::client::{Client, TRANSACTION};
use udp_protocol::ConnectRequest;
use zerocopy::IntoBytes;

/// Sends `bytes` from a client in each family; they have to be dropped and counted so.
fn assert_dropped(bytes: impl Fn(&Client) -> Vec<u8>, port: u16, kind: RequestKind, reason: DropReason) {
    for host in ["192.0.2.1", "[2001:db8::1]"] {
        let mut tracker = tracker();
        let mut client = Client::connected(&mut tracker, &format!("{host}:6881"));
        client.source.set_port(port);
        let bytes = bytes(&client);
        assert_eq!(client.send_raw(&mut tracker, &bytes), None, "{bytes:02x?}");
        let (family, statistics) = (AddressFamily::of(client.source.ip()), tracker.statistics());
        assert_eq!(statistics.outcomes(family, kind, Outcome::Dropped(reason)), 1, "{bytes:02x?}");
        assert_eq!((statistics.received(family), statistics.decided(family)), (2, 2));
        assert_eq!(statistics.dropped(), 1);
    }
}

fn connect() -> Vec<u8> {
    ConnectRequest::new(TRANSACTION).as_bytes().to_vec()
}

fn announce(client: &Client) -> Vec<u8> {
    client.leeching(TORRENT).as_bytes().to_vec()
}

#[test]
fn what_is_shorter_than_its_request_is_dropped_and_counted_by_its_kind() {
    let too_short = DropReason::TooShort;
    for length in 0..16 {
        assert_dropped(|_| connect()[..length].to_vec(), 6881, RequestKind::Unknown, too_short);
    }
    for length in [16, 97] {
        assert_dropped(|client| announce(client)[..length].to_vec(), 6881, RequestKind::Announce, too_short);
    }
    for length in [16, 35] {
        let scrape = |client: &Client| client.scraping(&[TORRENT])[..length].to_vec();
        assert_dropped(scrape, 6881, RequestKind::Scrape, too_short);
    }
}

#[test]
fn a_connect_without_the_protocol_id_is_dropped() {
    let wrong = |_: &Client| [&[0; 8], &connect()[8..]].concat();
    assert_dropped(wrong, 6881, RequestKind::Connect, DropReason::WrongProtocolId);
}

#[test]
fn an_action_that_no_client_sends_is_dropped() {
    for action in [3_u32, 4, 256, u32::MAX] {
        let unknown = |client: &Client| {
            let mut bytes = announce(client);
            bytes[8..12].copy_from_slice(&action.to_be_bytes());
            bytes
        };
        assert_dropped(unknown, 6881, RequestKind::Unknown, DropReason::UnknownAction);
    }
}

#[test]
fn a_request_from_port_0_is_dropped_whatever_it_asks_for() {
    let port_zero = DropReason::SourcePortZero;
    assert_dropped(|_| connect(), 0, RequestKind::Connect, port_zero);
    assert_dropped(
        |client| client.leeching(TORRENT).with_port(6881).as_bytes().to_vec(),
        0,
        RequestKind::Announce,
        port_zero,
    );
    assert_dropped(|client| client.scraping(&[TORRENT]), 0, RequestKind::Scrape, port_zero);
}

#[test]
fn bytes_behind_a_connect_are_tolerated() {
    let mut tracker = tracker();
    let client = Client::stranger("192.0.2.1:6881");
    let reply = client.send_raw(&mut tracker, &[&connect()[..], &[0xff; 200]].concat()).unwrap();
    assert_eq!(reply.bytes.len(), 16);
}
