use super::{TORRENT, tracker};
use engine::InvalidConnectionId;
use metrics::{DropReason, ErrorReason, Outcome};
use primitives::{AddressFamily, RequestKind};
use ringtrack_tests::client::{Answer, Client, TRANSACTION};
use ringtrack_tests::simulator::{Simulator, SimulatorSettings};
use udp_protocol::{ConnectRequest, ConnectionId};
use zerocopy::IntoBytes;

/// The two requests that need a connection id, the shortest of their kind, with the kind that counts them.
fn requests(client: &Client) -> [(RequestKind, Vec<u8>); 2] {
    [
        (RequestKind::Announce, client.leeching(TORRENT).as_bytes().to_vec()),
        (RequestKind::Scrape, client.scraping(&[TORRENT])),
    ]
}

fn assert_refused(tracker: &mut Simulator, client: &Client, text: &str, reason: ErrorReason) {
    for (kind, request) in requests(client) {
        let outcome = Outcome::Error(reason);
        let family = AddressFamily::of(client.source.ip());
        let before = tracker.statistics().outcomes(family, kind, outcome);
        let reply = client.send_raw(tracker, &request).expect("an error");
        assert_eq!(Answer::read(client.source, &reply.bytes), Answer::Error(text.to_owned()), "{kind:?}");
        assert!(reply.bytes.len() <= request.len(), "{kind:?}: the error is no longer than the request");
        assert_eq!(tracker.statistics().outcomes(family, kind, outcome), before + 1);
    }
    assert_no_peer_is_known(tracker);
}

fn assert_no_peer_is_known(tracker: &mut Simulator) {
    let client = Client::connected(tracker, "198.51.100.99:6881");
    assert_eq!(client.scrape(tracker, &[TORRENT])[0].leechers, 0, "a refused announce changes nothing");
}

fn assert_accepted(tracker: &mut Simulator, client: &Client) {
    for (kind, request) in requests(client) {
        let answer = client.send(tracker, &request).expect("an answer");
        assert!(matches!(answer, Answer::Announced(_) | Answer::Scraped(_)), "{kind:?}: {answer:?}");
    }
}

#[test]
fn a_connect_is_answered_with_16_bytes() {
    let mut tracker = tracker();
    let client = Client::stranger("192.0.2.1:6881");
    let reply = client.send_raw(&mut tracker, ConnectRequest::new(TRANSACTION).as_bytes()).unwrap();
    assert_eq!(reply.bytes.len(), 16);
    assert_eq!(reply.bytes[..8], [0, 0, 0, 0, 0xa1, 0xb2, 0xc3, 0xd4]);
    let counted = tracker.statistics().outcomes(AddressFamily::V4, RequestKind::Connect, Outcome::Answered);
    assert_eq!(counted, 1);
}

#[test]
fn a_connection_id_expires_two_lifetimes_after_its_epoch_began() {
    let mut tracker = tracker();
    let client = Client::connected(&mut tracker, "192.0.2.1:6881");
    assert_accepted(&mut tracker, &client);
    tracker.pass(239);
    assert_accepted(&mut tracker, &client);
    let fresh = Client::connected(&mut tracker, "192.0.2.1:6881");
    let goodbye = client.leeching(TORRENT).with_event(primitives::AnnounceEvent::Stopped);
    client.announce(&mut tracker, &goodbye);
    tracker.pass(1);
    assert_refused(&mut tracker, &client, "connection id expired", ErrorReason::ConnectionIdExpired);
    assert_accepted(&mut tracker, &fresh);
}

#[test]
fn a_connection_id_that_was_never_issued_is_refused_as_wrong() {
    let mut tracker = tracker();
    let wrong = ErrorReason::ConnectionIdWrong;
    for source in ["192.0.2.1:6881", "[2001:db8::1]:6881"] {
        let mut client = Client::stranger(source);
        assert_refused(&mut tracker, &client, "connection id mismatch", wrong);
        client.connection_id = ConnectionId([0xff; 8]);
        assert_refused(&mut tracker, &client, "connection id mismatch", wrong);
    }
}

#[test]
fn a_connection_id_of_another_address_is_refused_but_one_of_another_port_is_accepted() {
    let mut tracker = tracker();
    let owner = Client::connected(&mut tracker, "192.0.2.1:6881");
    for source in ["192.0.2.2:6881", "[2001:db8::1]:6881", "[::192.0.2.1]:6881"] {
        let mut thief = Client::stranger(source);
        thief.connection_id = owner.connection_id;
        let wrong = ErrorReason::ConnectionIdWrong;
        assert_refused(&mut tracker, &thief, "connection id mismatch", wrong);
    }
    let mut other_port = Client::stranger("192.0.2.1:50000");
    other_port.connection_id = owner.connection_id;
    assert_accepted(&mut tracker, &other_port);
}

#[test]
fn requests_with_invalid_connection_ids_are_ignored_if_configured() {
    let mut settings = SimulatorSettings::default();
    settings.engine.invalid_connection_id = InvalidConnectionId::Drop;
    let mut tracker = Simulator::new(&settings);
    let late = Client::connected(&mut tracker, "192.0.2.1:6881");
    tracker.pass(240);
    for client in [late, Client::stranger("192.0.2.2:6881")] {
        for (kind, request) in requests(&client) {
            assert_eq!(client.send_raw(&mut tracker, &request), None, "{kind:?}");
        }
    }
    let silenced = Outcome::Dropped(DropReason::ConnectionIdSilenced);
    for kind in [RequestKind::Announce, RequestKind::Scrape] {
        assert_eq!(tracker.statistics().outcomes(AddressFamily::V4, kind, silenced), 2, "{kind:?}");
    }
    assert_no_peer_is_known(&mut tracker);
}

#[test]
fn any_core_accepts_connection_ids_of_any_other_core() {
    let mut tracker = Simulator::new(&SimulatorSettings::with_shards(8));
    let client = Client::connected(&mut tracker, "192.0.2.1:6881");
    for number in 0..64 {
        client.announce(&mut tracker, &client.leeching(primitives::InfoHash([number; 20])));
    }
    assert_eq!(tracker.statistics().errors(), 0);
}

#[test]
fn a_wall_clock_step_of_at_most_one_lifetime_keeps_connection_ids_valid() {
    for step_s in [-120, -1, 1, 120] {
        let mut tracker = tracker();
        let client = Client::connected(&mut tracker, "192.0.2.1:6881");
        tracker.step_wall_clock(step_s);
        assert_accepted(&mut tracker, &client);
    }
}

#[test]
fn peers_expire_by_elapsed_time_whatever_the_wall_clock_shows() {
    for step_s in [-86_400, 86_400, i64::MIN] {
        let mut tracker = tracker();
        let client = Client::connected(&mut tracker, "192.0.2.1:6881");
        client.announce(&mut tracker, &client.leeching(TORRENT));
        tracker.step_wall_clock(step_s);
        let again = Client::connected(&mut tracker, "192.0.2.1:6881");
        for (seconds, leechers) in [(2600, 1), (104, 0)] {
            tracker.pass(seconds);
            tracker.expire();
            let fresh = Client::connected(&mut tracker, "192.0.2.1:6881");
            assert_eq!(fresh.scrape(&mut tracker, &[TORRENT])[0].leechers, leechers, "{step_s}");
        }
        assert_refused(&mut tracker, &again, "connection id expired", ErrorReason::ConnectionIdExpired);
    }
}
