//! libtorrent (the library of qBittorrent and Deluge), by small Python programs.

use std::process::Command;

use super::client::{Job, PEER_PORT};
use super::tools::require_in_checkout;
use crate::program::in_checkout;

pub(super) fn command(job: &Job<'_>) -> Command {
    python("libtorrent_client.py", job)
}

/// The command of a client that announces every second.
pub(super) fn eager_command(job: &Job<'_>) -> Command {
    let mut command = command(job);
    command.arg("1");
    command
}

/// The command that asks the tracker for the torrent's counts and prints them.
pub(super) fn scrape_command(job: &Job<'_>) -> Command {
    python("libtorrent_scrape.py", job)
}

fn python(program: &str, job: &Job<'_>) -> Command {
    let mut command = job.host.command(&require_in_checkout("python"));
    // For OpenSSL, to which libtorrent leaves the choice of roots.
    command.env("SSL_CERT_FILE", job.trusted_root).env("PYTHONDONTWRITEBYTECODE", "1");
    command.arg(in_checkout("tests/suite/real_clients").join(program));
    command.arg(job.torrent).arg(&job.folder).arg(PEER_PORT);
    command
}
