//! The program `ringtrack-client` against trackers of ours and of others, and against ports where no good tracker is.

mod liars;
mod others;

use std::io;
use std::iter::repeat_with;
use std::net::{Ipv6Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::Value;
use tempfile::TempDir;

use crate::program::client_program;
use crate::tracker::{Launch, Tracker};

const TORRENT: &str = "00112233445566778899aabbccddeeff00112233";

/// Runs the program, and returns its exit code and what it printed.
fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(client_program()).args(arguments).stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code(), text)
}

/// Runs the program with `--json`, and returns its exit code and its objects.
fn run_json(arguments: &[&str]) -> (Option<i32>, Vec<Value>) {
    let (code, text) = run(&[&[arguments[0], "--json"], &arguments[1..]].concat());
    let objects = text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{text}")));
    (code, objects.collect())
}

/// The findings of all objects that are not ok, each with its level, its check and its text.
fn faults(objects: &[Value]) -> Vec<[&str; 3]> {
    let findings = objects.iter().flat_map(|object| object["findings"].as_array().unwrap());
    let faults = findings.filter(|finding| finding["level"] != "ok");
    faults.map(|finding| ["level", "check", "text"].map(|name| finding[name].as_str().unwrap())).collect()
}

/// The checks of one object, in their order.
fn checks(object: &Value) -> Vec<&str> {
    object["findings"].as_array().unwrap().iter().map(|finding| finding["check"].as_str().unwrap()).collect()
}

/// Keeps a UDP port from others: as the socket is connected to itself, the kernel refuses datagrams from elsewhere.
fn dead_udp_port(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    socket.connect(socket.local_addr()?)?;
    Ok(socket)
}

/// A tracker over all protocols, with a certificate for its address.
struct Everywhere {
    tracker: Tracker,
    folder: TempDir,
}

impl Everywhere {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| folder.path().join(name));
        std::fs::write(&certificate, cert.pem()).unwrap();
        std::fs::write(&key, signing_key.serialize_pem()).unwrap();
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        let launch = Launch::on_loopback().set("https.listen", r#"["127.0.0.1:0"]"#);
        let launch =
            launch.set("https.certificate_file", &text(certificate)).set("https.key_file", &text(key));
        Self { tracker: launch.start(), folder }
    }

    fn ca(&self) -> String {
        self.folder.path().join("certificate.pem").to_str().unwrap().to_owned()
    }

    fn urls(&self) -> [String; 5] {
        let tracker = &self.tracker;
        let of = |scheme, address| format!("{scheme}://{address}/announce");
        [
            of("udp", tracker.v4()),
            of("udp", tracker.v6()),
            of("http", tracker.http_v4()),
            of("http", tracker.http_v6()),
            of("https", tracker.https_v4()),
        ]
    }
}

#[test]
fn a_check_has_no_objection_to_ringtrack_over_any_protocol() {
    let everywhere = Everywhere::start();
    let (ca, urls) = (everywhere.ca(), everywhere.urls());
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let (code, objects) = run_json(&[&["check", "--ca", &ca], &urls[..]].concat());
    assert_eq!(faults(&objects), Vec::<[&str; 3]>::new());
    assert_eq!((code, objects.len()), (Some(0), 2 * urls.len()));
    let common = ["time", "interval", "answer", "listed", "numwant", "scrape", "stopped"];
    for (url, reports) in urls.iter().zip(objects.chunks(2)) {
        assert_eq!((&reports[0]["address"], checks(&reports[0])), (&Value::Null, vec!["name"]));
        let checks = checks(&reports[1]);
        let expected = common.iter().chain(url.starts_with("http:").then_some(&"tls_greeting"));
        let expected = expected.chain(url.starts_with("https:").then_some(&"certificate"));
        for check in expected {
            assert!(checks.contains(check), "{check}: {reports:?}");
        }
        assert_eq!(reports[1]["url"], **url);
    }
    // Checks of one torrent do not meet each other's peers.
    let (_, objects) = run_json(&[&["check", "--ca", &ca, "--info-hash", TORRENT], &urls[..]].concat());
    assert_eq!(faults(&objects), Vec::<[&str; 3]>::new());
    // All peers of the checks have left.
    everywhere.tracker.wait_for_figures(&[("leechers_v4", 0), ("leechers_v6", 0)]);
}

