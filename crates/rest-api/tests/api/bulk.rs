//! Bulk requests with up to 100,000 lines.

use crate::harness::{Answer, start};
use primitives::{InfoHash, TorrentList};
use std::sync::atomic::Ordering;

fn info_hashes(count: u32) -> String {
    (0..count).map(|number| format!("{number:040x}\n")).collect()
}

#[tokio::test]
async fn a_list_of_100_000_lines_is_added_downloaded_and_removed() {
    let api = start();
    let lines = info_hashes(100_000);
    for list in ["whitelist", "denylist"] {
        let path = format!("/api/v1/{list}");
        let added = api.ask_with("POST", &path, "text/plain", lines.clone()).await;
        assert_eq!(added, Answer::ok("{\"added\":100000,\"invalid\":0,\"invalid_lines\":[]}"));
        let told = api.get(&path).await;
        assert_eq!(told.content_type, "text/plain; charset=utf-8");
        assert!(told.body == lines, "the list differs from what was sent");
        let removed = api.ask_with("DELETE", &path, "text/plain", lines.clone()).await;
        assert_eq!(removed, Answer::ok("{\"removed\":100000,\"invalid\":0,\"invalid_lines\":[]}"));
        assert_eq!(api.get(&path).await.body, "");
    }
    assert_eq!(api.fake.batch_max.load(Ordering::Relaxed), 4096);
}

#[tokio::test]
async fn invalid_lines_are_counted_and_the_first_ten_are_named() {
    let api = start();
    let body = format!("# comment\n\n{}\nshort\n{}", "ab".repeat(20), "x\n".repeat(20));
    let answer = api.ask_with("POST", "/api/v1/denylist", "text/plain", body).await;
    let expected = "{\"added\":1,\"invalid\":21,\"invalid_lines\":[4,5,6,7,8,9,10,11,12,13]}";
    assert_eq!(answer, Answer::ok(expected));
    assert!(api.fake.state().list(TorrentList::Denied).contains(&InfoHash([0xab; 20])));
}

#[tokio::test]
async fn a_list_that_cannot_be_changed_or_read_is_reported() {
    let api = start();
    api.fake.fails.store(true, Ordering::Relaxed);
    let busy = "a core of the tracker does not answer";
    let answer = api.ask_with("POST", "/api/v1/whitelist", "text/plain", info_hashes(1)).await;
    assert_eq!(answer, Answer::failed(&format!("failed to whitelist torrent: {busy}")));
    let answer = api.get("/api/v1/whitelist").await;
    assert_eq!(answer, Answer::failed(&format!("failed to read whitelist: {busy}")));
}

#[tokio::test]
async fn keys_are_made_listed_and_removed_in_bulk() {
    let api = start();
    let wanted: String =
        (0..100_000).map(|number| format!("{{\"key\":\"k{number:031}\",\"seconds_valid\":60}}\n")).collect();
    let made = api.ask_with("POST", "/api/v1/keys/bulk", "application/x-ndjson", wanted).await;
    assert_eq!((made.status, made.content_type.as_str()), (200, "application/x-ndjson"));
    let last = "{\"key\":\"k0000000000000000000000000099999\",\"valid_until\":1680009960,\"expiry_time\":\"2023-03-28 13:26:00.000000000 UTC\"}";
    assert_eq!((made.body.lines().count(), made.body.lines().last().unwrap()), (100_000, last));
    let all = api.get("/api/v1/keys").await;
    assert_eq!(all.content_type, "application/x-ndjson");
    assert_eq!(all.body.lines().count(), 100_000);
    let first: serde_json::Value = serde_json::from_str(all.body.lines().next().unwrap()).unwrap();
    assert_eq!((&first["uploaded"], &first["seeding"]), (&1.into(), &3.into()));
    let keys: String = (0..100_000).map(|number| format!("k{number:031}\n")).collect();
    let removed = api
        .ask_with("DELETE", "/api/v1/keys", "text/plain", format!("{keys}absent\n{}", "0".repeat(32)))
        .await;
    let expected = "{\"removed\":100000,\"unknown\":1,\"invalid\":1,\"invalid_lines\":[100001]}";
    assert_eq!(removed, Answer::ok(expected));
}

#[tokio::test]
async fn an_invalid_line_is_reported_in_its_place() {
    let api = start();
    let good = "{\"key\":null,\"seconds_valid\":null}";
    let body = format!("{good}\n{{}}\n{{\"key\":\"short\",\"seconds_valid\":null}}\n{good}\n");
    let made = api.ask_with("POST", "/api/v1/keys/bulk", "application/x-ndjson", body).await;
    let error = "no object of a key and seconds that can be";
    let expected: Vec<String> = vec![
        format!("{{\"key\":\"{:032}\",\"valid_until\":null,\"expiry_time\":null}}", 1),
        format!("{{\"line\":2,\"error\":\"{error}\"}}"),
        format!("{{\"line\":3,\"error\":\"{error}\"}}"),
        format!("{{\"key\":\"{:032}\",\"valid_until\":null,\"expiry_time\":null}}", 2),
    ];
    assert_eq!(made.body.lines().collect::<Vec<_>>(), expected);
}
