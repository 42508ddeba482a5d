//! Transmission, as its command-line client: one process for one torrent, in the foreground.
//!
//! As a leecher it takes about 15 seconds, because it shows interest in a peer only every ten seconds. Before
//! its first `started` it announces `stopped`.

use std::process::Command;

use super::client::{Job, PEER_PORT};
use super::tools::require;

/// Without uTP: Transmission tries it first, and is slow to try TCP with a peer that has none, such as aria2.
const SETTINGS: &str = r#"{
    "dht-enabled": false,
    "lpd-enabled": false,
    "pex-enabled": false,
    "port-forwarding-enabled": false,
    "utp-enabled": false,
    "message-level": 3
}"#;

pub(super) fn command(job: &Job<'_>) -> Command {
    std::fs::write(job.state.join("settings.json"), SETTINGS).expect("Transmission's settings");
    let mut command = job.host.command(&require("transmission-cli"));
    command.env("CURL_CA_BUNDLE", job.trusted_root);
    command.arg("--config-dir").arg(&job.state);
    command.args(["--port", PEER_PORT, "--no-portmap", "--download-dir"]);
    command.arg(&job.folder).arg(job.torrent);
    command
}

/// The command that asks the tracker for the torrent's counts and prints them. Only over HTTP, and it trusts
/// the system's roots only.
pub(super) fn scrape_command(job: &Job<'_>) -> Command {
    let mut command = job.host.command(&require("transmission-show"));
    command.arg("--scrape").arg(job.torrent);
    command
}
