//! Upstream trackers that hang, lie, send garbage or too much, redirect and refuse. None affects clients or the others.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ringtrack_tests::upstream::{Answer, Behavior, Upstream};
use serde_json::Value;
use socket2::{Domain, Socket, Type};

use super::{Scene, WAYS, entry, leecher, torrent};

/// A misbehaving upstream tracker, and what the management API has to show of it.
struct Case {
    name: &'static str,
    upstream: Upstream,
    /// The kind of its failures; `None` if its answers are used.
    failure: Option<&'static str>,
    /// A part of the last failure's text.
    text: &'static str,
    state: &'static str,
}

/// Enough torrents to open a circuit, which takes 5 failures in a row.
const TORRENTS: u8 = 6;

/// Far less than an announce to a hanging upstream tracker takes, and far more than the answer to a client, even on a busy
/// machine.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// How long an announce to an upstream tracker may take where the test waits for that, in seconds: well above [`ANSWER_MAX`].
const TIMEOUT_S: &str = "15";

fn over_udp(name: &'static str, behavior: Behavior) -> Case {
    Case { name, upstream: Upstream::udp("127.0.0.1", behavior), failure: None, text: "", state: "active" }
}

fn over_http(name: &'static str, behavior: Behavior) -> Case {
    Case { name, upstream: Upstream::http("127.0.0.1", behavior), failure: None, text: "", state: "active" }
}

impl Case {
    /// Its announces fail in this way, and it is not asked for a while.
    fn fails(self, failure: &'static str, text: &'static str) -> Self {
        Self { failure: Some(failure), text, state: "failing", ..self }
    }

    fn refuses(self, text: &'static str) -> Self {
        Self { failure: Some("refused"), text, ..self }
    }

    fn asks_for_a_pause(self) -> Self {
        Self { failure: Some("overloaded"), text: "", state: "paused", ..self }
    }

    fn is_as_expected(&self, shown: &Value) -> bool {
        let failures = self.failure.map_or(0, |kind| shown["announces"][kind].as_u64().unwrap_or(0));
        let text = shown["last_failure"].as_str().unwrap_or_default();
        let is_counted = if self.failure.is_some() {
            failures > 0
        } else {
            shown["announces"]["answered"].as_u64() > Some(0)
        };
        shown["state"] == self.state && is_counted && text.contains(self.text)
    }
}

fn lie(interval_s: i64, count: i64, peers: Vec<SocketAddr>) -> Behavior {
    Behavior::Answers(Answer { interval_s, seeders: count, leechers: count, peers })
}

/// 10,000 peers.
fn crowd() -> Vec<SocketAddr> {
    (0..10_000_u32).map(|number| SocketAddr::new((0x2d00_0000 + number).to_be_bytes().into(), 7000)).collect()
}

fn nesting() -> Vec<u8> {
    [&b"d5:peers"[..], &vec![b'l'; 900_000]].concat()
}

fn silent() -> [Case; 3] {
    [
        over_udp("udp-hangs", Behavior::Hangs).fails("timeout", "no answer"),
        over_http("http-hangs", Behavior::Hangs).fails("timeout", "no answer"),
        over_http("http-closes", Behavior::Closes).fails("connection", ""),
    ]
}

fn garbage() -> Vec<Case> {
    vec![
        over_udp("udp-short", Behavior::Sends(vec![0, 0, 0, 1, 2, 3])).fails("malformed", ""),
        over_http("http-garbage", Behavior::Sends(b"\0\x01nonsense\r\n\r\n".to_vec())).fails("malformed", ""),
        over_http("http-html", Behavior::body(b"<html>Not a tracker</html>")).fails("malformed", ""),
        over_http("http-nesting", Behavior::body(&nesting())).fails("malformed", ""),
        over_http("http-peers", Behavior::body(b"d8:intervali60e5:peers7:1234567e")).fails("malformed", ""),
        over_http("http-empty", Behavior::body(b"")).fails("malformed", ""),
        over_http("http-endless", Behavior::SendsForever).fails("malformed", ""),
    ]
}

fn lies() -> [Case; 4] {
    [
        over_udp("udp-lies", lie(-1, -1, Vec::new())),
        over_http("http-lies", lie(4_000_000_000, 4_000_000_000, Vec::new())),
        over_http("http-negative", lie(-1, -1, Vec::new())),
        over_http("http-crowd", lie(1, 10_000, crowd())),
    ]
}

