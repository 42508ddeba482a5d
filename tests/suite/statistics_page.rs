//! The statistics page of the running tracker.

use std::collections::BTreeMap;

use primitives::{InfoHash, PeerId};
use serde_json::Value;

use crate::http_client::{HttpClient, announce_target, scrape_target};
use crate::patience::wait_for;
use crate::tracker::Launch;
use crate::udp_client::Client;

/// Torrents of all cores.
const TORRENTS: u8 = 16;

fn torrents() -> impl Iterator<Item = InfoHash> {
    (0..TORRENTS).map(|number| InfoHash([number; 20]))
}

/// Announces a leecher over UDP and a seeder over HTTP to each torrent, with different client software.
fn announce(udp: &Client, http: &mut HttpClient) {
    for torrent in torrents() {
        let mut leecher = udp.leecher(torrent, 1001);
        leecher.peer_id = PeerId(*b"-qB4650-abcdefghijkl");
        udp.announce(leecher);
        let target = announce_target(torrent, 1002, 0).replace("-XX0001-", "-TR4060-");
        assert_eq!(http.get(&target).status, 200);
    }
}

/// Returns the statistics once they are served.
fn statistics(http: &mut HttpClient) -> Result<Value, String> {
    let answer = http.get("/stats.json");
    match answer.status {
        200 => Ok(serde_json::from_slice(&answer.body).expect("JSON")),
        status => Err(format!("status {status}")),
    }
}

#[test]
fn the_statistics_have_the_peers_and_the_client_software_of_all_cores() {
    let launch = Launch::on_loopback().set("statistics.page", "on");
    let tracker = launch.set("statistics.redirect", "/stats").start();
    let (udp, mut http) = (Client::new(tracker.v4()), HttpClient::new(tracker.http_v4()));
    // Counting begins within a second of the start. The peers stay the same.
    let counted = wait_for(|| {
        announce(&udp, &mut http);
        let statistics = statistics(&mut http)?;
        let count = |name: &str, version: &str| statistics["clients"][name][version].as_u64().unwrap_or(0);
        let counts = [count("qBittorrent", "4.6.5"), count("Transmission", "4.0.6")];
        let peers = u64::from(TORRENTS);
        let expected: BTreeMap<&str, u64> = [
            ("torrents", peers),
            ("activeTorrents", peers),
            ("peersAll", 2 * peers),
            ("peersSeederOnly", peers),
            ("peersLeecherOnly", peers),
            ("peersSeederAndLeecher", 0),
            ("peersIPv4", 2 * peers),
            ("peersIPv6", 0),
            ("peersWebRTC", 0),
        ]
        .into();
        let has_totals = expected.iter().all(|(name, value)| statistics[name] == *value);
        // However often they announce, they are as many as there are peers, and about half are of each.
        let is_counted =
            counts.iter().sum::<u64>() == 2 * peers && counts.iter().all(|count| *count >= peers / 2);
        if has_totals && is_counted { Ok(statistics) } else { Err(statistics.to_string()) }
    });
    assert_eq!(counted["clients"].as_object().expect("clients").len(), 2, "{counted}");
    let page = String::from_utf8(http.get("/stats").body).expect("text");
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("qBittorrent"), "{page}");
    let root = http.get("/");
    assert_eq!((root.status, root.header("location")), (302, Some("/stats")));
    assert_eq!(http.get(&scrape_target(&[InfoHash([0; 20])])).status, 200, "the connection goes on");
    assert!(tracker.stop().figures().get("http_v4_statistics") >= 2);
}
