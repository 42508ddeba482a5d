//! Over HTTP.

use super::client::Client::{Aria2, Libtorrent, Transmission};
use super::network::Family::{V4, V6};
use super::scheme::Scheme::Http;
use super::share::share;

#[test]
fn libtorrent_downloads_from_transmission_over_ipv4() {
    share(Http, V4, Transmission, Libtorrent);
}

#[test]
fn aria2_downloads_from_libtorrent_over_ipv4() {
    share(Http, V4, Libtorrent, Aria2);
}

#[test]
fn transmission_downloads_from_aria2_over_ipv4() {
    share(Http, V4, Aria2, Transmission);
}

#[test]
fn libtorrent_downloads_from_transmission_over_ipv6() {
    share(Http, V6, Transmission, Libtorrent);
}

#[test]
fn aria2_downloads_from_libtorrent_over_ipv6() {
    share(Http, V6, Libtorrent, Aria2);
}

#[test]
fn transmission_downloads_from_aria2_over_ipv6() {
    share(Http, V6, Aria2, Transmission);
}
