//! Connections whose bytes arrive or leave in unusual ways.

use metrics::Counter;
use primitives::{CodedPage, StatisticsPages};
use ringtrack_tests::http_client::{HttpAnswer, request};
use ringtrack_tests::simulator::{Client, Simulator, SimulatorSettings};
use ringtrack_tests::tls_client::{self, flight};
use rustls::ClientConnection;
use std::io::Write;
use std::sync::Arc;

/// Room for all answers of a test.
const ROOM: usize = 1 << 20;

struct Scene {
    tracker: Simulator,
    client: Client,
}

impl Scene {
    fn new(client: Client) -> Self {
        let mut tracker = Simulator::new(&SimulatorSettings::default());
        let client = tracker.connect(0, client);
        tracker.run_until_idle();
        Self { tracker, client }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.client.send(bytes);
        self.tracker.run_until_idle();
    }

    /// Exchanges flights until the client has nothing left to send.
    fn exchange(&mut self, client: &mut ClientConnection) {
        while client.wants_write() {
            self.send(&flight(client));
            client.read_tls(&mut self.client.read().as_slice()).expect("reading from memory succeeds");
            client.process_new_packets().expect("the server speaks TLS");
        }
    }

    #[track_caller]
    fn assert_closed(&mut self, reason: Counter) {
        assert!(self.client.is_closed());
        assert_eq!(self.tracker.statistics().counter(reason), 1, "{reason:?}");
    }
}

/// More bytes of requests than any buffer holds.
fn many_requests() -> Vec<u8> {
    request("/health_check", "").repeat(5000)
}

/// Asserts that of requests whose answers have no room one read of 16 KiB is held.
#[track_caller]
fn assert_reads_16_kib(tracker: &mut Simulator) {
    let client = tracker.connect(0, Client::with_room(0));
    client.send(&many_requests());
    tracker.run_until_idle();
    assert_eq!(many_requests().len() - client.unread(), 16_384);
}

#[test]
fn a_connection_reads_pipelined_requests_in_pieces_of_16_kib() {
    let mut scene = Scene::new(Client::with_room(ROOM));
    assert_reads_16_kib(&mut scene.tracker);
    assert_eq!(
        scene.tracker.statistics().http_requests(),
        1,
        "no request is served before the last answer is sent"
    );
}

#[test]
fn connections_with_pipelined_requests_are_served_in_turns_of_eight_steps() {
    let mut scene = Scene::new(Client::with_room(ROOM));
    let other = scene.tracker.connect(0, Client::with_room(ROOM));
    scene.tracker.run_until_idle();
    for client in [&scene.client, &other] {
        client.send(&many_requests());
    }
    for _ in 0..5 {
        scene.tracker.step(0);
        let [one, another] = [&scene.client, &other]
            .map(|client| String::from_utf8_lossy(&client.read()).matches("200 OK").count());
        assert!(one > 8 && one.abs_diff(another) <= 8, "{one} and {another}");
    }
}

#[test]
fn pipelining_over_tls_does_not_enlarge_the_reads_of_other_connections() {
    let mut scene = Scene::new(Client::with_room(ROOM).over_tls());
    let mut client = tls_client::client(1);
    client.set_buffer_limit(None);
    scene.exchange(&mut client);
    client.writer().write_all(&many_requests()).expect("there is no limit");
    scene.send(&flight(&mut client));
    assert_reads_16_kib(&mut scene.tracker);
}

#[test]
fn bytes_after_a_refused_request_are_read_at_once() {
    let mut scene = Scene::new(Client::with_room(ROOM));
    let refused = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";
    scene.send(&[refused.as_slice(), &[b'x'; 100_000]].concat());
    assert_eq!(scene.client.unread(), 0, "the kernel resets a connection that is closed with unread bytes");
    assert_eq!(HttpAnswer::read(&scene.client.read()).status, 405);
    assert!(scene.client.has_seen_the_end() && !scene.client.is_closed());
    scene.client.end();
    scene.tracker.run_until_idle();
    scene.assert_closed(Counter::HttpClosedAfterAnswer);
}

#[test]
fn a_client_that_sends_256_kib_after_a_refused_request_is_closed() {
    let mut scene = Scene::new(Client::with_room(ROOM));
    scene.send(b"POST / HTTP/1.1\r\n\r\n");
    for _ in 0..15 {
        scene.send(&[b'x'; 16_384]);
        assert!(!scene.client.is_closed());
    }
    scene.send(&[b'x'; 16_384]);
    scene.assert_closed(Counter::HttpClosedAfterAnswer);
}

#[test]
fn a_client_that_closes_after_a_refused_request_is_not_waited_for() {
    let mut scene = Scene::new(Client::with_room(ROOM));
    scene.client.end();
    scene.send(b"POST / HTTP/1.1\r\n\r\n");
    scene.assert_closed(Counter::HttpClosedAfterAnswer);
}

