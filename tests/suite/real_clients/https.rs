//! Transfers with a tracker over HTTPS.

use super::client::Client::{Aria2, Libtorrent, Transmission};
use super::scheme::Scheme::Https;
use super::share::share_in_both_families;

#[test]
fn libtorrent_downloads_from_transmission_over_ipv4_and_over_ipv6() {
    share_in_both_families(Https, Transmission, Libtorrent);
}

#[test]
fn aria2_downloads_from_libtorrent_over_ipv4_and_over_ipv6() {
    share_in_both_families(Https, Libtorrent, Aria2);
}

#[test]
fn transmission_downloads_from_aria2_over_ipv4_and_over_ipv6() {
    share_in_both_families(Https, Aria2, Transmission);
}
