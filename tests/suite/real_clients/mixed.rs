//! Transfers with a tracker over all schemes at once.

use super::client::Client::{Aria2, Libtorrent, Transmission};
use super::network::Family::{V4, V6};
use super::scheme::Scheme::{Http, Https, Udp};
use super::share::share_with_two;

#[test]
fn clients_over_http_and_https_download_from_one_over_udp() {
    share_with_two(V4, (Libtorrent, Udp), [(Transmission, Http), (Aria2, Https)]);
}

#[test]
fn clients_over_udp_and_https_download_from_one_over_http() {
    share_with_two(V4, (Aria2, Http), [(Libtorrent, Udp), (Transmission, Https)]);
}

#[test]
fn clients_over_udp_and_http_download_from_one_over_https_and_ipv6() {
    share_with_two(V6, (Transmission, Https), [(Libtorrent, Udp), (Aria2, Http)]);
}
