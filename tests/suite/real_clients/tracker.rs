//! The tracker under test, as a program with a configuration file.

use std::net::SocketAddr;
use std::path::Path;

use super::authority::Authority;
use super::host::Host;
use super::network::{Family, TRACKER_NAME};
use super::process::Process;
use super::scheme::Scheme;
use super::wait::wait_until;

/// UDP and HTTP share a number, as they do by default.
const PORT: u16 = 6969;
const HTTPS_PORT: u16 = 6970;

/// A running tracker.
pub(super) struct Tracker {
    pub(super) address: SocketAddr,
    _process: Process,
}

impl Tracker {
    /// Starts the tracker on `host`, for one family only and with its files in `folder`, and waits until it
    /// serves.
    pub(super) fn start(host: &Host, family: Family, authority: &Authority, folder: &Path) -> Self {
        let address = SocketAddr::new(host.address(family), PORT);
        let (config, log) = (folder.join("ringtrack.toml"), folder.join("tracker.log"));
        std::fs::write(&config, configuration(address, authority)).expect("a configuration file");
        let mut command = host.command(&crate::program::program());
        command.arg("--config").arg(config);
        let mut process = Process::start(command, &log);
        wait_until("the tracker is ready", folder, || {
            let output = process.output();
            assert!(!process.has_ended(), "the tracker ended at its start:\n{output}");
            output.split_whitespace().any(|word| word == "ready")
        });
        Self { address, _process: process }
    }

    /// What a torrent names as its tracker.
    pub(super) fn url(scheme: Scheme) -> String {
        let port = if scheme == Scheme::Https { HTTPS_PORT } else { PORT };
        format!("{}://{TRACKER_NAME}:{port}/announce", scheme.name())
    }
}

/// All schemes are served, whichever the clients use.
fn configuration(address: SocketAddr, authority: &Authority) -> String {
    let https = SocketAddr::new(address.ip(), HTTPS_PORT);
    format!(
        "[udp]\nlisten = [\"{address}\"]\n\
         [http]\nlisten = [\"{address}\"]\n\
         [https]\nlisten = [\"{https}\"]\n\
         certificate_file = {:?}\nkey_file = {:?}\n",
        authority.certificate, authority.key
    )
}
