//! Keys in the announce URL: libtorrent sends the URL's path over UDP, too (BEP 41).

use serde_json::Value;

use super::client::Client::{self, Libtorrent, Node};
use super::network::Family::V4;
use super::scene::{Player, Role, Scene};
use super::scheme::Scheme;

fn new_key(scene: &Scene, seconds: Option<u64>) -> String {
    let form = serde_json::json!({ "key": null, "seconds_valid": seconds }).to_string();
    let made = scene.ask_api("POST", "keys", &form);
    made["key"].as_str().expect("a key").to_owned()
}

/// Waits until a condition on the account of a key holds.
fn wait_for_account(scene: &Scene, key: &str, what: &str, is_so: impl Fn(&Value) -> bool) {
    let account = || scene.ask_api("GET", &format!("key/{key}"), "");
    scene.wait_until(what, || is_so(&account()));
}

/// The client for a scheme. libtorrent reports no failure over WebSockets, and no end.
fn client_for(scheme: Scheme) -> Client {
    if scheme.is_for_webrtc() { Node } else { Libtorrent }
}

fn start(scene: &Scene, role: Role, scheme: Scheme, key: &str) -> Player {
    scene.start_with_key(role, client_for(scheme), scheme, key)
}

fn share(scheme: Scheme) {
    let scene = Scene::private(V4);
    let keys = [Role::Seeder, Role::Leecher].map(|_| new_key(&scene, None));
    let seeder = start(&scene, Role::Seeder, scheme, &keys[0]);
    wait_for_account(&scene, &keys[0], "the seeder is known", |account| account["seeding"] == 1);
    let leecher = start(&scene, Role::Leecher, scheme, &keys[1]);
    scene.wait_for_the_file(Role::Leecher);
    wait_for_account(&scene, &keys[1], "the download is accounted", |account| {
        account["downloaded"].as_u64() > Some(0) && account["seeding"] == 1 && account["leeching"] == 0
    });
    if scheme.is_for_webrtc() {
        // WebTorrent announces its end without what it has uploaded.
        return;
    }
    for player in [&leecher, &seeder] {
        player.process.ask_to_stop();
    }
    wait_for_account(&scene, &keys[0], "the upload is accounted", |account| {
        account["uploaded"].as_u64() > Some(0) && account["downloaded"] == 0 && account["seeding"] == 0
    });
}

/// libtorrent 2.1.1 on any error over UDP: it takes the datagram's first byte, a zero, for the end of the text.
const REFUSED_OVER_UDP: &str = "tracker sent a failure message";

fn refuse(scheme: Scheme) {
    let scene = Scene::private(V4);
    let (right, expired) = (new_key(&scene, None), new_key(&scene, Some(0)));
    let _seeder = start(&scene, Role::Seeder, scheme, &right);
    wait_for_account(&scene, &right, "the seeder is known", |account| account["seeding"] == 1);
    let refused = [
        (Role::Leecher, "A".repeat(32), "Authentication error: the key is not known"),
        (Role::SecondLeecher, expired, "Authentication error: the key has expired"),
    ]
    .map(|(role, key, reason)| (role, key, if scheme == Scheme::Udp { REFUSED_OVER_UDP } else { reason }));
    for (role, key, reason) in &refused {
        let player = start(&scene, *role, scheme, key);
        scene.wait_until(reason, || {
            let said = player.process.output();
            let is_error = |line: &&str| line.starts_with("tracker_error ") || line.starts_with("warning: ");
            said.lines().filter(is_error).any(|line| line.contains(reason))
        });
        assert!(!scene.has_begun_the_file(*role), "{}", player.process.output());
    }
    let found = scene.ask_api("GET", &format!("torrent/{}", scene.info_hash()), "");
    assert_eq!((&found["seeders"], &found["leechers"]), (&1.into(), &0.into()), "{found}");
}

#[test]
fn a_transfer_with_valid_keys_over_udp_is_accounted() {
    share(Scheme::Udp);
}

#[test]
fn a_transfer_with_valid_keys_over_http_is_accounted() {
    share(Scheme::Http);
}

#[test]
fn a_transfer_with_valid_keys_over_ws_is_accounted() {
    share(Scheme::Ws);
}

#[test]
fn wrong_and_expired_keys_get_no_peers_over_udp_and_the_client_reports_a_failure() {
    refuse(Scheme::Udp);
}

#[test]
fn wrong_and_expired_keys_get_no_peers_over_http_and_the_client_reports_the_reason() {
    refuse(Scheme::Http);
}

#[test]
fn wrong_and_expired_keys_get_no_peers_over_ws_and_the_client_reports_the_reason() {
    refuse(Scheme::Ws);
}
