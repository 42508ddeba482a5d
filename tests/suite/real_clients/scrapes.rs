//! Real clients that scrape report the numbers of peers.

use super::client::Client::{self, Libtorrent, Transmission};
use super::network::Family::{self, V4, V6};
use super::scene::Scene;
use super::scheme::Scheme::{self, Http, Https, Udp};

#[track_caller]
fn scrape(scheme: Scheme, family: Family, client: Client) {
    let scene = Scene::new(family);
    scene.populate(3, 1);
    let told = scene.output_of(scheme, |job| client.scrape_command(job));
    assert!(told.contains("3 seeders, 1 leechers"), "{told}");
}

#[test]
fn libtorrent_scrapes_over_udp_and_ipv4() {
    scrape(Udp, V4, Libtorrent);
}

#[test]
fn libtorrent_scrapes_over_http_and_ipv4() {
    scrape(Http, V4, Libtorrent);
}

#[test]
fn libtorrent_scrapes_over_https_and_ipv6() {
    scrape(Https, V6, Libtorrent);
}

#[test]
fn transmission_scrapes_over_http_and_ipv4() {
    scrape(Http, V4, Transmission);
}

#[test]
fn transmission_scrapes_over_http_and_ipv6() {
    scrape(Http, V6, Transmission);
}
