//! The health checks of all listeners.

use std::process::{Command, Output};

use serde_json::Value;

use super::{FREE_PORT, address_in, launch, text};
use crate::http_client::HttpClient;
use crate::http_tls::Identity;
use crate::program::program;
use crate::tracker::{Launch, Tracker};

const BOTH: &str = r#"["127.0.0.1:0", "[::1]:0"]"#;
const WILDCARDS: &str = r#"["0.0.0.0:0", "[::]:0"]"#;

fn report(tracker: &Tracker) -> Value {
    let address = address_in(tracker, "health checks are at").parse().unwrap();
    let answer = HttpClient::new(address).get("/health_check");
    assert_eq!(answer.status, 200);
    serde_json::from_slice(&answer.body).unwrap()
}

/// Asserts that this many listeners are healthy, and that there are no others.
#[track_caller]
fn assert_all_well(tracker: &Tracker, listeners: usize) {
    let report = report(tracker);
    assert_eq!(report["status"], "Ok", "{report:#}");
    let details = report["details"].as_array().unwrap();
    assert_eq!(details.len(), listeners, "{report:#}");
    assert!(details.iter().all(|detail| detail["result"]["Ok"].is_string()), "{report:#}");
}

fn with_health_checks(launch: Launch) -> Launch {
    launch.set("health_check_api.listen", FREE_PORT)
}

#[test]
fn each_listener_is_reported_as_healthy_including_https() {
    for addresses in [BOTH, WILDCARDS] {
        let (identity, of_api) = (Identity::new(), Identity::new());
        let launch = identity.serve(with_health_checks(launch("private")));
        let launch = launch.set("udp.listen", addresses).set("http.listen", addresses);
        let launch = launch.set("api.certificate_file", &text(&of_api.certificate_file()));
        let launch = launch.set("metrics.listen", FREE_PORT).set("metrics.token", "0123456789abcdef");
        let tracker = launch.set("api.key_file", &text(&of_api.key_file())).start();
        assert_all_well(&tracker, 7);
        let ended = tracker.stop();
        assert_eq!(ended.code, Some(0), "{:#?}", ended.log);
    }
}

#[test]
fn listeners_behind_proxies_on_this_machine_are_healthy_too() {
    let identity = Identity::new();
    for header in ["x-forwarded-for", "x-real-ip", "proxy-protocol"] {
        let launch = identity.serve(with_health_checks(launch("public")));
        let tracker = launch.set("proxy.trusted", "127.0.0.1").set("proxy.header", header).start();
        let report = report(&tracker);
        assert_eq!(report["status"], "Ok", "{header}: {report:#}");
    }
}

/// Runs the command `health` with this address as the configured one.
fn run_command(address: &str) -> Output {
    let mut command = Command::new(program());
    command.arg("health").env_clear().env("RINGTRACK_HEALTH_CHECK_API_LISTEN", address);
    command.output().expect("the program starts")
}

#[test]
fn the_command_succeeds_while_the_tracker_is_healthy_and_fails_when_it_has_ended() {
    let tracker = with_health_checks(launch("public")).start();
    let address = address_in(&tracker, "health checks are at");
    let healthy = run_command(&address);
    assert_eq!(healthy.status.code(), Some(0), "{healthy:?}");
    assert_eq!((healthy.stdout, healthy.stderr), (Vec::new(), Vec::new()));
    tracker.stop();
    let ended = run_command(&address);
    let message = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{message}");
    assert!(
        message.starts_with(&format!("ringtrack: the health check at {address} does not answer: ")),
        "{message}"
    );
    assert_eq!(message.lines().count(), 1, "{message}");
}
