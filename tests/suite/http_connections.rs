//! Connections whose bytes arrive or leave in unusual ways.

use core_loop::connection::{Buffers, End, WaitsFor};
use primitives::InfoHash;
use ringtrack_tests::http_client::{HttpAnswer, announce_target, request};
use ringtrack_tests::http_server::{Connected, ConnectionState, Troubles};
use ringtrack_tests::simulator::{Begun, Simulator, SimulatorSettings};
use ringtrack_tests::tls_client;
use rustls::ClientConnection;
use std::io::Write;
use tls::ServerIdentity;

struct Scene {
    tracker: Simulator,
    buffers: Buffers,
    connected: Connected,
}

impl Scene {
    fn new(identity: Option<&ServerIdentity>) -> Self {
        Self::at(Simulator::new(&SimulatorSettings::default()), identity)
    }

    fn at(mut tracker: Simulator, identity: Option<&ServerIdentity>) -> Self {
        let remote = [192, 0, 2, 1].into();
        let mut connected = Connected::new(&mut tracker, 0, remote, identity, Troubles::default());
        connected.wire.room = usize::MAX;
        Self { tracker, buffers: Buffers::new(), connected }
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.connected.wire.arrived.extend(bytes);
        self.connected.note_readable(&mut self.tracker, &mut self.buffers);
    }

    /// Exchanges flights until the client has nothing left to send.
    fn exchange(&mut self, client: &mut ClientConnection) {
        while client.wants_write() {
            let mut flight = Vec::new();
            client.write_tls(&mut flight).expect("writing to memory succeeds");
            self.receive(&flight);
            let sent = std::mem::take(&mut self.connected.wire.sent);
            client.read_tls(&mut sent.as_slice()).expect("reading from memory succeeds");
            client.process_new_packets().expect("the server speaks TLS");
        }
    }
}

/// More bytes of requests than any buffer holds.
fn many_requests() -> Vec<u8> {
    request("/health_check", "").repeat(5000)
}

#[test]
fn a_connection_reads_pipelined_requests_in_pieces_of_16_kib() {
    let mut scene = Scene::new(None);
    scene.connected.wire.arrived.extend(many_requests());
    let before = scene.connected.wire.arrived.len();
    scene.connected.take_turn(&mut scene.tracker, &mut scene.buffers);
    assert_eq!(scene.connected.state, ConnectionState::Again);
    assert_eq!(before - scene.connected.wire.arrived.len(), 16_384);
    assert!(scene.connected.held_bytes() <= 16_384);
    assert_eq!(
        scene.tracker.statistics().http_requests(),
        7,
        "a turn has eight steps, and the read is one of them"
    );
}

#[test]
fn pipelining_over_tls_does_not_enlarge_the_reads_of_other_connections() {
    let mut scene = Scene::new(Some(tls_client::identity()));
    let mut client = tls_client::client(1);
    client.set_buffer_limit(None);
    scene.exchange(&mut client);
    client.writer().write_all(&many_requests()).expect("there is no limit");
    let mut flight = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut flight).expect("writing to memory succeeds");
    }
    scene.receive(&flight);
    let mut other = Scene::new(None);
    other.buffers = scene.buffers;
    other.connected.wire.arrived.extend(many_requests());
    other.connected.take_turn(&mut other.tracker, &mut other.buffers);
    assert!(other.connected.held_bytes() <= 16_384, "{}", other.connected.held_bytes());
}

#[test]
fn bytes_after_a_refused_request_are_read_at_once() {
    let mut scene = Scene::new(None);
    let refused = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";
    scene.receive(&[refused.as_slice(), &[b'x'; 100_000]].concat());
    assert_eq!(scene.connected.state, ConnectionState::Waits(WaitsFor::Close));
    assert!(
        scene.connected.wire.arrived.is_empty(),
        "the kernel resets a connection that is closed with unread bytes"
    );
    assert_eq!(HttpAnswer::read(&scene.connected.wire.sent).status, 405);
    assert!(scene.connected.wire.has_ended);
    scene.connected.hang_up(&mut scene.tracker, &mut scene.buffers);
    assert_eq!(scene.connected.state, ConnectionState::Ended(End::AfterAnswer));
}

#[test]
fn a_client_that_sends_256_kib_after_a_refused_request_is_closed() {
    let mut scene = Scene::new(None);
    scene.receive(b"POST / HTTP/1.1\r\n\r\n");
    for _ in 0..15 {
        scene.receive(&[b'x'; 16_384]);
        assert_eq!(scene.connected.state, ConnectionState::Waits(WaitsFor::Close));
    }
    scene.receive(&[b'x'; 16_384]);
    assert_eq!(scene.connected.state, ConnectionState::Ended(End::AfterAnswer));
}

