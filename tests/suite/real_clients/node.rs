//! Programs in Node: WebTorrent itself, WebTorrent in a browser, and the client of bittorrent-tracker.

use std::process::Command;

use super::client::Job;
use super::tools::{require, require_in_checkout};
use crate::program::in_checkout;

pub(super) fn command(job: &Job<'_>) -> Command {
    let mut command = run("peer.mjs", job);
    command.arg(&job.folder);
    command
}

pub(super) fn browser_command(job: &Job<'_>) -> Command {
    for started_by_it in ["certutil", "chromium-headless-shell"] {
        require(started_by_it);
    }
    let mut command = run("browser.mjs", job);
    command.arg(&job.folder).arg(&job.state).arg(job.trusted_root);
    command
}

/// The command that announces, scrapes and prints the tracker's answers.
pub(super) fn tracker_client_command(job: &Job<'_>) -> Command {
    run("tracker_client.mjs", job)
}

fn run(program: &str, job: &Job<'_>) -> Command {
    let mut command = job.host.command(&require_in_checkout("node"));
    command.env("NODE_EXTRA_CA_CERTS", job.trusted_root);
    command.arg(in_checkout("tests/suite/real_clients/webtorrent").join(program)).arg(job.torrent);
    command
}
