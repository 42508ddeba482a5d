//! Real clients move real files, and find each other only through the tracker.
//!
//! What each of them can do with a UDP tracker, as seen in these networks:
//!
//! | client           | over IPv4 | over IPv6                                    |
//! |------------------|-----------|----------------------------------------------|
//! | libtorrent 2.0   | all       | all                                          |
//! | aria2 1.36       | all       | nothing                                      |
//! | Transmission 3.0 | all       | announces, but finds nobody: it can be found |
//!
//! aria2 asks UDP trackers from an IPv4 socket only. A name that has no IPv4 address it cannot resolve ("Name
//! resolution for tracker.test failed"), and an IPv6 address in the URL fails when it sends ("Address family
//! not supported by protocol").
//!
//! Transmission asks over IPv6 where the tracker has a name (an IPv6 address in brackets it looks up as if it
//! were one, in vain), but takes each 18-byte peer of the answer for three IPv4 peers ("Got 3 peers from
//! tracker" where there is one).

mod aria2;
mod client;
mod host;
mod libtorrent;
mod network;
mod process;
mod scene;
mod scrape;
mod tools;
mod torrent;
mod tracker;
mod transmission;
mod wait;

use client::Client::{self, Aria2, Libtorrent, Transmission};
use network::Family::{self, V4, V6};
use process::Process;
use scene::Scene;

/// A leecher is told of a seeder that is there already.
fn share(family: Family, seeder: Client, leecher: Client) {
    let scene = Scene::new(family);
    let seeder = scene.start_seeder(seeder);
    scene.wait_for_peers(1, 0);
    let leecher = scene.start_leecher(leecher);
    share_to_the_end(&scene, &seeder, &leecher);
}

/// A seeder is told of a leecher that waits already.
fn share_with_waiting_leecher(family: Family, seeder: Client, leecher: Client) {
    let scene = Scene::new(family);
    let leecher = scene.start_leecher(leecher);
    scene.wait_for_peers(0, 1);
    let seeder = scene.start_seeder(seeder);
    share_to_the_end(&scene, &seeder, &leecher);
}

/// The leecher gets the file and tells so, and both take leave; the tracker's view is checked at each step.
fn share_to_the_end(scene: &Scene, seeder: &Process, leecher: &Process) {
    scene.wait_for_the_file();
    scene.wait_for_peers(2, 0);
    leecher.ask_to_stop();
    scene.wait_for_peers(1, 0);
    seeder.ask_to_stop();
    scene.wait_for_peers(0, 0);
}

#[test]
fn libtorrent_downloads_from_libtorrent_over_ipv4() {
    share(V4, Libtorrent, Libtorrent);
}

#[test]
fn aria2_downloads_from_libtorrent_over_ipv4() {
    share(V4, Libtorrent, Aria2);
}

#[test]
fn transmission_downloads_from_libtorrent_over_ipv4() {
    share(V4, Libtorrent, Transmission);
}

#[test]
fn libtorrent_downloads_from_aria2_over_ipv4() {
    share(V4, Aria2, Libtorrent);
}

#[test]
fn aria2_downloads_from_aria2_over_ipv4() {
    share(V4, Aria2, Aria2);
}

#[test]
fn transmission_downloads_from_aria2_over_ipv4() {
    share(V4, Aria2, Transmission);
}

#[test]
fn libtorrent_downloads_from_transmission_over_ipv4() {
    share(V4, Transmission, Libtorrent);
}

#[test]
fn aria2_downloads_from_transmission_over_ipv4() {
    share(V4, Transmission, Aria2);
}

#[test]
fn transmission_downloads_from_transmission_over_ipv4() {
    share(V4, Transmission, Transmission);
}

#[test]
fn aria2_that_waits_is_found_by_libtorrent_over_ipv4() {
    share_with_waiting_leecher(V4, Libtorrent, Aria2);
}

#[test]
fn libtorrent_downloads_from_libtorrent_over_ipv6() {
    share(V6, Libtorrent, Libtorrent);
}

#[test]
fn libtorrent_downloads_from_transmission_over_ipv6() {
    share(V6, Transmission, Libtorrent);
}

#[test]
fn transmission_that_waits_is_found_by_libtorrent_over_ipv6() {
    share_with_waiting_leecher(V6, Libtorrent, Transmission);
}
