//! Each key that changes at a reload, changed while clients announce.

use std::collections::BTreeSet;
use std::path::Path;

use primitives::InfoHash;
use ringtrack_tests::http_client::{request, scrape_target};
use serde_json::json;
use zerocopy::IntoBytes;

use super::load::Load;
use super::{FIXED_INTERVAL, Scene};
use crate::http_client::{HttpClient, announce_target};
use crate::management::api::request_head;
use crate::patience::until;
use crate::udp_client::Client;

const TORRENT: InfoHash = InfoHash([7; 20]);
const DENIED: InfoHash = InfoHash([9; 20]);

/// Keys that change together: the lines for the file, the keys, and how the change is seen.
struct Row {
    lines: String,
    keys: &'static [&'static str],
    see: fn(&Scene),
}

fn row(lines: &str, keys: &'static [&'static str], see: fn(&Scene)) -> Row {
    Row { lines: lines.to_owned(), keys, see }
}

fn is_denied(scene: &Scene, source: [u8; 4], peer_id: &str) -> bool {
    let target = announce_target(TORRENT, 1001, 1).replace("-XX0001-", peer_id);
    HttpClient::from(source, scene.tracker.http_v4()).get(&target).reason().is_some()
}

fn upgrade_status(scene: &Scene) -> u16 {
    let headers = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let mut client = HttpClient::new(scene.tracker.http_v4());
    client.send(&request("/", headers));
    client.head().status
}

fn token_is_accepted(scene: &Scene, token: &str) -> bool {
    let mut client = HttpClient::new(scene.api.address());
    client.send(request_head("GET", "stats", token, 0).as_bytes());
    client.answer().status == 200
}

/// Rows that are seen in what clients get, or in the log.
fn rows_for_clients() -> Vec<Row> {
    vec![
        row("announce.interval_s = 900", &["announce.interval_s"], |scene| {
            assert_eq!(scene.interval_s(), 900);
        }),
        row(
            "announce.numwant_default = 1\nannounce.numwant_max = 60",
            &["announce.numwant_default", "announce.numwant_max"],
            |scene| {
                let client = Client::new(scene.tracker.v4());
                let peers = |port| client.announce(client.leecher(InfoHash([2; 20]), port)).peers.len();
                assert_eq!([1, 2, 3].map(peers), [0, 1, 1]);
            },
        ),
        row("access.deny_clients = \"-ZZ\"", &["access.deny_clients"], |scene| {
            assert!(
                is_denied(scene, [127, 0, 0, 1], "-ZZ0001-") && !is_denied(scene, [127, 0, 0, 1], "-YY0001-")
            );
        }),
        row("access.deny_networks = \"127.0.0.66\"", &["access.deny_networks"], |scene| {
            assert!(is_denied(scene, [127, 0, 0, 66], "-XX0001-"));
        }),
        row("http.scrape_torrents_max = 1", &["http.scrape_torrents_max"], |scene| {
            let scraped = scene.http(&scrape_target(&[InfoHash([1; 20]), InfoHash([2; 20])])).scraped();
            assert_eq!(scraped.len(), 1);
        }),
        row("http.full_scrape_every_s = 600", &["http.full_scrape_every_s"], |scene| {
            let mut client = HttpClient::new(scene.tracker.http_v4());
            client.send(&request("/scrape", ""));
            assert_eq!(client.head().header("transfer-encoding"), Some("chunked"));
        }),
        row(
            "proxy.trusted = \"127.0.0.67\"\nproxy.header = \"x-real-ip\"",
            &["proxy.trusted", "proxy.header"],
            |scene| {
                let mut client = HttpClient::from([127, 0, 0, 67], scene.tracker.http_v4());
                client.send(&request(&announce_target(TORRENT, 1001, 1), "X-Real-IP: 203.0.113.9\r\n"));
                assert_eq!(client.answer().announced().external_ip.to_string(), "203.0.113.9");
            },
        ),
        row("websocket.enabled = \"off\"", &["websocket.enabled"], |scene| {
            assert_ne!(upgrade_status(scene), 101);
        }),
        row("limits.peers_per_swarm_max = 1", &["limits.peers_per_swarm_max"], |scene| {
            let leechers =
                |port| scene.http(&announce_target(InfoHash([3; 20]), port, 1)).announced().common.leechers;
            assert_eq!([leechers(1), leechers(2)], [1, 1], "the second takes the place of the first");
        }),
        row("connection_ids.invalid = \"drop\"", &["connection_ids.invalid"], |scene| {
            let client = Client::unconnected(scene.tracker.v4());
            client.send(client.leecher(TORRENT, 1001).as_bytes());
            scene.tracker.wait_for_figures(&[("udp_v4_announce_dropped_connection_id_silenced", 1)]);
        }),
        row("http.requests_per_connection_max = 3", &["http.requests_per_connection_max"], |scene| {
            let mut client = HttpClient::new(scene.tracker.http_v4());
            let last = [1, 2, 3].map(|_| client.get("/health_check")).into_iter().next_back();
            assert!(last.is_some_and(|answer| answer.header("connection").is_some()));
            client.assert_closed();
        }),
        row("statistics.interval_s = 1", &["statistics.interval_s"], |scene| {
            scene.wait_for_line(" statistics received/s=");
        }),
        row("api.tokens.other = \"another-token-of-these-tests\"", &["api.tokens"], |scene| {
            assert!(token_is_accepted(scene, "another-token-of-these-tests"));
        }),
    ]
}

