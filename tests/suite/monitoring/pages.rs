//! The statistics page and the dashboard in a real Chromium, while the load generator runs.

use std::net::SocketAddr;
use std::process::Command;

use primitives::InfoHash;
use serde_json::{Value, json};

use super::traffic::{Traffic, keep_loading};
use super::{Scene, bound_to_us};
use crate::load_generator::load;
use crate::management::TOKEN;
use crate::management::announces::{Announce, Way};
use crate::program::in_checkout;
use crate::real_clients::process::Process;
use crate::real_clients::tools::{require, require_in_checkout};

/// A torrent that the load does not announce.
const OTHER: InfoHash = InfoHash([0xab; 20]);

/// A tracker that has the load's peers and one more, while the load announces the same ones again.
struct Loaded {
    scene: Scene,
    /// The path in the tracker's URL, with a key.
    path: String,
    _load: Process,
}

impl Loaded {
    fn start() -> Self {
        let scene = Scene::start();
        let key = scene.api.new_key(None);
        let path = format!("/announce/{key}");
        fill(scene.tracker.v4(), &path, "100");
        fill(scene.tracker.v6(), &path, "0");
        assert_eq!(Announce::of(OTHER).with_key(&key).refusal(&scene.tracker, Way::Udp), None);
        let url = format!("http://{}{path}", scene.tracker.http_v4());
        let load = keep_loading(&scene, &url, "--seeders-percent 100 --rate 200 --wait sleep");
        Self { scene, path, _load: load }
    }

    /// The object of `/stats.json`, of the peers that were announced.
    fn totals() -> Value {
        json!({
            "torrents": 51, "activeTorrents": 51, "peersAll": 6001, "peersSeederOnly": 3000, "peersLeecherOnly": 3001,
            "peersSeederAndLeecher": 0, "peersIPv4": 3001, "peersIPv6": 3000,
        })
    }

    /// Runs a script with a folder for the browser, and these arguments.
    fn browse(&self, script: &str, arguments: &[&str]) {
        require("chromium-headless-shell");
        let mut command = Command::new(require_in_checkout("node"));
        command.arg(in_checkout("tests/suite/monitoring/browser").join(script));
        command.arg(self.scene.tracker.dumps().join(script)).args(arguments);
        let output = bound_to_us(&command).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&said));
    }

    fn public_origin(&self) -> String {
        format!("http://{}", self.scene.tracker.http_v4())
    }

    fn api_origin(&self) -> String {
        format!("http://{}", self.scene.api.address())
    }
}

/// Announces each of the load's 3000 peers once, with this path in the tracker's URL, and this share of seeders.
fn fill(tracker: SocketAddr, path: &str, seeders_percent: &str) {
    let arguments = ["--fill", "--url-data", path, "--seeders-percent", seeders_percent];
    let output = load(&tracker.to_string(), &arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_statistics_page_shows_what_was_announced_and_is_accessible() {
    let loaded = Loaded::start();
    loaded.browse("statistics.mjs", &[&loaded.public_origin(), &Loaded::totals().to_string()]);
}

#[test]
fn operators_see_the_load_in_the_dashboard_remove_a_torrent_and_set_and_lift_a_ban() {
    let loaded = Loaded::start();
    let totals = Loaded::totals().to_string();
    loaded.browse("dashboard.mjs", &[&loaded.api_origin(), TOKEN, &totals, &OTHER.to_string()]);
}

#[test]
#[ignore = "takes minutes, and writes pictures: see tests/screenshots"]
fn pictures_for_the_documentation() {
    let loaded = Loaded::start();
    let _traffic = Traffic::start(&loaded.scene);
    let arguments = format!("--seeders-percent 0 --rate 900 --invalid-percent 5 --url-data {}", loaded.path);
    let _udp = keep_loading(&loaded.scene, &loaded.scene.tracker.v6().to_string(), &arguments);
    let folder = in_checkout("docs/images");
    let folder = folder.to_str().unwrap();
    loaded.browse("pictures.mjs", &[&loaded.public_origin(), &loaded.api_origin(), TOKEN, folder]);
}
