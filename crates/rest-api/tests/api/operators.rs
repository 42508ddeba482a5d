//! Extensions to version 1 of the API.

use crate::fake::{Fake, NOW_UNIX_S};
use crate::harness::{
    Answer, Api, READ_ONLY_TOKEN, TOKEN, exchange, request, send, start, start_with, without_body,
};
use control::management::TorrentWithPeers;
use http_body_util::BodyExt as _;
use primitives::{InfoHash, TorrentInfo};
use rest_api::Transport;
use std::sync::atomic::Ordering;
use tokio::net::TcpStream;

const KEY: &str = "8os3vCDpVHV9jy0WH5NTVVNnNNdNMwVF";

fn not_found(reason: &str) -> Answer {
    Answer::refused(404, reason)
}

#[tokio::test]
async fn torrents_are_sorted_and_paged_with_their_total() {
    let api = start();
    for (byte, seeders, leechers, completed) in [(1, 1, 5, 9), (2, 3, 0, 10), (3, 2, 2, 7)] {
        let info = TorrentInfo { info_hash: InfoHash([byte; 20]), seeders, leechers, completed };
        api.fake.add_torrent(TorrentWithPeers { info, peers: Vec::new() });
    }
    for (order, expected) in [
        ("info_hash", ["01", "02", "03"]),
        ("seeders", ["02", "03", "01"]),
        ("leechers", ["01", "03", "02"]),
        ("peers", ["01", "03", "02"]),
        ("completed", ["02", "01", "03"]),
    ] {
        let page = api.get(&format!("/api/v1/torrents/sorted?order={order}&offset=1&limit=1")).await.json();
        assert_eq!(page["total"], 3);
        assert_eq!(page["torrents"].as_array().unwrap().len(), 1);
        assert_eq!(page["torrents"][0]["info_hash"], expected[1].repeat(20), "{order}");
    }
    for wrong in ["order=size", "order=seeders&offset=99999&limit=2", "limit=x"] {
        assert_eq!(api.get(&format!("/api/v1/torrents/sorted?{wrong}")).await.status, 400, "{wrong}");
    }
    assert_eq!(api.get("/api/v1/torrents/sorted?order=seeders&offset=99999&limit=1").await.status, 200);
}

/// Adds torrents whose info hashes are bytes and zeros.
fn add_torrents(api: &Api, begins: &[&[u8]]) {
    for begin in begins {
        let mut info_hash = [0; 20];
        info_hash[..begin.len()].copy_from_slice(begin);
        let info = TorrentInfo { info_hash: InfoHash(info_hash), seeders: 1, leechers: 2, completed: 3 };
        api.fake.add_torrent(TorrentWithPeers { info, peers: Vec::new() });
    }
}