fn refusals() -> Vec<Case> {
    vec![
        over_udp("udp-refuses", Behavior::Refuses("not here")).refuses("not here"),
        over_http("http-refuses", Behavior::Refuses("14:failure reason8:not here")).refuses("not here"),
        over_http("http-never", Behavior::Refuses("14:failure reason4:gone8:retry in5:never"))
            .refuses("gone"),
        over_http("http-500", Behavior::status(500, "")).fails("status", "500"),
        over_http("http-429", Behavior::status(429, "Retry-After: 600\r\n")).asks_for_a_pause(),
        over_http("http-503", Behavior::status(503, "Retry-After: 600\r\n")).asks_for_a_pause(),
        over_http("to-a-file", Behavior::redirect("file:///etc/passwd")).fails("malformed", ""),
        over_http("to-itself", Behavior::redirect("/announce")).fails("malformed", ""),
    ]
}

/// Announces each torrent in each way. Fails unless every announce is answered at once.
#[track_caller]
fn assert_clients_are_answered_at_once(scene: &Scene) {
    for (number, way) in (1..=TORRENTS).flat_map(|number| WAYS.map(|way| (number, way))) {
        let start = Instant::now();
        scene.announce(way, leecher(torrent(number), 2001));
        let waited = start.elapsed();
        assert!(waited < ANSWER_MAX, "{way:?}: {waited:?}");
    }
}

/// A port at which connections are refused, as long as the socket exists.
fn taken_port() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

#[test]
fn no_client_waits_for_upstream_trackers_that_hang() {
    let upstreams: Vec<Upstream> = (0..5)
        .flat_map(|_| {
            [Upstream::udp("127.0.0.1", Behavior::Hangs), Upstream::http("127.0.0.1", Behavior::Hangs)]
        })
        .collect();
    let entries = upstreams
        .iter()
        .enumerate()
        .map(|(at, upstream)| entry(&format!("upstream-{at}"), &upstream.uri("/a")));
    let scene =
        Scene::start(&entries.collect::<Vec<_>>(), |launch| launch.set("forwarding.timeout_s", "120"));
    assert_clients_are_answered_at_once(&scene);
    for at in 0..upstreams.len() {
        let shown =
            scene.wait_for_upstream(&format!("upstream-{at}"), |shown| shown["in_flight"] == TORRENTS);
        assert_eq!(shown["state"], "active", "{shown}");
    }
}

#[test]
fn an_upstream_tracker_that_misbehaves_affects_neither_clients_nor_other_upstream_trackers() {
    let cases: Vec<Case> = silent().into_iter().chain(garbage()).chain(lies()).chain(refusals()).collect();
    let [over_udp, over_http] = ["192.0.2.1:7001", "192.0.2.2:7002"].map(|peer| Behavior::peers(&[peer]));
    let good = [Upstream::udp("127.0.0.1", over_udp), Upstream::http("127.0.0.1", over_http)];
    let redirecting = Upstream::http("127.0.0.1", Behavior::redirect(&good[1].uri("/announce")));
    let mut entries: Vec<String> =
        cases.iter().map(|case| entry(case.name, &case.upstream.uri("/announce"))).collect();
    entries.push(entry("good", &good[0].uri("")));
    entries.push(entry("redirecting", &redirecting.uri("/announce")));
    let (_nobody, address) = taken_port();
    entries.push(entry("nobody", &format!("http://{address}/announce")));
    let scene = Scene::start(&entries, |launch| {
        launch.set("forwarding.private_peers", "accept").set("forwarding.timeout_s", TIMEOUT_S)
    });
    assert_clients_are_answered_at_once(&scene);
    for case in &cases {
        scene.wait_for_upstream(case.name, |shown| case.is_as_expected(shown));
    }
    scene.wait_for_upstream("nobody", |shown| {
        shown["state"] == "failing" && shown["announces"]["connection"].as_u64() > Some(0)
    });
    for name in ["good", "redirecting"] {
        scene.wait_for_upstream(name, |shown| {
            shown["announces"]["answered"] == TORRENTS && shown["state"] == "active"
        });
    }
    assert_clients_are_answered_at_once(&scene);
    // All torrents together, at most 200 of each family.
    let kept = scene.upstream("http-crowd").and_then(|shown| shown["peers"].as_u64());
    assert!(kept.is_some_and(|kept| kept <= 200 * u64::from(TORRENTS)), "{kept:?}");
}
