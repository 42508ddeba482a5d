use super::{TORRENT, tracker};
use metrics::{DropReason, ErrorReason, Outcome};
use primitives::{AddressFamily, RequestKind};
use ringtrack_tests::client::{Answer, Client, TRANSACTION};
use udp_protocol::ConnectRequest;
use zerocopy::IntoBytes;

/// Asserts that `bytes` from a client of each family are dropped and counted under this kind and reason.
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
fn a_truncated_request_is_dropped_and_counted_by_its_kind() {
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

/// A datagram of this length with an action that BEP 15 does not define; 4 was an announce in a draft for IPv6.
fn unknown(client: &Client, action: u32, bytes: usize) -> Vec<u8> {
    let mut datagram = announce(client);
    datagram[8..12].copy_from_slice(&action.to_be_bytes());
    datagram.resize(bytes, 0);
    datagram
}

const UNKNOWN_ACTIONS: [u32; 4] = [3, 4, 256, u32::MAX];

#[test]
fn an_unknown_action_from_an_unproved_source_is_dropped() {
    for action in UNKNOWN_ACTIONS {
        for bytes in [16, 98, 110] {
            let without =
                |client: &Client| unknown(&Client::stranger(&client.source.to_string()), action, bytes);
            assert_dropped(without, 6881, RequestKind::Unknown, DropReason::UnknownAction);
            let proved = |client: &Client| unknown(client, action, bytes);
            assert_dropped(proved, 0, RequestKind::Unknown, DropReason::UnknownAction);
        }
    }
}

#[test]
fn an_unknown_action_with_a_connection_id_is_answered_with_an_error_no_longer_than_itself() {
    for (action, source) in UNKNOWN_ACTIONS
        .into_iter()
        .flat_map(|action| ["192.0.2.1:6881", "[2001:db8::1]:6881"].map(|source| (action, source)))
    {
        for (bytes, text) in
            [(16, "unknown "), (17, "unknown a"), (22, "unknown action"), (110, "unknown action")]
        {
            let mut tracker = tracker();
            let client = Client::connected(&mut tracker, source);
            let reply = client.send_raw(&mut tracker, &unknown(&client, action, bytes)).expect("an error");
            assert_eq!(Answer::read(client.source, &reply.bytes), Answer::Error(text.to_owned()));
            assert_eq!(reply.bytes[4..8], TRANSACTION.0);
            let (family, statistics) = (AddressFamily::of(client.source.ip()), tracker.statistics());
            let told = Outcome::Error(ErrorReason::UnknownAction);
            assert_eq!(statistics.outcomes(family, RequestKind::Unknown, told), 1);
            assert_eq!((statistics.received(family), statistics.decided(family)), (2, 2));
        }
    }
}

#[test]
fn an_unknown_action_with_an_expired_connection_id_is_dropped() {
    let mut tracker = tracker();
    let client = Client::connected(&mut tracker, "192.0.2.1:6881");
    tracker.pass(240);
    assert_eq!(client.send_raw(&mut tracker, &unknown(&client, 4, 110)), None);
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
