//! The load generator against the real tracker: its limits, its figures and its checks of answers. Over HTTP it runs
//! against a small tracker of its own.

mod http;
mod http_tracker;
mod ws;

use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use serde_json::Value;
use udp_protocol::{ConnectResponse, ConnectionId, TransactionId};
use zerocopy::IntoBytes;

use crate::cores::allowed_cores;
use crate::patience::PATIENCE;
use crate::program::load_generator;
use crate::tracker::{Launch, Tracker};

/// The kinds of requests, as the results name them.
const KINDS: [&str; 3] = ["connect", "announce", "scrape"];

/// Arguments of all loads: few peers and sources, so that connecting takes no time.
const SMALL: [&str; 10] =
    ["--peers", "3000", "--torrents", "50", "--sources", "4", "--ports", "1", "--warmup", "0.2"];

/// A load on one core that ends by itself, with the result on the standard output.
pub(crate) fn load(target: &str, arguments: &[&str]) -> Command {
    let core = allowed_cores().pop().expect("this process runs on a core").to_string();
    let mut command = Command::new(load_generator());
    command.args(["--target", target, "--cores", &core, "--quiet", "--json", "-"]);
    command.args(SMALL).args(arguments).stdin(Stdio::null());
    command
}

fn run(target: SocketAddr, arguments: &[&str]) -> Output {
    run_at(&target.to_string(), arguments)
}

fn run_at(target: &str, arguments: &[&str]) -> Output {
    load(target, arguments).output().expect("the load generator starts")
}

fn serving() -> Tracker {
    Launch::on_loopback().start()
}

#[track_caller]
fn assert_code(output: &Output, code: i32) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
}

fn result(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("the result is JSON")
}

fn number(result: &Value, pointer: &str) -> f64 {
    let value = result.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is not in {result:#}"));
    value.as_f64().unwrap_or_else(|| panic!("{pointer} is no number in {result:#}"))
}

/// Answers connects, and nothing else, until the process `while_running` has ended.
fn connect_only(socket: &UdpSocket, mut while_running: std::process::Child) -> Output {
    socket.set_read_timeout(Some(Duration::from_millis(20))).expect("a time-out that is not 0");
    let deadline = Instant::now() + PATIENCE;
    let mut request = [0; 2048];
    while while_running.try_wait().expect("a child of our own").is_none() {
        assert!(Instant::now() < deadline, "the load does not end");
        let Ok((16, from)) = socket.recv_from(&mut request) else { continue };
        let id = TransactionId([request[12], request[13], request[14], request[15]]);
        let answer = ConnectResponse::new(id, ConnectionId([1; 8]));
        socket.send_to(answer.as_bytes(), from).expect("an answer on the loopback");
    }
    while_running.wait_with_output().expect("what it has written")
}

#[test]
fn a_flood_does_not_wait_for_responses_and_ends_after_its_requests() {
    let silent = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let target = silent.local_addr().expect("a bound socket").to_string();
    let flood = ["--attack", "flood", "--mix", "0/1/0", "--requests", "5000", "--seconds", "60"];
    let output =
        connect_only(&silent, load(&target, &flood).stdout(Stdio::piped()).spawn().expect("it starts"));
    assert_code(&output, 0);
    let result = result(&output);
    assert!((5_000.0..6_000.0).contains(&number(&result, "/sent")), "{result:#}");
    assert!(number(&result, "/seconds") < 60.0, "{result:#}");
}

#[test]
fn a_load_within_its_limits_ends_with_code_0_and_all_figures() {
    let tracker = serving();
    let bounds = ["--min-rate", "100", "--max-loss", "50", "--max-p99-us", "60000000"];
    let output = run(tracker.v4(), &[&bounds[..], &["--rate", "2000", "--seconds", "1"]].concat());
    assert_code(&output, 0);
    let result = result(&output);
    assert!(number(&result, "/answered") <= number(&result, "/sent"), "{result:#}");
    assert!(number(&result, "/answered") <= number(&result, "/answered_with_warmup"), "{result:#}");
    assert!((0.9..5.0).contains(&number(&result, "/seconds")), "{result:#}");
    assert!((500.0..2500.0).contains(&number(&result, "/sent_per_s")), "{result:#}");
    assert!((number(&result, "/offered_per_s") - 2000.0).abs() < 1.0, "{result:#}");
    let names = ["responses_per_s", "latency_us/p50", "latency_us/p99.9", "kinds/announce/peers_per_reply"];
    for name in names {
        assert!(number(&result, &format!("/{name}")) > 0.0, "{name}: {result:#}");
    }
    for name in ["loss_percent", "slice_s", "measured_from_unix_s", "latency_us/p99_with_lost"] {
        assert!(number(&result, &format!("/{name}")) >= 0.0, "{name}: {result:#}");
    }
    assert!(result["errors"].is_object() && result["wrong"].is_object(), "{result:#}");
    assert!(result["answered_per_slice"].is_array(), "{result:#}");
}

#[test]
fn a_closed_loop_has_no_more_answers_than_requests() {
    let tracker = serving();
    let output = run(tracker.v4(), &["--window", "64", "--seconds", "0.5"]);
    assert_code(&output, 0);
    let result = result(&output);
    let (sent, answered) = (number(&result, "/sent"), number(&result, "/answered"));
    assert!(answered > 0.0 && answered + number(&result, "/lost") <= sent, "{result:#}");
}

#[test]
fn a_violated_limit_is_named_and_ends_with_code_1() {
    let tracker = serving();
    let output = run(tracker.v4(), &["--rate", "1000", "--seconds", "0.5", "--min-rate", "1e9"]);
    assert_code(&output, 1);
    assert!(String::from_utf8_lossy(&output.stderr).contains("--min-rate is 1000000000"));
}

#[test]
fn lost_requests_violate_the_latency_limit() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let arguments = [
        "--mix",
        "0/1/0",
        "--rate",
        "1000",
        "--seconds",
        "0.5",
        "--timeout-ms",
        "200",
        "--max-p99-us",
        "1000000",
    ];
    let mut command = load(&socket.local_addr().unwrap().to_string(), &arguments);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let output = connect_only(&socket, child);
    assert_code(&output, 1);
    assert!(String::from_utf8_lossy(&output.stderr).contains("no answer: --max-p99-us"));
    let result = result(&output);
    assert!(number(&result, "/sent") > 0.0);
    assert_eq!(result["lost"], result["sent"]);
    assert!(number(&result, "/latency_us/p99_with_lost") >= 200_000.0, "{result:#}");
    assert!(number(&result, "/latency_us/p99").abs() < f64::EPSILON, "{result:#}");
}

