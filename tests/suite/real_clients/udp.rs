//! Transfers with a tracker over UDP.

use super::client::Client::{Aria2, Libtorrent, Transmission};
use super::network::Family::{V4, V6};
use super::scheme::Scheme::Udp;
use super::share::{share, share_with_waiting_leecher};

#[test]
fn libtorrent_downloads_from_libtorrent_over_ipv4() {
    share(Udp, V4, Libtorrent, Libtorrent);
}

#[test]
fn aria2_downloads_from_libtorrent_over_ipv4() {
    share(Udp, V4, Libtorrent, Aria2);
}

#[test]
fn transmission_downloads_from_libtorrent_over_ipv4() {
    share(Udp, V4, Libtorrent, Transmission);
}

#[test]
fn libtorrent_downloads_from_aria2_over_ipv4() {
    share(Udp, V4, Aria2, Libtorrent);
}

#[test]
fn aria2_downloads_from_aria2_over_ipv4() {
    share(Udp, V4, Aria2, Aria2);
}

#[test]
fn transmission_downloads_from_aria2_over_ipv4() {
    share(Udp, V4, Aria2, Transmission);
}

#[test]
fn libtorrent_downloads_from_transmission_over_ipv4() {
    share(Udp, V4, Transmission, Libtorrent);
}

#[test]
fn aria2_downloads_from_transmission_over_ipv4() {
    share(Udp, V4, Transmission, Aria2);
}

#[test]
fn transmission_downloads_from_transmission_over_ipv4() {
    share(Udp, V4, Transmission, Transmission);
}

#[test]
fn aria2_that_waits_is_found_by_libtorrent_over_ipv4() {
    share_with_waiting_leecher(Udp, V4, Libtorrent, Aria2);
}

#[test]
fn libtorrent_downloads_from_libtorrent_over_ipv6() {
    share(Udp, V6, Libtorrent, Libtorrent);
}

#[test]
fn libtorrent_downloads_from_transmission_over_ipv6() {
    share(Udp, V6, Transmission, Libtorrent);
}

#[test]
fn transmission_that_waits_is_found_by_libtorrent_over_ipv6() {
    share_with_waiting_leecher(Udp, V6, Libtorrent, Transmission);
}
