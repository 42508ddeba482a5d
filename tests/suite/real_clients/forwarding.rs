//! Chains of trackers: a leecher that knows only our tracker downloads from a seeder that only an upstream tracker knows.

mod upstream;

use super::client::Client::{EagerLibtorrent, Libtorrent};
use super::network::Family::{self, V4, V6};
use super::scene::{Role, Scene};
use super::scheme::Scheme::{self, Http, Udp};
use upstream::UpstreamTracker::{self, Aquatic, BittorrentTracker, Opentracker, Ringtrack};

/// Our tracker forwards over this scheme, and clients use it too.
fn share_through(upstream: UpstreamTracker, scheme: Scheme, family: Family) {
    share_in(&Scene::with_upstream(family, &upstream::url(scheme)), upstream, scheme, family);
}

fn share_in(scene: &Scene, upstream: UpstreamTracker, scheme: Scheme, family: Family) {
    let _upstream = upstream.start(scene, family);
    let seeder = scene.start_with(Role::Seeder, Libtorrent, scheme, &upstream::url(scheme));
    scene.wait_until("the upstream tracker knows the seeder", || {
        seeder.process.output().lines().any(|line| line.starts_with("tracker_reply "))
    });
    let _leecher = scene.start(Role::Leecher, EagerLibtorrent, scheme);
    scene.wait_for_the_file(Role::Leecher);
    // Only the leecher is a peer of our tracker.
    scene.wait_for_counts(1, 0);
    let shown = &scene.ask_api("GET", "forwarders", "")[0];
    assert!(shown["state"] == "active" && shown["peers"].as_u64() > Some(0), "{shown}");
}

#[test]
fn a_file_is_moved_through_another_ringtrack_over_udp_and_ipv4() {
    share_through(Ringtrack, Udp, V4);
}

#[test]
fn a_file_is_moved_through_another_ringtrack_over_http_and_ipv6() {
    share_through(Ringtrack, Http, V6);
}

#[test]
fn a_file_is_moved_through_opentracker_over_udp() {
    share_through(Opentracker, Udp, V4);
}

#[test]
fn a_file_is_moved_through_opentracker_over_http() {
    share_through(Opentracker, Http, V4);
}

#[test]
fn a_file_is_moved_through_bittorrent_tracker_over_udp() {
    share_through(BittorrentTracker, Udp, V4);
}

#[test]
fn a_file_is_moved_through_bittorrent_tracker_over_http_to_a_client_behind_an_nginx_that_sends_x_real_ip() {
    let scene = Scene::with_upstream_behind_nginx(V4, &upstream::url(Http));
    share_in(&scene, BittorrentTracker, Http, V4);
}

#[test]
#[ignore = "`bench/compare --only aquatic_udp` builds what it needs"]
fn a_file_is_moved_through_aquatic_over_udp() {
    share_through(Aquatic, Udp, V4);
}