#[test]
fn a_fill_reports_that_every_peer_was_answered() {
    let tracker = serving();
    let output = run(tracker.v4(), &["--fill"]);
    assert_code(&output, 0);
    assert_eq!(result(&output)["fills"][0]["accepted"], 3000);
    assert!(String::from_utf8_lossy(&output.stderr).contains("3000 of 3000 peers answered"));
    let figures = tracker.stop().figures();
    assert_eq!(figures.get("seeders_v4") + figures.get("leechers_v4"), 3000);
}

#[test]
fn an_unanswered_fill_ends_with_code_1() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let arguments = ["--fill", "--timeout-ms", "20", "--window", "1000"];
    let mut command = load(&socket.local_addr().unwrap().to_string(), &arguments);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let output = connect_only(&socket, child);
    assert_code(&output, 1);
    assert!(String::from_utf8_lossy(&output.stderr).contains("3000 peers were not answered"));
}

#[test]
fn a_correct_tracker_passes_every_check_of_its_answers() {
    let tracker = serving();
    for target in [tracker.v4(), tracker.v6()] {
        assert_code(&run(target, &["--fill"]), 0);
        let output = run(target, &["--verify", "--seconds", "1", "--rate", "4000"]);
        assert_code(&output, 0);
        let result = result(&output);
        assert!(number(&result, "/kinds/announce/peers_per_reply") > 1.0, "{result:#}");
        assert!(number(&result, "/kinds/scrape/answered") > 0.0, "{result:#}");
        assert_eq!(result["wrong"], serde_json::json!({}));
    }
}

#[test]
fn the_histogram_log_holds_the_latencies_of_each_kind() {
    let tracker = serving();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("latencies.hlog");
    let arguments = ["--rate", "2000", "--seconds", "0.5", "--hlog", file.to_str().unwrap()];
    let output = run(tracker.v4(), &arguments);
    assert_code(&output, 0);
    let (log, result) = (std::fs::read(&file).unwrap(), result(&output));
    let histograms = read_histograms(&log);
    assert_eq!(histograms.iter().map(|(tag, _)| tag.as_str()).collect::<Vec<_>>(), KINDS);
    for (tag, histogram) in histograms {
        assert_eq!(result["kinds"][&tag]["answered"], histogram.len(), "{tag}");
    }
}

/// The histograms of a log, by their tags.
fn read_histograms(log: &[u8]) -> Vec<(String, Histogram<u64>)> {
    let intervals = IntervalLogIterator::new(log).map(|entry| entry.expect("a line of a histogram log"));
    let histograms = intervals.filter_map(|entry| match entry {
        LogEntry::Interval(interval) => Some(interval),
        _ => None,
    });
    histograms
        .map(|interval| {
            let bytes = BASE64_STANDARD.decode(interval.encoded_histogram()).expect("base 64");
            let histogram = Deserializer::new().deserialize(&mut bytes.as_slice()).expect("a histogram");
            (interval.tag().expect("a tag").as_str().to_owned(), histogram)
        })
        .collect()
}

#[test]
fn a_torrent_run_that_is_longer_than_a_message_is_refused() {
    let output = run("127.0.0.1:1".parse().unwrap(), &["--torrent-run", "8", "--segments", "4"]);
    assert_code(&output, 2);
    assert!(String::from_utf8_lossy(&output.stderr).contains("--torrent-run 8 is above --segments 4"));
}
