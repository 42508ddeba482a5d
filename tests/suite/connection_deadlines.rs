//! How long a core waits for its HTTP clients, and they for another core.

use guard::Class;
use metrics::{Counter, HttpOutcome};
use primitives::{AddressFamily, InfoHash};
use ringtrack_tests::http_client::{HttpAnswer, announce_target, request};
use ringtrack_tests::simulator::{Client, Simulator, SimulatorSettings, source_limit};

const FIRST_REQUEST_S: u32 = 10;
const IDLE_S: u32 = 60;
const ANSWER_S: u32 = 20;

/// Room for all answers of a test.
const ROOM: usize = 1 << 20;

fn health_checks(count: usize) -> Vec<u8> {
    request("/health_check", "").repeat(count)
}

fn answers(client: &Client) -> usize {
    String::from_utf8_lossy(&client.read()).matches("HTTP/1.1 200").count()
}

struct Scene {
    tracker: Simulator,
    client: Client,
}

impl Scene {
    fn with_room(room: usize) -> Self {
        let mut tracker = Simulator::new(&SimulatorSettings::default());
        let client = tracker.connect(0, Client::with_room(room));
        tracker.run_until_idle();
        Self { tracker, client }
    }

    /// Lets time pass in which all deadlines are checked, and returns whether the connection is still open.
    fn is_kept_for(&mut self, seconds: u32) -> bool {
        self.tracker.run_for_ms(u64::from(seconds) * 1000);
        !self.client.is_closed()
    }

    fn closed(&mut self, counter: Counter) -> u64 {
        self.tracker.statistics().counter(counter)
    }
}

#[test]
fn a_connection_with_more_requests_than_one_turn_serves_is_not_late() {
    let mut scene = Scene::with_room(ROOM);
    assert!(scene.is_kept_for(FIRST_REQUEST_S - 1));
    scene.client.send(&health_checks(3000));
    scene.tracker.step(0);
    let first = answers(&scene.client);
    assert!((1..3000).contains(&first), "a turn is limited: {first}");
    assert!(scene.is_kept_for(2));
    assert_eq!(first + answers(&scene.client), 3000);
    assert!(scene.is_kept_for(IDLE_S - 2));
    assert!(!scene.is_kept_for(4));
    assert_eq!(scene.closed(Counter::HttpClosedIdle), 1);
}

#[test]
fn a_connection_without_a_request_is_late_after_the_time_for_its_first_request() {
    let mut scene = Scene::with_room(ROOM);
    assert!(scene.is_kept_for(FIRST_REQUEST_S));
    assert!(!scene.is_kept_for(3));
    assert_eq!(scene.closed(Counter::HttpClosedFirstRequest), 1);
}

#[test]
fn a_client_that_receives_its_answers_is_not_late_however_many_follow() {
    let mut scene = Scene::with_room(10_000);
    scene.client.send(&health_checks(1000));
    for _ in 0..3 {
        assert!(scene.is_kept_for(ANSWER_S - 2));
        assert!(answers(&scene.client) > 10, "as many as there was room for");
    }
    assert!(scene.is_kept_for(ANSWER_S - 1));
    assert!(!scene.is_kept_for(4));
    assert_eq!(scene.closed(Counter::HttpClosedSlowAnswer), 1);
}

#[test]
fn requests_for_a_slow_core_wait_two_seconds_for_their_turn_and_are_then_answered() {
    let mut tracker = Simulator::new(&SimulatorSettings::with_shards(2));
    let torrent =
        (0..=u8::MAX).map(|number| InfoHash([number; 20])).find(|torrent| tracker.owner(torrent) == 1);
    let target = announce_target(torrent.expect("one in two"), 1, "&left=1");
    let requests = [request(&target, ""), health_checks(1)].concat();
    // As many tokens as requests: one that waits takes no other.
    tracker.limit_sources(&source_limit(Class::Requests, 2 * 300 * 2));
    // More clients than requests that may be underway to one core, which does not run for some time.
    let mut answered = |seconds: u32| {
        let clients: Vec<Client> = (0..300).map(|_| tracker.connect(0, Client::with_room(ROOM))).collect();
        clients.iter().for_each(|client| client.send(&requests));
        for _ in 0..seconds * 10 {
            while tracker.step(0) {}
            tracker.pass_ms(100);
        }
        tracker.run_until_idle();
        let is_busy = |client: &Client| {
            let told = client.read();
            let (announced, rest) = HttpAnswer::read_first(&told).expect("an answer");
            assert_eq!(
                HttpAnswer::read(rest).body,
                br#"{"status":"Ok"}"#,
                "the request after it is answered too"
            );
            announced.reason().inspect(|reason| assert_eq!(reason, "the tracker is busy")).is_some()
        };
        let busy = clients.iter().filter(|client| is_busy(client)).count() as u64;
        let statistics = tracker.statistics();
        let outcomes = [HttpOutcome::AnnounceAnswered, HttpOutcome::AnnounceBusy]
            .map(|outcome| statistics.http_outcomes(AddressFamily::V4, outcome));
        (busy, outcomes)
    };
    assert_eq!(answered(1), (0, [300, 0]));
    assert_eq!(answered(4), (44, [300 + 256, 44]));
}