/// Rows about who is served. Each undoes none of those before.
fn rows_about_admission(folder: &Path) -> Vec<Row> {
    let [denied, allowed, tokens] = ["denied", "allowed", "tokens"].map(|name| folder.join(name));
    std::fs::write(&denied, format!("{DENIED}\n")).unwrap();
    std::fs::write(&allowed, format!("{TORRENT}\n")).unwrap();
    std::fs::write(&tokens, "file = token-of-a-file-of-these-tests\n").unwrap();
    vec![
        row(&format!("access.deny_file = {denied:?}"), &["access.deny_file"], |scene| {
            assert!(scene.announce(DENIED).reason().is_some());
        }),
        row(&format!("api.tokens_file = {tokens:?}"), &["api.tokens_file"], |scene| {
            assert!(token_is_accepted(scene, "token-of-a-file-of-these-tests"));
        }),
        row(
            &format!("access.mode = \"listed\"\naccess.allow_file = {allowed:?}"),
            &["access.mode", "access.allow_file"],
            |scene| {
                assert_eq!(scene.announce(TORRENT).reason(), None);
                let unlisted = InfoHash([1; 20]);
                assert!(scene.announce(unlisted).reason().is_some());
                let scraped = scene.http(&scrape_target(&[unlisted])).scraped();
                assert!(
                    scraped.values().all(|counts| counts.leechers == 0),
                    "its swarm is gone: {scraped:?}"
                );
            },
        ),
    ]
}

/// The other keys, of which only the configuration in use is looked at. The unit tests hold that each is handed out.
const REST: &[(&str, &str)] = &[
    ("udp.path_mtu_bytes", "1400"),
    ("udp.coalesce_us", "100"),
    ("udp.filter", "\"off\""),
    ("udp.filter_wrong_ids_per_s", "100"),
    ("http.named_addresses_from", "[\"10.0.0.0/8\"]"),
    ("http.connections_max", "1000"),
    ("http.connections_per_prefix_max", "500"),
    ("http.first_request_s", "20"),
    ("http.request_s", "20"),
    ("http.idle_s", "90"),
    ("http.answer_s", "30"),
    ("proxy.forwarded_index", "2"),
    ("websocket.interval_s", "60"),
    ("websocket.idle_s", "100"),
    ("websocket.offers_per_announce_max", "5"),
    ("websocket.signals_per_second_max", "100"),
    ("websocket.torrents_per_connection_max", "10"),
    ("websocket.allow_origins", "[\"https://example.org\"]"),
    ("websocket.deny_origins", "[\"https://example.com\"]"),
    ("connection_ids.lifetime_s", "60"),
    ("announce.interval_s_max", "2000"),
    ("announce.interval_s_min", "30"),
    ("announce.interval_jitter_percent", "5"),
    ("announce.peer_lifetime_s", "3000"),
    ("access.allow_clients", "[\"-XX\"]"),
    ("access.torrents_max", "1000"),
    ("access.keys_max", "1000"),
    ("access.sessions_max", "1000"),
    ("access.peer_details", "\"on\""),
    ("sources.ipv4_prefix_bits", "[24]"),
    ("sources.ipv6_prefix_bits", "[48]"),
    ("sources.wider_prefix_factor", "4"),
    ("sources.requests_per_s", "100000"),
    ("sources.new_peers_per_s", "100000"),
    ("sources.new_torrents_per_s", "100000"),
    ("sources.connections_per_s", "100000"),
    ("sources.handshakes_per_s", "100000"),
    ("sources.burst_s", "10"),
    ("sources.unproved_per_s", "1000000"),
    ("sources.allow", "[\"127.0.0.0/8\"]"),
    ("sources.ban_after_s", "5"),
    ("sources.ban_s", "10"),
    ("sources.ban_s_max", "3600"),
    ("sources.bans_max", "100"),
    ("forwarding.timeout_s", "10"),
    ("forwarding.requests_max", "10"),
    ("forwarding.rate_per_second_max", "10"),
    ("forwarding.burst_max", "10"),
    ("forwarding.waiting_max", "1000"),
    ("forwarding.torrents_max", "1000"),
    ("forwarding.external_peers_max", "1000"),
    ("limits.swarms_max", "100000"),
    ("limits.peers_max", "100000"),
    ("limits.peers_per_source_max", "8"),
    ("limits.memory_max_mib", "512"),
    ("database.flush_every_s", "10"),
    ("snapshot.interval_s", "3600"),
    ("statistics.page", "\"on\""),
    ("statistics.redirect", "\"/stats\""),
    ("latency.interval_s", "10"),
    ("latency.kernel_sample_every_s", "5"),
    ("shutdown.deadline_s", "20"),
];

