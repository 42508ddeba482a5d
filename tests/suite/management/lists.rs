//! Torrents listed by files and by the API.

use rustix::process::Signal;

use super::announces::{Announce, Way};
use super::api::Api;
use super::{ListFile, launch, text, torrent};
use crate::patience::until;
use crate::tracker::Tracker;

const IS_SERVED: Option<&str> = None;

fn not_listed(number: u8) -> String {
    format!("The torrent: {}, is not whitelisted", torrent(number))
}

fn banned(number: u8) -> String {
    format!("The torrent: {}, is banned here", torrent(number))
}

#[track_caller]
fn assert_answered(tracker: &Tracker, number: u8, refusal: Option<&str>) {
    let announce = Announce::of(torrent(number));
    match refusal {
        None => announce.assert_served(tracker),
        Some(refusal) => announce.assert_refused(tracker, refusal),
    }
}

fn is_served(tracker: &Tracker, number: u8) -> bool {
    Announce::of(torrent(number)).refusal(tracker, Way::Udp).is_none()
}

#[test]
fn list_files_apply_from_the_start() {
    let (allowed, denied) = (ListFile::of(&[1, 2]), ListFile::of(&[2, 3]));
    let launch = launch("listed").set("access.allow_file", &text(&allowed.path()));
    let tracker = launch.set("access.deny_file", &text(&denied.path())).start();
    assert_answered(&tracker, 1, IS_SERVED);
    assert_answered(&tracker, 2, Some(&banned(2)));
    assert_answered(&tracker, 3, Some(&banned(3)));
    assert_answered(&tracker, 4, Some(&not_listed(4)));
}

#[test]
fn a_hang_up_signal_reloads_the_list_and_removes_the_peers_of_unlisted_torrents() {
    let allowed = ListFile::of(&[1, 2]);
    let tracker = launch("listed").set("access.allow_file", &text(&allowed.path())).start();
    for number in [1, 2] {
        assert_answered(&tracker, number, IS_SERVED);
    }
    tracker.wait_for_figures(&[("swarms_v4", 2)]);
    allowed.replace(&[2, 3]);
    tracker.signal(Signal::HUP);
    until("torrent 3 is served", || is_served(&tracker, 3));
    until("torrent 1 is not", || !is_served(&tracker, 1));
    assert_answered(&tracker, 1, Some(&not_listed(1)));
    assert_answered(&tracker, 2, IS_SERVED);
    tracker.wait_for_figures(&[("swarms_v4", 2), ("leechers_v4", 2)]);
}

#[test]
fn a_changed_file_is_noticed_at_the_next_regular_check() {
    let (allowed, denied) = (ListFile::of(&[1, 2]), ListFile::of(&[]));
    let launch = launch("listed").set("access.allow_file", &text(&allowed.path()));
    let tracker = launch.set("access.deny_file", &text(&denied.path())).start();
    for number in [1, 2] {
        assert_answered(&tracker, number, IS_SERVED);
    }
    allowed.replace(&[2, 3]);
    denied.replace(&[2]);
    let (not_listed, banned) = (not_listed(1), banned(2));
    for (number, refusal) in [(3, IS_SERVED), (1, Some(not_listed.as_str())), (2, Some(banned.as_str()))] {
        until("the change", || is_served(&tracker, number) == refusal.is_none());
        assert_answered(&tracker, number, refusal);
    }
    tracker.wait_for_figures(&[("swarms_v4", 1)]);
}

#[test]
fn a_torrent_stays_listed_as_long_as_the_file_or_the_api_lists_it() {
    let allowed = ListFile::of(&[1, 2]);
    let tracker = launch("listed").set("access.allow_file", &text(&allowed.path())).start();
    let api = Api::of(&tracker);
    for number in [2, 3] {
        api.put_on("whitelist", torrent(number));
        assert_answered(&tracker, number, IS_SERVED);
    }
    for number in [1, 3] {
        api.take_off("whitelist", torrent(number));
    }
    assert_answered(&tracker, 1, IS_SERVED);
    assert_answered(&tracker, 3, Some(&not_listed(3)));
    allowed.replace(&[]);
    api.json("POST", "reload", "");
    // Torrents that the file no longer lists are removed in steps.
    until("torrent 1 is not served", || !is_served(&tracker, 1));
    assert_answered(&tracker, 1, Some(&not_listed(1)));
    assert_answered(&tracker, 2, IS_SERVED);
    api.take_off("whitelist", torrent(2));
    until("torrent 2 is not served", || !is_served(&tracker, 2));
    assert_answered(&tracker, 2, Some(&not_listed(2)));
}

#[test]
fn a_torrent_denied_by_the_api_is_not_served_until_it_is_removed_from_the_list() {
    let denied = ListFile::of(&[1]);
    let tracker = launch("public").set("access.deny_file", &text(&denied.path())).start();
    let api = Api::of(&tracker);
    assert_answered(&tracker, 2, IS_SERVED);
    tracker.wait_for_figures(&[("swarms_v4", 1)]);
    api.put_on("denylist", torrent(1));
    api.put_on("denylist", torrent(2));
    assert_answered(&tracker, 2, Some(&banned(2)));
    tracker.wait_for_figures(&[("swarms_v4", 0)]);
    api.take_off("denylist", torrent(1));
    api.take_off("denylist", torrent(2));
    assert_answered(&tracker, 1, Some(&banned(1)));
    assert_answered(&tracker, 2, IS_SERVED);
}

#[test]
fn an_unreadable_list_file_leaves_the_list_unchanged() {
    let allowed = ListFile::of(&[1]);
    let tracker = launch("listed").set("access.allow_file", &text(&allowed.path())).start();
    std::fs::remove_file(allowed.path()).unwrap();
    let answer = Api::of(&tracker).ask("POST", "reload", "");
    assert_eq!(answer.status, 500, "{}", answer.text());
    assert!(answer.text().contains("No such file"), "{}", answer.text());
    assert_answered(&tracker, 1, IS_SERVED);
    assert_answered(&tracker, 2, Some(&not_listed(2)));
    allowed.replace(&[2]);
    tracker.signal(Signal::HUP);
    until("the new list", || is_served(&tracker, 2) && !is_served(&tracker, 1));
}
