//! A million torrents on a list.

use std::fmt::Write;

use primitives::InfoHash;

use super::announces::{Announce, Way};
use super::api::Api;
use super::{launch, text};
use crate::patience::wait_for;
use crate::tracker::Tracker;

const TORRENTS: u32 = 1_000_000;

/// Memory per torrent, on average.
const BYTES_EACH_MAX: u64 = 40;

/// In processor time, because the machine may be busy with other work.
const READY_WITHIN_S: u64 = 10;

/// Evenly spread, as info hashes are.
fn hash(number: u32) -> InfoHash {
    let mut random = fastrand::Rng::with_seed(u64::from(number));
    let mut bytes = [0; 20];
    random.fill(&mut bytes);
    InfoHash(bytes)
}

fn lines(numbers: std::ops::Range<u32>) -> String {
    let text = String::with_capacity(numbers.len() * 41);
    numbers.fold(text, |mut text, number| {
        writeln!(text, "{}", hash(number)).unwrap();
        text
    })
}

#[track_caller]
fn assert_listed(tracker: &Tracker, numbers: std::ops::Range<u32>) {
    for number in numbers.clone().step_by(99_991).chain([numbers.end - 1]) {
        assert_eq!(Announce::of(hash(number)).refusal(tracker, Way::Udp), None, "{number}");
    }
    for number in [numbers.start.wrapping_sub(1), numbers.end] {
        assert!(Announce::of(hash(number)).refusal(tracker, Way::Udp).is_some(), "{number}");
    }
}

#[track_caller]
fn assert_small(tracker: &Tracker) {
    // Each core publishes its figures ten times a second.
    let bytes = wait_for(|| match tracker.figures().get("access_bytes") {
        bytes if bytes >= 20 * u64::from(TORRENTS) => Ok(bytes),
        bytes => Err(format!("access_bytes is {bytes}")),
    });
    assert!(bytes <= BYTES_EACH_MAX * u64::from(TORRENTS), "{bytes}");
}

/// Asserts that little processor time was used so far.
#[track_caller]
fn assert_soon_ready(tracker: &Tracker) {
    let spent_s = tracker.processor_time().as_secs();
    assert!(spent_s < READY_WITHIN_S, "{spent_s}");
}

#[test]
fn a_file_of_a_million_torrents_is_loaded_in_seconds_and_takes_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("list");
    std::fs::write(&file, lines(0..TORRENTS)).unwrap();
    let launch = launch("listed").set("access.allow_file", &text(&file));
    let tracker = launch.start();
    assert_soon_ready(&tracker);
    assert_listed(&tracker, 0..TORRENTS);
    assert_small(&tracker);
}

#[test]
fn a_million_torrents_are_listed_by_one_request_and_survive_a_restart() {
    // A busy machine may need more than the ten seconds of each of these limits by default.
    let launch = launch("listed").set("database.start_wait_s", "300").set("shutdown.deadline_s", "60");
    let tracker = launch.clone().start();
    let api = Api::of(&tracker);
    let added = api.json("POST", "whitelist", &lines(0..TORRENTS));
    assert_eq!(added["added"], TORRENTS);
    assert_eq!(added["invalid"], 0);
    assert_listed(&tracker, 0..TORRENTS);
    assert_small(&tracker);
    let ended = tracker.stop();
    assert_eq!(ended.code, Some(0), "{:#?}", ended.log);

    let tracker = launch.start();
    assert_soon_ready(&tracker);
    assert_listed(&tracker, 0..TORRENTS);
    let removed = Api::of(&tracker).json("DELETE", "whitelist", &lines(1..TORRENTS));
    assert_eq!(removed["removed"], TORRENTS - 1);
    assert_listed(&tracker, 0..1);
}
