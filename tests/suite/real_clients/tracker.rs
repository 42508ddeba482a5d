//! The tracker under test, as a program with a configuration file.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use super::authority::Authority;
use super::host::Host;
use super::network::{Family, TRACKER_NAME};
use super::nginx::Forwarding;
use super::process::Process;
use super::scheme::Scheme;
use super::wait::wait_until;

/// UDP and HTTP share a number, as they do by default.
const PORT: u16 = 6969;
const HTTPS_PORT: u16 = 6970;

/// A running tracker.
pub(super) struct Tracker {
    pub(super) addresses: Addresses,
    _process: Process,
}

/// The addresses that it serves. All schemes are served, whichever the clients use.
pub(super) struct Addresses {
    pub(super) udp: SocketAddr,
    pub(super) http: SocketAddr,
    pub(super) https: SocketAddr,
}

/// A proxy that it trusts to name clients.
pub(super) struct TrustedProxy {
    pub(super) ip: IpAddr,
    pub(super) forwarding: Forwarding,
}

impl Tracker {
    /// Starts the tracker on `host` for one family, with additional settings and its files in `folder`, and waits
    /// until it serves.
    pub(super) fn start(
        host: &Host,
        family: Family,
        authority: &Authority,
        settings: &str,
        folder: &Path,
    ) -> Self {
        let [udp, http, https] =
            [PORT, PORT, HTTPS_PORT].map(|port| SocketAddr::new(host.address(family), port));
        let addresses = Addresses { udp, http, https };
        let (config, log) = (folder.join("ringtrack.toml"), folder.join("tracker.log"));
        let text = configuration(&addresses, authority, settings);
        std::fs::write(&config, text).expect("a configuration file");
        let mut command = host.command(&crate::program::program());
        command.arg("--config").arg(config);
        let mut process = Process::start(command, &log);
        wait_until("the tracker is ready", folder, || {
            let output = process.output();
            assert!(!process.has_ended(), "the tracker ended at its start:\n{output}");
            output.split_whitespace().any(|word| word == "ready")
        });
        Self { addresses, _process: process }
    }

    /// The tracker's URL in a torrent.
    pub(super) fn url(scheme: Scheme) -> String {
        let port = if scheme.is_encrypted() { HTTPS_PORT } else { PORT };
        format!("{}://{TRACKER_NAME}:{port}/announce", scheme.name())
    }
}

impl TrustedProxy {
    /// Its part of the tracker's configuration.
    pub(super) fn settings(&self) -> String {
        format!("[proxy]\ntrusted = [\"{}\"]\nheader = \"{}\"\n", self.ip, self.forwarding.name())
    }
}

fn configuration(addresses: &Addresses, authority: &Authority, settings: &str) -> String {
    let Addresses { udp, http, https } = addresses;
    let Authority { certificate, key, .. } = authority;
    format!(
        "[udp]\nlisten = [\"{udp}\"]\n\
         [http]\nlisten = [\"{http}\"]\n\
         [health_check_api]\nlisten = []\n\
         [metrics]\nlisten = []\n\
         [https]\nlisten = [\"{https}\"]\ncertificate_file = {certificate:?}\nkey_file = {key:?}\n\
         {settings}"
    )
}
