//! Data that survives a restart, and files that remain on the disk.

use std::fs;

use primitives::AnnounceEvent;
use serde_json::{Value, json};

use super::announces::{Announce, Way};
use super::api::Api;
use super::{FREE_PORT, launch, text, torrent};
use crate::http_client::{HttpClient, percent_encode};
use crate::patience::until;
use crate::tracker::{Launch, Tracker};

#[track_caller]
fn stop(tracker: Tracker) {
    let ended = tracker.stop();
    assert_eq!(ended.code, Some(0), "{:#?}", ended.log);
}

fn account(api: &Api, key: &str) -> [Value; 4] {
    let account = api.get(&format!("key/{key}"));
    ["uploaded", "downloaded", "valid_until", "last_seen"].map(|name| account[name].clone())
}

fn scrape(tracker: &Tracker, key: &str) -> String {
    let hash = percent_encode(&torrent(1).0);
    HttpClient::new(tracker.http_v4()).get(&format!("/scrape/{key}?info_hash={hash}")).text()
}

/// Fills a tracker with stored data of every kind. Returns a key that is used and one that was removed.
fn fill(tracker: &Tracker, api: &Api) -> [String; 2] {
    let (key, removed) = (api.new_key(Some(3600)), api.new_key(None));
    api.remove_key(&removed);
    api.put_on("whitelist", torrent(1));
    api.put_on("whitelist", torrent(2));
    api.put_on("denylist", torrent(2));
    api.put_on("whitelist", torrent(3));
    api.take_off("whitelist", torrent(3));
    api.json("POST", "bans", r#"{"network":"127.0.0.77/32","reason":"they said so"}"#);
    api.json("POST", "bans", r#"{"client":"-ZZ","reason":"it cheats"}"#);
    let first = Announce::of(torrent(1)).with_key(&key);
    let done = Announce {
        left: 0,
        uploaded: 7000,
        downloaded: 70,
        event: AnnounceEvent::Completed,
        ..first.clone()
    };
    for announce in [first, done] {
        assert_eq!(announce.refusal(tracker, Way::Http), None);
    }
    [key, removed]
}

#[test]
fn stored_data_survives_a_restart() {
    // Requests of a banned network are refused with a reason where the kernel does not drop them.
    let launch = launch("private-listed").set("database.remember_completed", "on").set("udp.filter", "off");
    let tracker = launch.clone().start();
    let api = Api::of(&tracker);
    let [key, removed] = fill(&tracker, &api);
    until("the account is there", || account(&api, &key)[0] == 7000);
    assert!(scrape(&tracker, &key).contains("10:downloadedi1e"), "{}", scrape(&tracker, &key));
    tracker.wait_for_figures(&[("http_v4_announce_answered", 2), ("http_v4_scrape_answered", 1)]);
    let (before, bans, totals) = (account(&api, &key), api.get("bans"), api.get("totals"));
    assert_eq!(totals["http_announces_answered"], 2);
    stop(tracker);

    let tracker = launch.start();
    let api = Api::of(&tracker);
    assert_eq!(account(&api, &key), before);
    assert_eq!(api.get("bans"), bans);
    assert_eq!(bans.as_array().unwrap().len(), 2);
    assert_eq!(api.get("totals"), totals);
    // Clients are served before all counts are loaded.
    until("the completed count is there", || {
        scrape(&tracker, &key).contains("8:completei1e10:downloadedi1e10:incompletei0e")
    });
    let of = |number| Announce::of(torrent(number)).with_key(&key);
    of(1).assert_served(&tracker);
    of(2).assert_refused(&tracker, &format!("The torrent: {}, is banned here", torrent(2)));
    of(3).assert_refused(&tracker, &format!("The torrent: {}, is not whitelisted", torrent(3)));
    let with_removed = Announce::of(torrent(1)).with_key(&removed);
    with_removed.assert_refused(&tracker, "Authentication error: the key is not known");
    let banned = format!("/announce/{key}?info_hash={}", percent_encode(&torrent(1).0));
    let banned = format!("{banned}&peer_id=-ZZ0001-abcdefghijkl&port=1&left=1");
    assert!(HttpClient::new(tracker.http_v4()).get(&banned).text().contains("failure reason"));
    let refused = HttpClient::from([127, 0, 0, 77], tracker.http_v4()).get(&banned.replace("-ZZ", "-XX"));
    assert!(refused.text().contains("failure reason"), "{}", refused.text());
    until("totals continue", || api.get("totals")["http_announces_answered"] == 3);
    stop(tracker);
}

/// Default settings, but with free ports and this folder for stored data.
fn with_defaults(folder: &str) -> Launch {
    let launch = Launch::with_defaults().set("udp.listen", FREE_PORT).set("http.listen", FREE_PORT);
    launch.env("STATE_DIRECTORY", folder)
}

#[test]
fn a_public_tracker_with_default_settings_leaves_its_snapshot_only() {
    let folder = tempfile::tempdir().unwrap();
    let tracker = with_defaults(&text(folder.path())).start();
    let done = Announce { left: 0, event: AnnounceEvent::Completed, ..Announce::of(torrent(1)) };
    done.assert_served(&tracker);
    tracker.wait_for_figures(&[("http_v4_announce_answered", 1)]);
    stop(tracker);
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["snapshot"]);
}

#[test]
fn a_tracker_without_a_database_stores_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let launch = launch("private-listed").set("database.url", "none").set("snapshot.directory", "none");
    let launch = launch.env("STATE_DIRECTORY", &text(folder.path()));
    let tracker = launch.clone().start();
    let api = Api::of(&tracker);
    let [key, _] = fill(&tracker, &api);
    until("the account is there", || account(&api, &key)[0] == 7000);
    assert_eq!(api.get("storage")["state"], "absent");
    for what in ["keys", "whitelist", "denylist"] {
        api.get(&format!("{what}/reload"));
    }
    Announce::of(torrent(1)).with_key(&key).assert_served(&tracker);
    stop(tracker);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

    let tracker = launch.start();
    let api = Api::of(&tracker);
    assert_eq!(api.ask("GET", &format!("key/{key}"), "").status, 404);
    assert_eq!(api.get("bans"), json!([]));
    Announce::of(torrent(1)).with_key(&key).assert_refused(&tracker, "Authentication error: ");
}

#[test]
fn a_database_file_is_created_at_the_configured_path() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.db");
    let launch = launch("listed").set("database.url", &format!("sqlite:{}", text(&file)));
    let tracker = launch.clone().start();
    assert!(file.is_file());
    Api::of(&tracker).put_on("whitelist", torrent(1));
    stop(tracker);
    Announce::of(torrent(1)).assert_served(&launch.start());
}