#[test]
fn a_request_over_tls_begins_with_the_first_byte_of_its_record() {
    let mut scene = Scene::new(Client::with_room(ROOM).over_tls());
    let mut client = tls_client::client(1);
    scene.exchange(&mut client);
    client.writer().write_all(&request("/health_check", "")).expect("it fits");
    scene.exchange(&mut client);
    client.writer().write_all(&request("/health_check", "")).expect("it fits");
    for byte in flight(&mut client) {
        scene.send(&[byte]);
    }
    // A kept connection may be idle for a minute, but a request has ten seconds.
    scene.tracker.run_for_ms(20_000);
    assert!(!scene.client.is_closed());
    client.writer().write_all(&request("/health_check", "")).expect("it fits");
    scene.send(&flight(&mut client)[..1]);
    scene.tracker.run_for_ms(15_000);
    scene.assert_closed(Counter::HttpClosedSlowRequest);
}

#[test]
fn a_connection_with_a_tls_error_ends_whether_or_not_the_alert_can_be_sent() {
    for room in [0, 1, ROOM] {
        let mut scene = Scene::new(Client::with_room(room).over_tls());
        scene.send(b"GET / HTTP/1.1\r\n\r\n");
        scene.assert_closed(Counter::HttpClosedTls);
    }
}

/// Statistics that are longer than any buffer, and of another length in each coding.
fn long_statistics() -> StatisticsPages {
    let bytes = |length: u32| -> Arc<[u8]> { (0..length).flat_map(u32::to_be_bytes).collect() };
    let page = CodedPage { identity: bytes(60_000), gzip: bytes(20_000) };
    StatisticsPages { html: page.clone(), json: page, security_policy: "default-src 'none'" }
}

/// Returns what the client receives until nothing more comes. It has read all of it.
fn received(scene: &mut Scene) -> Vec<u8> {
    let mut received = Vec::new();
    loop {
        let before = received.len();
        scene.client.read_to(&mut received);
        scene.tracker.run_until_idle();
        if received.len() == before {
            return received;
        }
    }
}

#[test]
fn statistics_longer_than_all_buffers_reach_slow_clients_whole_and_later_requests_are_served() {
    let pages = long_statistics();
    for room in [700, 10_000, ROOM] {
        for (coding, body) in [("", &pages.html.identity), ("Accept-Encoding: gzip\r\n", &pages.html.gzip)] {
            let mut scene = Scene::new(Client::with_room(room));
            scene.tracker.context(0).service.set_statistics(Some(Arc::new(pages.clone())));
            let page = request("/stats", coding);
            let head = String::from_utf8(page.clone()).unwrap().replace("GET", "HEAD");
            scene.send(&[head.as_bytes(), &page, &request("/health_check", "")].concat());
            // The page is sent as it was when it was requested.
            scene.tracker.context(0).service.set_statistics(None);
            let received = received(&mut scene);
            let end = received.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
            let (answer, rest) = HttpAnswer::read_first(&received[end..]).expect("the page");
            assert!(answer.body == **body, "{room} {coding}");
            assert!(received[end..].starts_with(&received[..end]), "the head is that of the page");
            assert_eq!(HttpAnswer::read(rest).text(), r#"{\"status\":\"Ok\"}"#);
        }
    }
}

#[test]
fn statistics_for_http_1_0_end_with_the_connection_and_a_client_that_reads_nothing_is_closed() {
    let mut scene = Scene::new(Client::with_room(100_000));
    scene.tracker.context(0).service.set_statistics(Some(Arc::new(long_statistics())));
    scene.send(b"GET /stats.json HTTP/1.0\r\n\r\n");
    assert_eq!(HttpAnswer::read(&received(&mut scene)).body, *long_statistics().json.identity);
    assert!(scene.client.is_closed());
    let deaf = scene.tracker.connect(0, Client::with_room(100_000));
    deaf.send(b"GET /stats.json HTTP/1.0\r\n\r\n");
    scene.tracker.run_for_ms(30_000);
    assert!(deaf.is_closed());
    assert_eq!(scene.tracker.statistics().counter(Counter::HttpClosedSlowAnswer), 1);
}

#[test]
fn a_client_that_reads_statistics_slowly_has_one_deadline_for_all_of_them() {
    let mut scene = Scene::new(Client::with_room(4096));
    scene.tracker.context(0).service.set_statistics(Some(Arc::new(long_statistics())));
    scene.send(&request("/stats", ""));
    for _ in 0..22 {
        drop(scene.client.read());
        scene.tracker.run_for_ms(1000);
    }
    scene.assert_closed(Counter::HttpClosedSlowAnswer);
}
