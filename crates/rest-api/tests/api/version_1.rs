//! Version 1 of the API, route by route.

use crate::fake::{Fake, NOW_UNIX_S};
use crate::harness::{Answer, Api, start, start_with};
use control::management::TorrentWithPeers;
use primitives::{
    AnnounceEvent, InfoHash, PeerDetails, PeerId, PeerInfo, PeerStatus, TorrentInfo, TorrentList,
};
use rest_api::Transport;
use std::sync::atomic::Ordering;

const BUSY: &str = "a core of the tracker does not answer";
const KEY: &str = "8os3vCDpVHV9jy0WH5NTVVNnNNdNMwVF";

fn torrent(byte: u8, seeders: u32, leechers: u32, completed: u64) -> TorrentWithPeers {
    let info_hash = InfoHash([byte; 20]);
    TorrentWithPeers { info: TorrentInfo { info_hash, seeders, leechers, completed }, peers: Vec::new() }
}

fn item(byte: &str, seeders: u32, completed: u64, leechers: u32) -> String {
    let info_hash = byte.repeat(20);
    format!(
        "{{\"info_hash\":\"{info_hash}\",\"seeders\":{seeders},\"completed\":{completed},\"leechers\":{leechers}}}"
    )
}

fn bad_info_hash(text: &str) -> Answer {
    let reason = "expected a 40 character long string";
    Answer::text(400, format!("Invalid URL: invalid infohash param: string \"{text}\", {reason}"))
}

fn with_torrents() -> Api {
    let api = start();
    api.fake.add_torrent(torrent(0x11, 1, 5, 9));
    api.fake.add_torrent(torrent(0x22, 3, 0, 8));
    api.fake.add_torrent(torrent(0x33, 2, 2, 7));
    api
}

#[tokio::test]
async fn the_health_check_is_answered_and_unknown_paths_are_not_found() {
    let api = start();
    assert_eq!(api.get("/api/health_check").await, Answer::ok("{\"status\":\"Ok\"}"));
    for path in ["/dashboard", "/api", "/api/v1/nothing", "/api/v2/stats"] {
        assert_eq!(api.get(path).await, Answer::new(404, "", ""), "{path}");
    }
}

#[tokio::test]
async fn stats_have_the_original_and_the_later_names_of_version_1() {
    let api = with_torrents();
    let stats = api.get("/api/v1/stats").await;
    assert_eq!((stats.status, stats.content_type.as_str()), (200, "application/json"));
    let stats = stats.json();
    assert_eq!((&stats["torrents"], &stats["udp4_connections_handled"]), (&3.into(), &2.into()));
    for name in [
        "torrents",
        "seeders",
        "completed",
        "leechers",
        "tcp4_connections_handled",
        "tcp4_announces_handled",
        "tcp4_scrapes_handled",
        "tcp6_connections_handled",
        "tcp6_announces_handled",
        "tcp6_scrapes_handled",
        "udp4_connections_handled",
        "udp4_announces_handled",
        "udp4_scrapes_handled",
        "udp6_connections_handled",
        "udp6_announces_handled",
        "udp6_scrapes_handled",
        "udp_requests_aborted",
        "udp_requests_banned",
        "udp_banned_ips_total",
        "udp_avg_connect_processing_time_ns",
        "udp_avg_announce_processing_time_ns",
        "udp_avg_scrape_processing_time_ns",
        "udp4_requests",
        "udp4_responses",
        "udp4_errors_handled",
        "udp6_requests",
        "udp6_responses",
        "udp6_errors_handled",
    ] {
        assert!(stats[name].is_u64(), "{name}");
    }
    assert_eq!(stats.as_object().unwrap().len(), 28);
    let text = api.get("/api/v1/stats?format=prometheus").await;
    assert_eq!(text.content_type, "text/plain; version=0.0.4; charset=utf-8");
    assert!(text.body.lines().any(|line| line == "torrents 3"), "{}", text.body);
    assert_eq!(api.get("/api/v1/stats?format=xml").await.status, 400);
    api.fake.fails.store(true, Ordering::Relaxed);
    assert_eq!(api.get("/api/v1/stats").await.status, 200, "stats must not query the cores");
}

