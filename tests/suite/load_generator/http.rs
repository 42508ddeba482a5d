//! The load over HTTP and HTTPS.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;

use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

use super::http_tracker::{Conduct, HttpTracker};
use super::{assert_code, number, result, run_at};

/// 0.4 seconds over few connections.
const SHORT: [&str; 6] = ["--seconds", "0.4", "--connections", "4", "--mix", "5/9/1"];

/// Requests sent per second on a schedule of 500 per second. A busy machine delays some until the end.
const SENT_PER_S: Range<f64> = 100.0..700.0;

/// The result of a load that ends with code 0.
fn result_of(tracker: &HttpTracker, arguments: &[&str]) -> Value {
    let output = run_at(&tracker.url(), &[&SHORT[..], arguments].concat());
    assert_code(&output, 0);
    result(&output)
}

fn says(answer: &str) -> HttpTracker {
    HttpTracker::start(Conduct::Says(answer.as_bytes().to_vec()))
}

#[test]
fn kept_connections_carry_one_request_after_another() {
    let tracker = HttpTracker::start(Conduct::Right);
    let result = result_of(&tracker, &[]);
    assert_eq!(tracker.connections(), 4);
    assert_eq!(result["connections"]["opened"], 4);
    assert!(number(&result, "/kinds/announce/answered") > 20.0, "{result:#}");
    assert!(number(&result, "/kinds/scrape/answered") > 0.0, "{result:#}");
    assert!(number(&result, "/kinds/connect/sent").abs() < f64::EPSILON, "{result:#}");
    for name in ["responses_per_s", "latency_us/p50", "kinds/announce/peers_per_reply", "load_busy_percent"] {
        assert!(number(&result, &format!("/{name}")) > 0.0, "{name}: {result:#}");
    }
    assert_eq!((&result["wrong"], &result["errors"], &result["lost"]), (&json!({}), &json!({}), &json!(0)));
    assert!(number(&result, "/reply_bytes_mean") > 100.0, "{result:#}");
}

#[test]
fn per_request_connections_are_opened_for_each_request() {
    let tracker = HttpTracker::start(Conduct::Right);
    let result = result_of(&tracker, &["--connection", "per-request"]);
    assert_eq!(tracker.connections(), tracker.requests());
    assert_eq!(result["connections"]["opened"], tracker.requests());
    assert!(number(&result, "/answered") > 20.0, "{result:#}");
    assert_eq!((&result["lost"], &result["unmatched"]), (&json!(0), &json!(0)));
}

#[test]
fn an_open_loop_keeps_its_rate() {
    let tracker = HttpTracker::start(Conduct::Right);
    let result = result_of(&tracker, &["--rate", "500", "--min-rate", "100"]);
    assert!(SENT_PER_S.contains(&number(&result, "/sent_per_s")), "{result:#}");
    assert_eq!(result["loop"], "open");
}

#[test]
fn a_load_that_sleeps_keeps_its_rate_too() {
    let tracker = HttpTracker::start(Conduct::Right);
    let result = result_of(&tracker, &["--rate", "500", "--wait", "sleep"]);
    assert!(SENT_PER_S.contains(&number(&result, "/sent_per_s")), "{result:#}");
    let result = result_of(&tracker, &["--wait", "sleep"]);
    assert!(number(&result, "/answered") > 20.0, "{result:#}");
}

#[test]
fn a_correct_tracker_passes_every_check_after_a_fill() {
    let tracker = HttpTracker::start(Conduct::Right);
    for connection in ["keep-alive", "per-request"] {
        let arguments = ["--fill", "--connections", "8", "--connection", connection];
        let output = run_at(&tracker.url(), &arguments);
        assert_code(&output, 0);
        assert_eq!(result(&output)["fills"][0]["accepted"], 3000);
        assert_eq!(tracker.peers(), 3000);
    }
    let result = result_of(&tracker, &["--verify", "--scrape-hashes", "3"]);
    assert_eq!(result["wrong"], json!({}));
    assert!(number(&result, "/kinds/announce/peers_per_reply") > 1.0, "{result:#}");
    assert!(number(&result, "/kinds/scrape/answered") > 0.0, "{result:#}");
    assert_eq!(tracker.peers(), 3000, "the load announces the peers of the fill");
}