#[tokio::test]
async fn torrents_and_lists_are_searched_by_the_beginning_of_an_info_hash() {
    let api = start();
    add_torrents(&api, &[b"\x0a", b"\xab\x10", b"\xab\x1f", b"\xab\x20", b"\xac"]);
    let listed: Vec<String> =
        ["0a", "ab10", "ab1f", "ab20", "ac"].map(|begin| format!("{begin:0<40}")).into();
    for list in ["whitelist", "denylist"] {
        let body = listed.join("\n");
        api.ask_with("POST", &format!("/api/v1/{list}"), "text/plain", body).await;
    }
    let whole = format!("prefix={}", listed[3]);
    for (query, expected, has_more) in [
        ("prefix=ab1", &listed[1..3], false),
        ("prefix=AB", &listed[1..4], false),
        ("prefix=ab&limit=2", &listed[1..3], true),
        ("prefix=a&limit=4", &listed[1..5], false),
        ("prefix=b", &[], false),
        ("", &listed[..], false),
        (whole.as_str(), &listed[3..4], false),
    ] {
        let found = api.get(&format!("/api/v1/torrents/search?{query}")).await.json();
        let found: Vec<_> = found.as_array().unwrap().iter().map(|torrent| &torrent["info_hash"]).collect();
        assert_eq!(found, expected.iter().collect::<Vec<_>>(), "{query}");
        for list in ["whitelist", "denylist"] {
            let found = api.get(&format!("/api/v1/{list}/search?{query}")).await.json();
            assert_eq!(found, serde_json::json!({ "torrents": expected, "more": has_more }), "{query}");
        }
    }
    let asked = || api.fake.list_pages_asked.load(Ordering::Relaxed);
    let before = asked();
    let unknown = format!("/api/v1/denylist/search?prefix={}", "b".repeat(40));
    assert_eq!(api.get(&unknown).await, Answer::ok(r#"{"torrents":[],"more":false}"#));
    assert_eq!(asked(), before, "a whole info hash is looked up");
    for wrong in [format!("prefix={}0", "a".repeat(40)), "prefix=x".to_owned(), "limit=x".to_owned()] {
        for what in ["torrents", "whitelist", "denylist"] {
            assert_eq!(api.get(&format!("/api/v1/{what}/search?{wrong}")).await.status, 400, "{wrong}");
        }
    }
}

#[tokio::test]
async fn keys_come_in_pages() {
    let api = start();
    for _ in 0..5 {
        api.post_json("/api/v1/keys", "{\"key\":null,\"seconds_valid\":null}").await;
    }
    let last = |number: usize| format!("{number:032}");
    for (query, expected) in [
        ("limit=2".to_owned(), 1..3),
        (format!("after={}&limit=2", last(2)), 3..5),
        (format!("after={}", last(2)), 3..6),
        (format!("after={}&limit=2", last(5)), 6..6),
        (String::new(), 1..6),
        ("limit=0".to_owned(), 1..1),
    ] {
        let page = api.get(&format!("/api/v1/keys?{query}")).await.body;
        let keys = page.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let keys: Vec<_> = keys.map(|key| key["key"].as_str().unwrap().to_owned()).collect();
        assert_eq!(keys, expected.map(last).collect::<Vec<_>>(), "{query}");
    }
    assert_eq!(api.get("/api/v1/keys?after=short").await.status, 400);
}

#[tokio::test]
async fn the_rights_of_a_token_and_the_modes_of_the_tracker_are_reported() {
    for (is_public, token, label, rights) in
        [(false, TOKEN, "admin", "full"), (true, READ_ONLY_TOKEN, "viewer", "read-only")]
    {
        let mut fake = Fake::default();
        fake.is_public = is_public;
        let api = start_with(fake, Transport::Plain);
        let wanted = without_body(request("GET", &format!("/api/v1/token?token={token}")));
        let info = send(api.address, wanted).await.json();
        let is_on = !is_public;
        let expected = serde_json::json!({
            "token": label, "rights": rights, "version": env!("CARGO_PKG_VERSION"),
            "private": is_on, "listed": is_on, "forwarding": is_on,
        });
        assert_eq!(info, expected);
    }
}

#[tokio::test]
async fn the_cores_and_the_health_of_the_whole_tracker_are_reported() {
    let api = start();
    add_torrents(&api, &[b"\x01"]);
    let cores = api.get("/api/v1/cores").await.json();
    assert_eq!(
        (&cores[0]["shard"], &cores[0]["requests"], &cores[0]["torrents"]),
        (&0.into(), &4.into(), &1.into())
    );
    assert_eq!((&cores[1]["shard"], &cores[1]["requests"]), (&1.into(), &0.into()));
    assert_eq!((&cores[0]["errors"], &cores[0]["dropped"]), (&2.into(), &1.into()));
    let health = api.get("/api/v1/health").await.json();
    let stuck = serde_json::json!([{ "shard": 0, "alive": true }, { "shard": 1, "alive": false }]);
    assert_eq!(
        (&health["status"], &health["listeners"], &health["cores"]),
        (&"Error".into(), &serde_json::json!([]), &stuck)
    );
    assert_eq!(health["database"]["error"], "no route to host");
}

#[tokio::test]
async fn a_torrent_is_dropped_once() {
    let api = start();
    let info = TorrentInfo { info_hash: InfoHash([1; 20]), seeders: 1, leechers: 0, completed: 0 };
    api.fake.add_torrent(TorrentWithPeers { info, peers: Vec::new() });
    let path = format!("/api/v1/torrent/{}", "01".repeat(20));
    assert_eq!(api.ask("DELETE", &path).await, Answer::ack());
    assert_eq!(api.ask("DELETE", &path).await, not_found("torrent not known"));
}

#[tokio::test]
async fn a_key_has_an_account_that_can_be_reset() {
    let api = start();
    let path = format!("/api/v1/key/{KEY}");
    assert_eq!(api.get(&path).await, not_found("key not known"));
    assert_eq!(api.ask("POST", &format!("{path}/reset")).await, not_found("key not known"));
    api.post_json("/api/v1/keys", &format!("{{\"key\":\"{KEY}\",\"seconds_valid\":null}}")).await;
    let account = |uploaded: u64, downloaded: u64| {
        Answer::ok(format!(
            "{{\"key\":\"{KEY}\",\"valid_until\":null,\"expiry_time\":null,\"uploaded\":{uploaded},\
             \"downloaded\":{downloaded},\"last_seen\":1680009900,\"seeding\":3,\"leeching\":4}}"
        ))
    };
    assert_eq!(api.get(&path).await, account(1, 2));
    assert_eq!(api.ask("POST", &format!("{path}/reset")).await, Answer::ack());
    assert_eq!(api.get(&path).await, account(0, 0));
    assert_eq!(api.get("/api/v1/key/short").await.status, 400);
}

#[tokio::test]
async fn clients_and_networks_are_banned_and_unbanned() {
    let api = start();
    let ban = |body: &'static str| api.post_json("/api/v1/bans", body);
    assert_eq!(ban("{\"client\":\"-XL00\",\"reason\":\"leech\"}").await, Answer::ack());
    assert_eq!(ban("{\"network\":\"192.0.2.7/24\"}").await, Answer::ack());
    assert_eq!(ban("{\"network\":\"2001:db8::1\"}").await, Answer::ack());
    let bans = api.get("/api/v1/bans").await.json();
    let told: Vec<_> = bans
        .as_array()
        .unwrap()
        .iter()
        .map(|ban| (&ban["client"], &ban["network"], &ban["reason"]))
        .collect();
    let (null, empty) = (serde_json::Value::Null, "".into());
    let (client, reason) = ("-XL00".into(), "leech".into());
    let (v4, v6) = ("192.0.2.0/24".into(), "2001:db8::1/128".into());
    assert_eq!(told, [(&client, &null, &reason), (&null, &v4, &empty), (&null, &v6, &empty)]);
    for wrong in ["{}", "{\"client\":\"\"}", "{\"network\":\"x\"}", "{\"client\":\"a\",\"network\":\"::/0\"}"]
    {
        assert_eq!(ban(wrong).await.status, 400, "{wrong}");
    }
    assert_eq!(ban("{\"client\":7}").await.status, 422);
    assert_eq!(
        ban("{\"network\":\"198.51.100.7\",\"reason\":\"flood\",\"seconds\":60}").await,
        Answer::ack()
    );
    let temporary = format!(
        "{{\"client\":null,\"network\":\"198.51.100.7/32\",\"reason\":\"flood\",\"since\":{NOW_UNIX_S},\"until\":{},\"level\":null}}",
        NOW_UNIX_S + 60
    );
    let listed = api.get("/api/v1/bans").await.body;
    assert!(listed.contains(&temporary) && listed.contains("\"until\":null"), "{listed}");
    for wrong in [
        "{\"client\":\"a\",\"seconds\":60}",
        "{\"network\":\"::1\",\"seconds\":0}",
        "{\"network\":\"::1\",\"seconds\":31536001}",
    ] {
        assert_eq!(ban(wrong).await.status, 400, "{wrong}");
    }
    for query in ["client=-XL00", "network=192.0.2.0/24", "network=2001:db8::1"] {
        let path = format!("/api/v1/bans?{query}");
        assert_eq!(api.ask("DELETE", &path).await, Answer::ack());
        assert_eq!(api.ask("DELETE", &path).await, not_found("it was not banned"));
    }
    assert_eq!(api.ask("DELETE", "/api/v1/bans").await.status, 400);
}

#[tokio::test]
async fn sources_that_were_refused_are_listed() {
    let refused = "{\"requests\":1,\"new_peers\":2,\"new_torrents\":3,\"connections\":4,\"handshakes\":5}";
    let ban =
        format!("{{\"network\":\"192.0.2.0/24\",\"until\":{},\"is_configured\":false}}", NOW_UNIX_S + 60);
    let source = format!(
        "[{{\"network\":\"192.0.2.7/32\",\"refused\":{refused},\"refused_per_s\":6,\"last_seen\":{NOW_UNIX_S},\"ban\":{ban}}}]"
    );
    assert_eq!(start().get("/api/v1/sources").await, Answer::ok(source));
}

#[tokio::test]
async fn configuration_latencies_and_storage_are_reported() {
    let api = start();
    assert_eq!(api.get("/api/v1/config").await, Answer::ok("{\"tracker\":{\"private\":true}}"));
    let reloaded = "{\"status\":\"ok\",\"changed\":[\"log.level\"],\"needs_restart\":[\"udp.listen\"]}";
    assert_eq!(api.ask("POST", "/api/v1/reload").await, Answer::ok(reloaded));
    let latency = "[{\"name\":\"announce-ipv4\",\"count\":10,\"p50_us\":1.5,\"p90_us\":2.0,\"p99_us\":3.0,\"p999_us\":4.0,\"max_us\":5.0}]";
    assert_eq!(api.get("/api/v1/latency").await, Answer::ok(latency));
    let log = Answer::text(200, "#[Histogram log format version 1.3]\n");
    assert_eq!(api.get("/api/v1/latency.hlog").await, log);
    let storage = "{\"state\":\"away\",\"error\":\"no route to host\",\"writes_waiting\":1,\"writes_done\":2,\"writes_lost\":3,\"failures\":4}";
    assert_eq!(api.get("/api/v1/storage").await, Answer::ok(storage));
}

#[tokio::test]
async fn a_snapshot_is_reported_and_one_without_a_directory_is_refused() {
    let written = "{\"peers\":3,\"swarms\":2,\"bytes\":4000,\"seconds\":2.5}";
    assert_eq!(start().ask("POST", "/api/v1/snapshot").await, Answer::ok(written));
    let mut without = Fake::default();
    without.is_public = true;
    let refused = start_with(without, Transport::Plain).ask("POST", "/api/v1/snapshot").await;
    assert_eq!(refused, Answer::refused(409, "there is no directory for snapshots: set snapshot.directory"));
}

#[tokio::test]
async fn events_report_the_figures_each_second_and_end_at_shutdown() {
    let api = start();
    let wanted = without_body(request("GET", &format!("/api/v1/events?token={TOKEN}")));
    let stream = TcpStream::connect(api.address).await.unwrap();
    let response = exchange(stream, wanted).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    let mut text = String::new();
    while text.matches("\n\n").count() < 2 {
        let piece = body.frame().await.unwrap().unwrap().into_data().unwrap();
        text.push_str(str::from_utf8(&piece).unwrap());
    }
    let events: Vec<serde_json::Value> = text
        .split_terminator("\n\n")
        .map(|event| serde_json::from_str(event.strip_prefix("event: statistics\ndata: ").unwrap()).unwrap())
        .collect();
    assert_eq!(events[0]["figures"]["udp_v4_received"], 2);
    assert_eq!(events[0]["rates_per_s"], serde_json::json!({}));
    assert_eq!(events[1]["figures"]["udp_v4_received"], 4);
    let rate = events[1]["rates_per_s"]["udp_v4_received"].as_f64().unwrap();
    assert!((1.0..=2.1).contains(&rate), "{rate}");
    assert!(events[1]["rates_per_s"].get("swarms_v4").is_none());
    api.stop.send_replace(true);
    while let Some(Ok(_)) = body.frame().await {}
    api.server.await.unwrap().unwrap();
}