#[tokio::test]
async fn metrics_are_json_or_prometheus_text() {
    let api = start();
    let metrics = api.get("/api/v1/metrics").await.json();
    let all = metrics["metrics"].as_array().unwrap();
    let datagrams =
        all.iter().find(|metric| metric["name"] == "ringtrack_udp_datagrams_received_total").unwrap();
    assert_eq!((&datagrams["type"], &datagrams["samples"][0]["value"]), (&"counter".into(), &2.into()));
    let text = api.get("/api/v1/metrics?format=prometheus").await;
    assert_eq!(text.content_type, "text/plain; version=0.0.4; charset=utf-8");
    assert!(
        text.body.contains("\nringtrack_udp_datagrams_received_total{family=\"ipv4\"} 4\n"),
        "{}",
        text.body
    );
    assert_eq!(api.get("/api/v1/metrics?format=xml").await.status, 400);
}

#[tokio::test]
async fn a_torrent_is_returned_with_its_peers() {
    let api = start();
    let mut known = torrent(0x11, 1, 1, 9);
    let details = PeerDetails {
        peer_id: PeerId(*b"-qB4650-abcdefghijkl"),
        uploaded: 1,
        downloaded: 2,
        left: 3,
        event: AnnounceEvent::Started,
    };
    let address = "192.0.2.1:6881".parse().unwrap();
    let status = PeerStatus::Leecher;
    known.peers = vec![
        PeerInfo { address, status, heard_s_ago: 7, details: Some(details) },
        PeerInfo { address, status, heard_s_ago: 7, details: None },
        PeerInfo { address, status: PeerStatus::Seeder, heard_s_ago: 7, details: None },
    ];
    api.fake.add_torrent(known);
    let mut answer = api.get(&format!("/api/v1/torrent/{}", "11".repeat(20))).await.json();
    for peer in answer["peers"].as_array_mut().unwrap() {
        let updated = peer.as_object_mut().unwrap().remove("updated").unwrap().as_u64().unwrap();
        assert!(updated > NOW_UNIX_S * 1000, "{updated}");
    }
    let zeros = format!("0x{}", "0".repeat(40));
    let unknown = |left: u64| {
        serde_json::json!({
            "peer_id": { "id": zeros, "client": null }, "peer_addr": "192.0.2.1:6881",
            "updated_milliseconds_ago": 7000, "uploaded": 0, "downloaded": 0, "left": left, "event": "None",
        })
    };
    let expected = serde_json::json!({
        "info_hash": "11".repeat(20), "seeders": 1, "completed": 9, "leechers": 1,
        "peers": [
            {
                "peer_id": { "id": "0x2d7142343635302d6162636465666768696a6b6c", "client": "qBittorrent" },
                "peer_addr": "192.0.2.1:6881", "updated_milliseconds_ago": 7000,
                "uploaded": 1, "downloaded": 2, "left": 3, "event": "Started",
            },
            unknown(1),
            unknown(0),
        ],
    });
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn an_unknown_torrent_is_reported() {
    let api = start();
    let unknown = api.get(&format!("/api/v1/torrent/{}", "ab".repeat(20))).await;
    assert_eq!(unknown, Answer::ok("\"torrent not known\""));
    api.fake.fails.store(true, Ordering::Relaxed);
    let failed = Answer::failed(&format!("failed to ask for torrents: {BUSY}"));
    assert_eq!(api.get(&format!("/api/v1/torrent/{}", "ab".repeat(20))).await, failed);
}

#[tokio::test]
async fn an_invalid_info_hash_is_refused_everywhere() {
    let api = start();
    for (method, path) in [
        ("GET", "torrent"),
        ("DELETE", "torrent"),
        ("POST", "whitelist"),
        ("DELETE", "whitelist"),
        ("POST", "denylist"),
    ] {
        for (sent, told) in [
            ("0", "0"),
            ("-1", "-1"),
            ("IN%20VALID", "IN VALID"),
            ("9c38422213e30bff212b30c360d26f9a0213642&", "9c38422213e30bff212b30c360d26f9a0213642&"),
        ] {
            assert_eq!(api.ask(method, &format!("/api/v1/{path}/{sent}")).await, bad_info_hash(told));
        }
        for sent in ["", "a/b", "a%2Fb"] {
            let answer = api.ask(method, &format!("/api/v1/{path}/{sent}")).await;
            assert_eq!(answer, Answer::new(404, "", ""), "{method} {path}/{sent}");
        }
    }
    assert_eq!(api.get("/api/v1/torrents?info_hash=x").await, bad_info_hash("x"));
}

#[tokio::test]
async fn torrents_are_returned_in_pages_or_by_info_hash() {
    let api = with_torrents();
    let [one, two, three] = [item("11", 1, 9, 5), item("22", 3, 8, 0), item("33", 2, 7, 2)];
    let all = Answer::ok(format!("[{one},{two},{three}]"));
    assert_eq!(api.get("/api/v1/torrents").await, all);
    assert_eq!(api.get("/api/v1/torrents?offset=&limit=99999999999").await, all);
    let second = Answer::ok(format!("[{two}]"));
    assert_eq!(api.get("/api/v1/torrents?offset=1&limit=1").await, second);
    let (first, last, absent) = ("11".repeat(20), "33".repeat(20), "44".repeat(20));
    let named = api
        .get(&format!("/api/v1/torrents?info_hash={last}&info_hash={absent}&info_hash={first}&limit=1"))
        .await;
    assert_eq!(named, Answer::ok(format!("[{three},{one}]")));
    for wrong in ["offset=x", "limit=-1", "limit=1.5", "offset=%2B1", "limit=%2B1"] {
        let answer = api.get(&format!("/api/v1/torrents?{wrong}")).await;
        assert_eq!(answer.status, 400, "{wrong}");
        assert!(answer.body.starts_with("Failed to deserialize query string: "), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_key_is_made_as_requested() {
    let api = start();
    let made = |body: String| Answer::new(200, "application/json; charset=utf-8", body);
    let wanted = format!("{{\"key\":\"{KEY}\",\"seconds_valid\":60}}");
    let until = NOW_UNIX_S + 60;
    let expected = format!(
        "{{\"key\":\"{KEY}\",\"valid_until\":{until},\"expiry_time\":\"2023-03-28 13:26:00.000000000 UTC\"}}"
    );
    assert_eq!(api.post_json("/api/v1/keys", &wanted).await, made(expected));
    let permanent =
        |number: u32| made(format!("{{\"key\":\"{number:032}\",\"valid_until\":null,\"expiry_time\":null}}"));
    let nulls = "{\"key\":null,\"seconds_valid\":null}";
    assert_eq!(api.post_json("/api/v1/keys", nulls).await, permanent(2));
    let by_path = api.ask("POST", "/api/v1/key/60").await;
    assert_eq!(by_path.json()["valid_until"], until);
    assert_eq!(by_path.content_type, "application/json; charset=utf-8");
}

#[tokio::test]
async fn an_invalid_key_request_is_refused() {
    let api = start();
    let refused = api.post_json("/api/v1/keys", "{\"key\":\"short\",\"seconds_valid\":null}").await;
    let told = "Invalid URL: invalid auth key: string \"short\", expected 32 ASCII letters and digits";
    assert_eq!(refused, Answer::text(400, told));
    let too_long = Answer::text(400, "Invalid URL: invalid auth key duration: \"18446744073709551615\"");
    let form = "{\"key\":null,\"seconds_valid\":18446744073709551615}";
    assert_eq!(api.post_json("/api/v1/keys", form).await, too_long);
    assert_eq!(api.ask("POST", "/api/v1/key/18446744073709551615").await, too_long);
    for form in [
        "{\"key\":null,\"seconds_valid\":\"x\"}",
        "{\"key\":null,\"seconds_valid\":1.0}",
        "{}",
        "{\"key\":null}",
        "{\"seconds_valid\":60}",
        "[null,null]",
        "null",
    ] {
        let other = api.post_json("/api/v1/keys", form).await;
        assert_eq!((other.status, other.content_type.as_str()), (422, "text/plain; charset=utf-8"), "{form}");
        let begin = "Failed to deserialize the JSON body into the target type: ";
        assert!(other.body.starts_with(begin), "{}", other.body);
    }
    assert_eq!(api.post_json("/api/v1/keys", "{").await.status, 400);
    assert_eq!(api.ask("POST", "/api/v1/keys").await.status, 415);
    assert_eq!(api.post_json("/api/v1/keys", &" ".repeat(16_385)).await.status, 413);
    for (sent, told) in [("x", "x"), ("-1", "-1"), ("+5", "+5"), ("%2B5", "+5"), ("++5", "++5"), ("%20", " ")]
    {
        let expected = Answer::text(400, format!("Invalid URL: Cannot parse `\"{told}\"` to a `u64`"));
        assert_eq!(api.ask("POST", &format!("/api/v1/key/{sent}")).await, expected);
    }
    api.fake.fails.store(true, Ordering::Relaxed);
    let failed = Answer::failed(&format!("failed to generate key: {BUSY}"));
    assert_eq!(api.post_json("/api/v1/keys", "{\"key\":null,\"seconds_valid\":null}").await, failed);
    assert_eq!(api.ask("POST", "/api/v1/key/60").await, failed);
}

#[tokio::test]
async fn a_key_is_removed_once_and_keys_are_reloaded() {
    let api = start();
    api.post_json("/api/v1/keys", &format!("{{\"key\":\"{KEY}\",\"seconds_valid\":null}}")).await;
    let path = format!("/api/v1/key/{KEY}");
    assert_eq!(api.ask("DELETE", &path).await, Answer::ack());
    assert_eq!(api.ask("DELETE", &path).await, Answer::failed("failed to delete key: it is not known"));
    let invalid = Answer::text(400, "Invalid auth key id param \"short\"");
    assert_eq!(api.ask("DELETE", "/api/v1/key/short").await, invalid);
    assert_eq!(api.get("/api/v1/keys/reload").await, Answer::ack());
    api.fake.fails.store(true, Ordering::Relaxed);
    let failed = Answer::failed(&format!("failed to delete key: {BUSY}"));
    assert_eq!(api.ask("DELETE", &path).await, failed);
    let failed = Answer::failed(&format!("failed to reload keys: {BUSY}"));
    assert_eq!(api.get("/api/v1/keys/reload").await, failed);
}

#[tokio::test]
async fn adding_and_removing_listed_torrents_is_idempotent() {
    let api = start();
    let torrent = InfoHash([0xab; 20]);
    for (name, list) in [("denylist", TorrentList::Denied), ("whitelist", TorrentList::Allowed)] {
        let path = format!("/api/v1/{name}/{}", "AB".repeat(20));
        for (method, is_listed) in [("POST", true), ("POST", true), ("DELETE", false), ("DELETE", false)] {
            assert_eq!(api.ask(method, &path).await, Answer::ack());
            assert_eq!(api.fake.state().list(list).contains(&torrent), is_listed, "{method} {path}");
        }
    }
    let path = format!("/api/v1/whitelist/{torrent}");
    assert_eq!(api.get("/api/v1/whitelist/reload").await, Answer::ack());
    api.fake.fails.store(true, Ordering::Relaxed);
    for (method, path, what) in [
        ("POST", path.as_str(), "failed to whitelist torrent"),
        ("DELETE", path.as_str(), "failed to remove torrent from whitelist"),
        ("GET", "/api/v1/whitelist/reload", "failed to reload whitelist"),
    ] {
        assert_eq!(api.ask(method, path).await, Answer::failed(&format!("{what}: {BUSY}")));
    }
}

#[tokio::test]
async fn routes_of_a_mode_that_is_off_answer_409() {
    let mut fake = Fake::default();
    fake.is_public = true;
    let api = start_with(fake, Transport::Plain);
    let off =
        |mode: &str| Answer::refused(409, &format!("{mode}-tracker capability is disabled by configuration"));
    for (method, path) in [("POST", "keys"), ("POST", "key/60"), ("DELETE", "key/x"), ("GET", "keys/reload")]
    {
        assert_eq!(api.ask(method, &format!("/api/v1/{path}")).await, off("private"), "{path}");
    }
    for (method, path) in [("POST", "whitelist/x"), ("DELETE", "whitelist/x"), ("GET", "whitelist/reload")] {
        assert_eq!(api.ask(method, &format!("/api/v1/{path}")).await, off("listed"), "{path}");
    }
    for (method, path) in
        [("GET", ""), ("POST", ""), ("DELETE", ""), ("POST", "/suspend"), ("POST", "/resume")]
    {
        let off = Answer::refused(409, "forwarding is disabled by configuration");
        assert_eq!(api.ask(method, &format!("/api/v1/forwarders{path}")).await, off, "{path}");
    }
    assert_eq!(api.get("/api/v1/denylist/reload").await, Answer::ack());
}