#[test]
fn a_wrong_answer_ends_a_verified_load_with_code_1() {
    let tracker = says("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nd8:intervali9e5:peere");
    let output = run_at(&tracker.url(), &[&SHORT[..], &["--verify"]].concat());
    assert_code(&output, 1);
    assert!(String::from_utf8_lossy(&output.stderr).contains("--verify allows none"));
}

#[test]
fn bytes_after_an_answer_are_counted_as_wrong() {
    let tracker = says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\ndee");
    let result = result_of(&tracker, &[]);
    assert!(number(&result, "/wrong/bytes behind the answer") > 0.0, "{result:#}");
    assert!(number(&result, "/answered").abs() < f64::EPSILON, "{result:#}");
}

#[test]
fn failures_and_statuses_are_counted_by_their_texts() {
    for (answer, text) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 28\r\n\r\nd14:failure reason6:closede", "closed"),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 404 Not Found"),
    ] {
        let answer = answer.replace("28", &"d14:failure reason6:closede".len().to_string());
        let result = result_of(&says(&answer), &[]);
        assert!(result["errors"][text].as_u64().is_some_and(|count| count > 0), "{result:#}");
        assert_eq!((&result["answered"], &result["lost"]), (&json!(0), &json!(0)));
    }
}

#[test]
fn a_request_is_lost_with_its_connection_and_the_reason_reported() {
    let tracker = HttpTracker::start(Conduct::EndsBefore);
    let output = run_at(&tracker.url(), &[&SHORT[..], &["--rate", "200", "--max-loss", "99"]].concat());
    assert_code(&output, 1);
    let result = result(&output);
    assert_eq!(result["lost"], result["sent"]);
    let failures = result["connections"]["failures"].as_object().expect("reasons");
    assert!(!failures.is_empty(), "{result:#}");
}

#[test]
fn a_request_without_an_answer_is_lost_after_the_timeout() {
    let tracker = HttpTracker::start(Conduct::Silent);
    let result = result_of(&tracker, &["--rate", "40", "--timeout-ms", "50"]);
    assert_eq!(result["lost"], result["sent"]);
    assert!(result["connections"]["failures"]["no answer before the time-out"].is_u64(), "{result:#}");
    assert!(number(&result, "/latency_us/p99_with_lost") >= 50_000.0, "{result:#}");
}

#[test]
fn a_connection_that_the_tracker_closes_between_requests_is_reopened() {
    let tracker = HttpTracker::start(Conduct::EndsAfter);
    let result = result_of(&tracker, &["--rate", "100"]);
    assert!(number(&result, "/answered") > 0.0, "{result:#}");
    assert!(number(&result, "/connections/ended_by_tracker") > 4.0, "{result:#}");
    assert_eq!(result["lost"], 0, "its request is repeated");
}

#[test]
fn idle_connections_are_kept_open_during_the_load() {
    for (conduct, open_at_end) in [(Conduct::Right, 30), (Conduct::EndsAfter, 0)] {
        let tracker = HttpTracker::start(conduct);
        let result = result_of(&tracker, &["--idle-connections", "30", "--rate", "100"]);
        let connections = &result["connections"];
        assert_eq!(
            (&connections["idle_asked_for"], &connections["idle_open_at_begin"]),
            (&json!(30), &json!(30))
        );
        assert_eq!(connections["idle_open_at_end"], open_at_end);
    }
}

