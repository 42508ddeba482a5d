//! libtorrent (the library of qBittorrent and Deluge), by a small Python program.

use std::process::Command;

use super::client::{Job, PEER_PORT};
use super::tools::{in_checkout, require_python_with_libtorrent};

pub(super) fn command(job: &Job<'_>) -> Command {
    let mut command = job.host.command(&require_python_with_libtorrent());
    command.arg(in_checkout("tests/suite/real_clients/libtorrent_client.py"));
    // Of its OpenSSL, which libtorrent leaves the choice of roots to.
    command.env("SSL_CERT_FILE", job.trusted_root);
    command.arg(job.torrent).arg(&job.folder).arg(PEER_PORT);
    command
}
