//! The real clients. Seeding and leeching use one command: a client that finds the whole file in its folder seeds.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::host::Host;
use super::scheme::Scheme;
use super::{aria2, libtorrent, node, transmission};

/// The port at which every client accepts peers.
pub(super) const PEER_PORT: &str = "51413";

/// A BitTorrent client in common use.
#[derive(Clone, Copy, Debug)]
pub(super) enum Client {
    Libtorrent,
    /// libtorrent that announces every second, because the first answer may have no peers yet.
    EagerLibtorrent,
    Aria2,
    Transmission,
    /// WebTorrent in a headless Chromium.
    Browser,
    /// WebTorrent in Node.
    Node,
}

/// The task of a client.
pub(super) struct Job<'a> {
    pub(super) host: &'a Host,
    pub(super) torrent: &'a Path,
    /// Where the shared file is, or will be.
    pub(super) folder: PathBuf,
    /// The folder for the client's own state.
    pub(super) state: PathBuf,
    /// The only root certificate to trust for trackers over TLS.
    pub(super) trusted_root: &'a Path,
}

impl Client {
    /// Whether it announces its end when it is asked to stop.
    pub(super) fn takes_leave(self, scheme: Scheme) -> bool {
        match self {
            Self::Transmission => scheme == Scheme::Udp,
            Self::Libtorrent | Self::EagerLibtorrent => !scheme.is_for_webrtc(),
            Self::Aria2 | Self::Browser | Self::Node => true,
        }
    }

    /// The command that does the job, with every way to find peers disabled except the tracker.
    pub(super) fn command(self, job: &Job<'_>) -> Command {
        match self {
            Self::Libtorrent => libtorrent::command(job),
            Self::EagerLibtorrent => libtorrent::eager_command(job),
            Self::Aria2 => aria2::command(job),
            Self::Transmission => transmission::command(job),
            Self::Browser => node::browser_command(job),
            Self::Node => node::command(job),
        }
    }

    /// The command that asks the tracker for a torrent's counts and prints them.
    pub(super) fn scrape_command(self, job: &Job<'_>) -> Command {
        match self {
            Self::Libtorrent => libtorrent::scrape_command(job),
            Self::Transmission => transmission::scrape_command(job),
            Self::EagerLibtorrent | Self::Aria2 | Self::Browser | Self::Node => {
                panic!("{self:?} does not scrape")
            }
        }
    }
}