#[test]
fn over_tls_sessions_of_earlier_connections_are_resumed() {
    let tracker = HttpTracker::start_with_tls();
    let result = result_of(&tracker, &["--connection", "per-request", "--idle-connections", "3"]);
    assert!(number(&result, "/answered") > 10.0, "{result:#}");
    assert!(number(&result, "/connections/handshakes_resumed") > 0.0, "{result:#}");
    assert_eq!(result["connections"]["idle_open_at_end"], 3);
    assert_eq!((&result["lost"], &result["wrong"]), (&json!(0), &json!({})));
}

#[test]
fn over_tls_a_kept_connection_makes_one_handshake() {
    let tracker = HttpTracker::start_with_tls();
    let result = result_of(&tracker, &["--verify"]);
    let handshakes =
        ["full", "resumed"].map(|kind| number(&result, &format!("/connections/handshakes_{kind}")));
    assert!((handshakes[0] + handshakes[1] - 4.0).abs() < f64::EPSILON, "{result:#}");
    assert!(number(&result, "/answered") > 20.0, "{result:#}");
}

#[test]
fn a_certificate_is_checked_if_an_authority_is_given() {
    let [tracker, other] = [HttpTracker::start_with_tls(), HttpTracker::start_with_tls()];
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("authority.pem");
    let arguments = ["--ca", file.to_str().unwrap(), "--rate", "50"];
    std::fs::write(&file, tracker.authority.as_deref().unwrap()).unwrap();
    assert!(number(&result_of(&tracker, &arguments), "/answered") > 0.0);
    let refused = result_of(&other, &arguments);
    assert_eq!(refused["answered"], 0);
    let failures = refused["connections"]["failures"].to_string();
    assert!(failures.contains("certificate"), "{failures}");
}

#[test]
fn a_load_on_a_closed_port_fails_with_code_2() {
    // A reserved port on which nothing listens.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    let url = format!("http://{}/announce", socket.local_addr().unwrap().as_socket().unwrap());
    let output = run_at(&url, &SHORT);
    assert_code(&output, 2);
    assert!(String::from_utf8_lossy(&output.stderr).contains(&format!("{url} cannot be reached")));
}

#[test]
fn an_http_option_is_refused_for_a_udp_target() {
    let output = run_at("127.0.0.1:1", &["--idle-connections", "5"]);
    assert_code(&output, 2);
    assert!(String::from_utf8_lossy(&output.stderr).contains("--idle-connections is for HTTP"));
}

#[test]
fn attacks_hold_connections_without_a_request() {
    for (attack, spoken) in [("silent", 0), ("slow", 4)] {
        let tracker = HttpTracker::start(Conduct::Right);
        let connections = &result_of(&tracker, &["--attack", attack])["connections"];
        let [opened, open] = ["opened", "idle_open_at_end"].map(|name| connections[name].as_u64());
        assert_eq!((opened, open), (Some(4), Some(4)), "{attack}");
        assert_eq!((tracker.connections(), tracker.requests()), (spoken, 0), "{attack}");
    }
}

#[test]
fn an_attack_by_pipelining_waits_for_no_response() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/announce", listener.local_addr().expect("a bound socket"));
    assert_code(&run_at(&url, &[&SHORT[..], &["--attack", "pipelining"]].concat()), 0);
    listener.set_nonblocking(true).expect("an option of the kernel");
    // The first connection only tries whether someone listens.
    let [_, mut held] = [(); 2].map(|()| listener.accept().expect("a connection that waits").0);
    let mut bytes = vec![0; 8192];
    held.read_exact(&mut bytes).expect("many requests");
    let requests = String::from_utf8_lossy(&bytes).matches("GET /announce?").count();
    assert!(requests > 1, "{requests} requests");
}

#[test]
fn an_attack_by_handshakes_resumes_none() {
    let tracker = HttpTracker::start_with_tls();
    let connections = &result_of(&tracker, &["--attack", "handshakes"])["connections"];
    assert!(number(connections, "/handshakes_full") > 4.0, "{connections:#}");
    assert_eq!((&connections["handshakes_resumed"], tracker.requests()), (&json!(0), 0));
}