#[test]
fn a_report_for_people_has_a_line_for_each_finding() {
    let everywhere = Everywhere::start();
    let url = &everywhere.urls()[0];
    let (code, text) = run(&["check", url]);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.starts_with(&format!("{url}\n  name\n    ok       name            addresses: 1\n")),
        "{text}"
    );
    assert!(
        text.contains("    ok       stopped         a peer that stopped is not returned any more\n"),
        "{text}"
    );
}

#[test]
fn an_announce_and_a_scrape_are_printed_for_people_and_programs() {
    let everywhere = Everywhere::start();
    let ca = everywhere.ca();
    for url in everywhere.urls() {
        let options = ["--ca", &ca, "--info-hash", TORRENT, &url];
        let announce = |more: &[&str]| run_json(&[&["announce"], more, &options[..]].concat());
        let (code, first) = announce(&["--event", "started", "--left", "0", "--port", "7001"]);
        assert_eq!((code, &first[0]["ok"], &first[0]["error"]), (Some(0), &Value::Bool(true), &Value::Null));
        let (_, second) = announce(&["--port", "7002", "--numwant", "5"]);
        let peers = second[0]["peers"].as_array().unwrap();
        assert!(peers.iter().any(|peer| peer.as_str().unwrap().ends_with(":7001")), "{second:?}");
        assert!(second[0]["interval_s"].as_u64().unwrap() >= 300, "{second:?}");
        let (_, gone) = announce(&["--event", "stopped", "--port", "7001"]);
        assert_eq!(gone[0]["ok"], true);

        let (code, scraped) = run_json(&[&["scrape"], &options[..]].concat());
        let expected =
            serde_json::json!([{ "info_hash": TORRENT, "seeders": 0, "completed": 0, "leechers": 1 }]);
        assert_eq!((code, &scraped[0]["torrents"]), (Some(0), &expected), "{scraped:?}");
        let (code, text) = run(&[&["scrape"], &options[..]].concat());
        assert!(text.contains(&format!("{TORRENT}  seeders     0  leechers     1")), "{text}");
        assert_eq!(code, Some(0));
        let (code, text) =
            run(&[&["announce", "--event", "stopped", "--port", "7002"], &options[..]].concat());
        assert!(
            text.starts_with(&format!("{url}\n  ")) && text.contains("seeders 0, leechers 0, peers 0"),
            "{text}"
        );
        assert_eq!(code, Some(0));
    }
}

#[test]
fn every_address_of_a_name_is_asked() {
    let with_dead_port = || {
        let everywhere = Everywhere::start();
        let port = everywhere.tracker.v4().port();
        Some((everywhere, port, dead_udp_port((Ipv6Addr::LOCALHOST, port).into()).ok()?))
    };
    // Another program may have this port of the other address.
    let (_everywhere, port, _dead_port) = repeat_with(with_dead_port).take(10).flatten().next().unwrap();
    let url = format!("udp://localhost:{port}");
    let arguments = ["announce", "--timeout", "2", "--info-hash", TORRENT, &url];
    let (code, objects) = run_json(&arguments);
    let addresses: Vec<&str> = objects.iter().map(|object| object["address"].as_str().unwrap()).collect();
    assert_eq!(addresses.len(), 2, "{objects:?}");
    // At the other address is no tracker.
    assert_eq!(code, Some(1), "{objects:?}");
    let (code, objects) = run_json(&[&arguments[..1], &["-4"], &arguments[1..]].concat());
    assert_eq!((code, objects.len()), (Some(0), 1), "{objects:?}");
}

#[test]
fn wrong_usage_has_an_exit_code_of_its_own() {
    let absent = Path::new("/absent.pem").to_str().unwrap();
    for arguments in [
        &["announce", "udp://127.0.0.1:1"][..],
        &["check", "ftp://127.0.0.1"],
        &["check", "--ca", absent, "udp://127.0.0.1:1"],
        &["query", "udp://127.0.0.1:1"],
    ] {
        let (code, text) = run(arguments);
        assert_eq!(code, Some(2), "{text}");
    }
}
