//! Version 1 of the management API, as documented by its original authors.

use std::process::Command;

use serde_json::json;

use super::api::Api;
use super::{FREE_PORT, TOKEN, address_in, launch, text};
use crate::tracker::{Launch, Tracker};

/// Runs checks that are written in Python from that page alone, without the tracker's own code.
#[track_caller]
fn check(script: &str, tracker: &Tracker, keys_max: u32) {
    let places = json!({
        "api": Api::of(tracker).address().to_string(),
        "health": address_in(tracker, "health checks are at"),
        "udp": tracker.v4().to_string(),
        "http": tracker.http_v4().to_string(),
        "token": TOKEN,
        "database": text(&tracker.dumps().join("ringtrack.db")),
        "keys_max": keys_max,
    });
    let script = format!("{}/suite/management/{script}", env!("CARGO_MANIFEST_DIR"));
    let python = Command::new("/usr/bin/python3").arg("-B").arg(script).arg(places.to_string()).output();
    let output = python.expect("the system's Python starts");
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{}\n{:#?}", said.concat(), tracker.log());
}

fn with_health_checks(launch: Launch) -> Tracker {
    launch.set("health_check_api.listen", FREE_PORT).start()
}

#[test]
fn every_row_of_the_page_holds_with_the_modes_on() {
    let launch = launch("private-listed").set("access.peer_details", "on").set("access.keys_max", "20");
    // Few, so that an unavailable database is noticed soon.
    check("modes_on.py", &with_health_checks(launch.set("database.pending_max", "1000")), 20);
}

#[test]
fn requests_of_a_mode_are_refused_with_the_modes_off() {
    let launch = launch("public").set("proxy.trusted", "127.0.0.1").set("proxy.header", "x-forwarded-for");
    check("modes_off.py", &with_health_checks(launch), 0);
}
