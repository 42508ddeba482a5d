//! WebTorrent: browsers, Node and libtorrent find each other over WebSockets, and transfer over WebRTC.

use serde_json::{Value, json};

use super::client::Client::{Browser, Libtorrent, Node};
use super::network::Family::{self, V4, V6};
use super::node;
use super::scene::Scene;
use super::scheme::Scheme::{self, Http, Udp, Ws, Wss};
use super::share::{share, share_in_both_families, share_with_two, share_with_waiting_leecher};

#[test]
fn a_browser_downloads_from_a_browser_over_ws_and_ipv4_and_over_ws_and_ipv6() {
    share_in_both_families(Ws, Browser, Browser);
}

#[test]
fn a_browser_downloads_from_a_browser_over_wss_and_ipv4_and_over_wss_and_ipv6() {
    share_in_both_families(Wss, Browser, Browser);
}

#[test]
fn node_downloads_from_a_browser_over_ws() {
    share(Ws, V6, Browser, Node);
}

#[test]
fn a_browser_downloads_from_node_over_wss() {
    share(Wss, V4, Node, Browser);
}

#[test]
fn a_browser_that_waits_is_found_by_node_over_ws() {
    share_with_waiting_leecher(Ws, V4, Node, Browser);
}

#[test]
fn libtorrent_downloads_from_a_browser_over_wss() {
    share(Wss, V6, Browser, Libtorrent);
}

#[test]
fn a_browser_downloads_from_libtorrent_over_ws() {
    share(Ws, V4, Libtorrent, Browser);
}

#[test]
fn a_browser_and_libtorrent_download_from_node_and_from_each_other() {
    share_with_two(V4, (Node, Ws), [(Browser, Wss), (Libtorrent, Ws)]);
}

/// What the client of bittorrent-tracker has to print.
fn answers(found: &str) -> Value {
    let counts = |complete, incomplete| json!({ "complete": complete, "incomplete": incomplete });
    let scraped = |complete, incomplete, downloaded| {
        let mut scraped = counts(complete, incomplete);
        scraped["downloaded"] = json!(downloaded);
        scraped
    };
    json!({
        "leecherStarts": counts(0, 1),
        "seederStarts": counts(1, 1),
        "seederFinds": found,
        "otherStarts": counts(0, 1),
        "leecherUpdates": counts(1, 1),
        "leecherCompletes": counts(2, 0),
        "scrapeOne": scraped(2, 0, 1),
        "scrapeMany": [scraped(2, 0, 1), scraped(0, 1, 0), scraped(0, 0, 0)],
        "leecherStops": counts(1, 0),
        "seederStops": counts(0, 0),
    })
}

/// Announces and scrapes as three clients. At the end one of them is still in a swarm, and a WebSocket, which they
/// share, is closed.
fn announce_and_scrape(scheme: Scheme, family: Family, found: &str) {
    let scene = Scene::new(family);
    let said = scene.output_of(scheme, node::tracker_client_command);
    let said: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}"));
    assert_eq!(said, answers(found));
    scene.wait_for_counts(0, u32::from(!scheme.is_for_webrtc()));
}

#[test]
fn the_client_of_bittorrent_tracker_is_answered_over_udp_and_ipv4() {
    announce_and_scrape(Udp, V4, "10.77.0.3:1001");
}

#[test]
fn the_client_of_bittorrent_tracker_is_answered_over_http_and_ipv4() {
    announce_and_scrape(Http, V4, "10.77.0.3:1001");
}

#[test]
fn the_client_of_bittorrent_tracker_is_answered_over_http_and_ipv6() {
    announce_and_scrape(Http, V6, "[2001:db8:77::3]:1001");
}

#[test]
fn the_client_of_bittorrent_tracker_is_answered_over_ws_and_ipv4() {
    announce_and_scrape(Ws, V4, "-XX0001-leecher.....");
}

#[test]
fn the_client_of_bittorrent_tracker_is_answered_over_ws_and_ipv6() {
    announce_and_scrape(Ws, V6, "-XX0001-leecher.....");
}
