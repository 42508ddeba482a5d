//! Through nginx: peers get the addresses of clients, not that of nginx.

use super::client::Client::{Aria2, Libtorrent, Transmission};
use super::network::Family::{V4, V6};
use super::nginx::Forwarding::{ProxyProtocol, XForwardedFor};
use super::scene::Scene;
use super::scheme::Scheme::{Http, Https};
use super::share::share_in;

#[test]
fn clients_of_an_nginx_that_forwards_requests_find_each_other_over_http_and_ipv4() {
    share_in(&Scene::behind_nginx(V4, XForwardedFor), Http, Aria2, Libtorrent);
}

#[test]
fn clients_of_an_nginx_that_forwards_requests_find_each_other_over_https_and_ipv6() {
    share_in(&Scene::behind_nginx(V6, XForwardedFor), Https, Libtorrent, Transmission);
}

#[test]
fn clients_of_an_nginx_that_forwards_connections_find_each_other_over_https_and_ipv4() {
    share_in(&Scene::behind_nginx(V4, ProxyProtocol), Https, Transmission, Libtorrent);
}

#[test]
fn clients_of_an_nginx_that_forwards_connections_find_each_other_over_http_and_ipv6() {
    share_in(&Scene::behind_nginx(V6, ProxyProtocol), Http, Libtorrent, Aria2);
}