#[test]
fn a_client_that_closes_after_a_refused_request_is_not_waited_for() {
    let mut scene = Scene::new(None);
    scene.connected.wire.arrived.extend(b"POST / HTTP/1.1\r\n\r\n");
    scene.connected.hang_up(&mut scene.tracker, &mut scene.buffers);
    assert_eq!(scene.connected.state, ConnectionState::Ended(End::AfterAnswer));
}

#[test]
fn a_request_over_tls_begins_with_the_first_byte_of_its_record() {
    let mut scene = Scene::new(Some(tls_client::identity()));
    let mut client = tls_client::client(1);
    scene.exchange(&mut client);
    client.writer().write_all(&request("/health_check", "")).expect("it fits");
    scene.exchange(&mut client);
    assert_eq!(scene.connected.state, ConnectionState::Waits(WaitsFor::NextRequest));
    client.writer().write_all(&request("/health_check", "")).expect("it fits");
    let mut flight = Vec::new();
    client.write_tls(&mut flight).expect("writing to memory succeeds");
    for byte in &flight[..flight.len() - 1] {
        scene.receive(&[*byte]);
        assert_eq!(scene.connected.state, ConnectionState::Waits(WaitsFor::Request));
    }
    scene.receive(&flight[flight.len() - 1..]);
    assert_eq!(scene.connected.state, ConnectionState::Waits(WaitsFor::NextRequest));
}

#[test]
fn a_connection_with_a_tls_error_ends_whether_or_not_the_alert_can_be_sent() {
    for room in [0, 1, usize::MAX] {
        let mut scene = Scene::new(Some(tls_client::identity()));
        scene.connected.wire.room = room;
        scene.receive(b"GET / HTTP/1.1\r\n\r\n");
        assert_eq!(scene.connected.state, ConnectionState::Ended(End::Tls), "{room}");
    }
}

#[test]
fn a_request_to_a_busy_owner_waits_and_is_answered_as_busy_only_after_the_time_limit() {
    let mut tracker = Simulator::new(&SimulatorSettings::with_shards(2));
    let mut torrents = (0..=u8::MAX).map(|number| InfoHash([number; 20]));
    let torrent = torrents.find(|torrent| tracker.owner(torrent) == 1).expect("one in two");
    let announce = request(&announce_target(torrent, 1001, ""), "");
    let keep_busy = |tracker: &mut Simulator| {
        for _ in 0..256 {
            let mut line = tracker.accept(0, [192, 0, 2, 2].into());
            assert!(matches!(tracker.begin(&mut line, &announce), Begun::Underway(_)));
        }
    };
    keep_busy(&mut tracker);
    let mut scene = Scene::at(tracker, None);
    scene.receive(&[announce.as_slice(), &request("/health_check", "")].concat());
    assert_eq!(scene.connected.state, ConnectionState::Waits(WaitsFor::OwnerBusy));
    scene.tracker.finish_routed_requests();
    scene.connected.advance(&mut scene.tracker, &mut scene.buffers);
    assert_eq!(scene.connected.state, ConnectionState::Waits(WaitsFor::RoutedRequest));
    scene.connected.bring_back(&mut scene.tracker, &mut scene.buffers);
    assert_eq!(scene.connected.state, ConnectionState::Waits(WaitsFor::NextRequest));
    let sent = std::mem::take(&mut scene.connected.wire.sent);
    let (first, _) = HttpAnswer::read_first(&sent).expect("an answer");
    assert_eq!(first.failure(), None);
    assert!(sent.ends_with(br#"{"status":"Ok"}"#), "the request after it is answered too");

    keep_busy(&mut scene.tracker);
    scene.receive(&announce);
    assert_eq!(scene.connected.state, ConnectionState::Waits(WaitsFor::OwnerBusy));
    assert_eq!(scene.connected.wire.sent, b"");
    scene.connected.stop_waiting(&mut scene.tracker, &mut scene.buffers);
    assert_eq!(scene.connected.state, ConnectionState::Waits(WaitsFor::NextRequest));
    let failure = HttpAnswer::read(&scene.connected.wire.sent).failure();
    assert_eq!(failure.map(|(reason, _)| reason).as_deref(), Some("the tracker is busy"));
}
