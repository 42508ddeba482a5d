//! What operators look at: the figures in a real Prometheus, with the queries of the Grafana dashboard and the alert rules, and
//! the tracker's pages in a real browser.

mod pages;
mod prometheus;
mod queries;
mod rules;
mod traffic;

use std::process::Command;

use ringtrack_tests::upstream::{Behavior, Upstream};
use tempfile::TempDir;

use crate::management::api::Api;
use crate::management::{FREE_PORT, TOKEN, address_in};
use crate::real_clients::tools::require;
use crate::tracker::{Launch, Tracker};

/// The same command, whose program the kernel kills when this thread ends, for whatever reason.
fn bound_to_us(command: &Command) -> Command {
    let mut bound = Command::new(require("setpriv"));
    bound.args(["--pdeathsig", "KILL", "--"]).arg(command.get_program()).args(command.get_args());
    bound
}

/// A private tracker with everything on: every protocol, both families, a database, a management API, pages, and forwarding.
struct Scene {
    tracker: Tracker,
    api: Api,
    _upstream: Upstream,
    _files: TempDir,
}

impl Scene {
    fn start() -> Self {
        let upstream = Upstream::udp("127.0.0.1", Behavior::peers(&["127.0.0.9:999"]));
        let files = tempfile::tempdir().unwrap();
        let forwarders = files.path().join("forwarders.yml");
        std::fs::write(&forwarders, format!("- uri: {}\n", upstream.uri(""))).unwrap();
        let tracker = Launch::on_loopback()
            .set("access.mode", "private")
            .set("access.peer_details", "on")
            .set("api.listen", FREE_PORT)
            .set("api.tokens", &format!("tests={TOKEN}"))
            .set("forwarding.file", forwarders.to_str().unwrap())
            .set("forwarding.private_peers", "accept")
            .set("latency.kernel_sample_every_s", "1")
            .set("metrics.listen", FREE_PORT)
            .set("statistics.page", "on")
            .start();
        Self { api: Api::of(&tracker), tracker, _upstream: upstream, _files: files }
    }

    /// The address of its figures.
    fn metrics(&self) -> String {
        address_in(&self.tracker, "figures for Prometheus are at")
    }
}