/// Live keys that other tests change: those that are set by the environment here, or off.
const ELSEWHERE: [&str; 9] = [
    "api.certificate_file",
    "api.key_file",
    "forwarding.file",
    "https.certificate_file",
    "https.key_file",
    "latency.directory",
    "log.format",
    "log.level",
    "metrics.token",
];

#[track_caller]
fn change(scene: &mut Scene, row: &Row) {
    scene.add(&row.lines);
    let mut wanted = row.keys.to_vec();
    let [changed, needs_restart] = scene.reload();
    let mut changed: Vec<&str> =
        changed.as_array().unwrap().iter().map(|key| key.as_str().unwrap()).collect();
    changed.sort_unstable();
    wanted.sort_unstable();
    assert_eq!((changed, needs_restart), (wanted, json!([])));
    (row.see)(scene);
}

#[test]
fn a_reload_of_every_live_key_under_load_loses_no_request() {
    let mut scene = Scene::start(FIXED_INTERVAL);
    let load = Load::start(&scene.tracker, TORRENT);
    let mut seen = BTreeSet::new();
    for row in rows_for_clients().into_iter().chain(rows_about_admission(scene.folder.path())) {
        change(&mut scene, &row);
        seen.extend(row.keys.iter().map(ToString::to_string));
    }
    // The file would set it twice.
    scene.text = scene.text.replace(FIXED_INTERVAL, "");
    let lines: Vec<String> = REST.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    scene.add(&lines.join("\n"));
    let [changed, needs_restart] = scene.reload();
    let changed: BTreeSet<&str> =
        changed.as_array().unwrap().iter().map(|key| key.as_str().unwrap()).collect();
    assert_eq!((changed, needs_restart), (REST.iter().map(|(key, _)| *key).collect(), json!([])));
    let config = scene.config();
    for (key, value) in REST {
        let (section, name) = key.split_once('.').unwrap();
        assert_eq!(config[section][name].to_string(), value.replace("\", ", "\","), "{key}");
    }
    seen.extend(REST.iter().map(|(key, _)| *key).chain(ELSEWHERE).map(str::to_owned));
    assert_eq!(seen, config::live_keys().collect());
    let answered = load.stop();
    assert!(answered > 2000, "{answered} requests are too few to find a lost one");
}

#[test]
fn a_tracker_becomes_private_and_public_again_with_its_stored_keys() {
    let mut scene = Scene::start("");
    let public = scene.text.clone();
    scene.add("access.mode = \"private\"");
    assert_eq!(scene.reload()[0], json!(["access.mode"]));
    assert!(scene.announce(TORRENT).reason().is_some());
    let made = scene.api.ask("POST", "keys", "{\"key\": null, \"seconds_valid\": null}");
    let made: serde_json::Value = serde_json::from_slice(&made.body).unwrap();
    let key = made["key"].as_str().unwrap();
    let with_key = announce_target(TORRENT, 1001, 1).replace("/announce?", &format!("/announce/{key}?"));
    assert_eq!(scene.http(&with_key).reason(), None);
    let private = std::mem::replace(&mut scene.text, public);
    scene.add("");
    assert_eq!(scene.reload()[0], json!(["access.mode"]));
    assert_eq!(scene.announce(TORRENT).reason(), None);
    scene.text = private;
    scene.add("");
    assert_eq!(scene.reload()[0], json!(["access.mode"]));
    assert!(scene.announce(TORRENT).reason().is_some());
    assert_eq!(scene.http(&with_key).reason(), None, "its keys are those of the database");
}

#[test]
fn level_and_format_of_the_log_change() {
    let mut scene = Scene::start("");
    scene.add("log.format = \"json\"");
    assert_eq!(scene.reload()[0], json!(["log.format"]));
    scene.tracker.wait_for_log("a line in JSON", |lines| {
        lines
            .iter()
            .any(|line| line.starts_with('{') && line.contains("reloaded the configuration"))
            .then_some(())
    });
    scene.add("log.level = \"error\"");
    assert_eq!(scene.reload()[0], json!(["log.level"]));
    // Until an error of this level is in the log, lines of the reload before may be on their way to it.
    scene.refuse("first = 1");
    let mut logged = 0;
    until("the first error", || {
        let log = scene.tracker.log();
        logged = log.len();
        log.iter().any(|line| line.contains("first: there is no such key"))
    });
    scene.add("statistics.interval_s = 1");
    assert_eq!(scene.reload()[0], json!(["statistics.interval_s"]));
    scene.refuse("second = 1");
    let mut new = Vec::new();
    until("an error", || {
        new = scene.tracker.log().split_off(logged);
        new.iter().any(|line| line.contains("second: there is no such key"))
    });
    assert!(new.iter().all(|line| line.contains("\"ERROR\"")), "{new:#?}");
}
