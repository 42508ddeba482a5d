//! Keys and their accounts.

use super::announces::{Announce, WAYS, Way};
use super::api::Api;
use super::{launch, torrent};
use crate::patience::until;

const UNKNOWN: &str = "Authentication error: the key is not known";
const EXPIRED: &str = "Authentication error: the key has expired";

#[test]
fn a_key_is_accepted_from_its_creation_until_its_removal() {
    let tracker = launch("private").start();
    let api = Api::of(&tracker);
    Announce::of(torrent(1)).assert_refused(&tracker, "Authentication error: this tracker needs a key");
    let (key, other) = (api.new_key(None), api.new_key(None));
    let with = |key| Announce::of(torrent(1)).with_key(key);
    with(&key).assert_served(&tracker);
    with(&other).assert_served(&tracker);
    api.remove_key(&key);
    with(&key).assert_refused(&tracker, UNKNOWN);
    with(&other).assert_served(&tracker);
    with(&"A".repeat(32)).assert_refused(&tracker, UNKNOWN);
}

#[test]
fn a_key_is_accepted_until_it_expires_and_again_after_it_is_renewed() {
    let tracker = launch("private").start();
    let api = Api::of(&tracker);
    let key = api.new_key(Some(2));
    let announce = Announce::of(torrent(1)).with_key(&key);
    assert_eq!(announce.refusal(&tracker, Way::Udp), None);
    until("it expires", || announce.refusal(&tracker, Way::Udp).is_some());
    announce.assert_refused(&tracker, EXPIRED);
    let form = serde_json::json!({ "key": key, "seconds_valid": 60 });
    api.json("POST", "keys", &form.to_string());
    announce.assert_served(&tracker);
}

#[test]
fn transfers_of_a_key_are_accounted_over_udp_and_http() {
    let tracker = launch("private").start();
    let api = Api::of(&tracker);
    let keys = WAYS.map(|way| (way, api.new_key(None)));
    for (way, key) in &keys {
        let first = Announce { uploaded: 100, downloaded: 10, ..Announce::of(torrent(1)).with_key(key) };
        let port = if *way == Way::Udp { 3000 } else { 4000 };
        let begin = Announce { port, ..first };
        let end = Announce { left: 0, uploaded: 1100, downloaded: 30, ..begin.clone() };
        for announce in [begin, end] {
            assert_eq!(announce.refusal(&tracker, *way), None);
        }
    }
    for (way, key) in &keys {
        let account = || {
            let account = api.get(&format!("key/{key}"));
            ["uploaded", "downloaded", "seeding", "leeching"].map(|name| account[name].as_u64().unwrap())
        };
        until(&format!("{way:?} is accounted"), || account()[2] == 1);
        // Bytes transferred before the first announce belong to another session.
        assert_eq!(account(), [1000, 20, 1, 0], "{way:?}");
    }
    let before = keys.map(|(_, key)| {
        api.json("POST", &format!("key/{key}/reset"), "");
        api.get(&format!("key/{key}"))["uploaded"].clone()
    });
    assert_eq!(before, [0, 0]);
}
