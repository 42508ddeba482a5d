//! aria2.
//!
//! It speaks to UDP trackers only through the socket of its IPv4 DHT, so `--enable-dht` has to be on; the
//! torrent is private and there is no entry point, so the DHT itself stays silent.

use std::process::Command;

use super::client::{Job, PEER_PORT};
use super::tools::require;

pub(super) fn command(job: &Job<'_>) -> Command {
    let mut command = job.host.command(&require("aria2c"));
    command.args(["--no-conf", "--console-log-level=info", "--summary-interval=0", "--enable-rpc=false"]);
    command.args(["--enable-dht=true", "--enable-dht6=false", "--bt-enable-lpd=false"]);
    command.args(["--enable-peer-exchange=false", "--follow-torrent=mem"]);
    command.arg(format!("--dht-file-path={}", job.state.join("dht.dat").display()));
    command.arg(format!("--dht-listen-port={PEER_PORT}")).arg(format!("--listen-port={PEER_PORT}"));
    // Accept a complete file after a check, and never stop seeding.
    command.args(["--check-integrity=true", "--seed-ratio=0.0", "--file-allocation=none"]);
    // Its own resolver finds no IPv6 addresses in `/etc/hosts`.
    command.arg("--async-dns=false");
    command.arg(format!("--ca-certificate={}", job.trusted_root.display()));
    command.arg(format!("--dir={}", job.folder.display())).arg(job.torrent);
    command
}
