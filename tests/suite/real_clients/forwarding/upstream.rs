//! Trackers of others and a second one of ours, to which the tracker under test forwards.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::eye::Eye;
use super::super::host::Host;
use super::super::network::{Family, UPSTREAM_NAME};
use super::super::process::Process;
use super::super::scene::Scene;
use super::super::scheme::Scheme;
use super::super::tools::{require, require_file, require_in_checkout};
use crate::program::in_checkout;

/// For UDP and HTTP.
const PORT: u16 = 6969;

/// A tracker with UDP, and all but aquatic with HTTP.
#[derive(Clone, Copy, Debug)]
pub(super) enum UpstreamTracker {
    Ringtrack,
    Opentracker,
    /// The one of npm.
    BittorrentTracker,
    Aquatic,
}

pub(super) fn url(scheme: Scheme) -> String {
    format!("{}://{UPSTREAM_NAME}:{PORT}/announce", scheme.name())
}

impl UpstreamTracker {
    /// Starts it on its host in `scene`, and waits until it answers.
    pub(super) fn start(self, scene: &Scene, family: Family) -> Process {
        let host = scene.upstream_host();
        let address = SocketAddr::new(host.address(family), PORT);
        let command = match self {
            Self::Ringtrack => ringtrack(host, address),
            Self::Opentracker => opentracker(host, address, scene),
            Self::BittorrentTracker => bittorrent_tracker(host),
            Self::Aquatic => aquatic(host, address, scene.folder()),
        };
        let process = Process::start(command, &scene.folder().join("upstream.log"));
        let eye = Eye::new(host.udp_socket(family), address);
        scene.wait_until("the upstream tracker answers", || eye.is_answered());
        process
    }
}

fn ringtrack(host: &Host, address: SocketAddr) -> Command {
    let mut command = host.command(&crate::program::program());
    command.env("RINGTRACK_UDP_LISTEN", address.to_string());
    command.env("RINGTRACK_HTTP_LISTEN", address.to_string());
    command.env("RINGTRACK_HEALTH_CHECK_API_LISTEN", "[]").env("RINGTRACK_METRICS_LISTEN", "[]");
    command.env("RINGTRACK_DATABASE_URL", "none");
    command
}

/// Debian's build serves only torrents on a list.
fn opentracker(host: &Host, address: SocketAddr, scene: &Scene) -> Command {
    let (folder, list) = (scene.folder(), scene.folder().join("whitelist"));
    std::fs::write(&list, format!("{}\n", scene.info_hash())).expect("a list");
    let readable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder, readable).expect("a folder that any user can read");
    let (ip, port) = (address.ip().to_string(), address.port().to_string());
    require("opentracker");
    let mut command = crate::opentracker::opentracker(host.command(&require("setpriv")));
    command.args(["-i", &ip, "-p", &port, "-P", &port, "-d"]).arg(folder).arg("-w").arg(list);
    command
}

fn bittorrent_tracker(host: &Host) -> Command {
    let packages = in_checkout("target/test-clients/node/node_modules");
    let mut command = host.command(&require_in_checkout("node"));
    command.arg(require_file(packages.join("bittorrent-tracker/bin/cmd.js")));
    command.args(["--udp", "--http", "--port", &PORT.to_string()]);
    command
}

fn aquatic(host: &Host, address: SocketAddr, folder: &Path) -> Command {
    let config = folder.join("aquatic.toml");
    std::fs::write(&config, format!("[network]\naddress = \"{address}\"\n")).expect("a configuration file");
    let program: PathBuf = in_checkout("target/compare/aquatic_udp-0.9.0/bin/aquatic_udp");
    let mut command = host.command(&require_file(program));
    command.arg("-c").arg(config);
    command
}
