//! Starts with a database that is unusable at that moment, or in use by another tracker.

use super::full_disk::SmallDisk;
use super::load::torrent;
use super::scene::{Stored, launch};
use crate::databases::{Backend, Place, block_on, with_every_backend};
use crate::management::api::Api;
use crate::patience::until;
use rustix::process::Signal;
use sqlx::{Connection as _, Executor, SqliteConnection};
use std::collections::BTreeSet;

with_every_backend!(a_second_tracker_is_refused_while_the_first_runs);

/// Starts a tracker whose database has a torrent and is unusable because of `reason`, until `restore` is called.
fn starts_without(url: &str, reason: &str, restore: impl FnOnce()) {
    let tracker = launch(url).set("database.start_wait_s", "0").start();
    let api = Api::of(&tracker);
    assert_eq!(api.storage().state, "away");
    let log = tracker.log();
    let is_said =
        |line: &String| line.contains("ERROR") && line.contains("is tried again") && line.contains(reason);
    assert!(log.iter().any(is_said), "{log:#?}");
    api.allow(torrent(2)).unwrap();
    restore();
    tracker.wait_for_log("the stored torrent", |lines| {
        lines.iter().any(|line| line.contains("read the stored list Allowed torrents=")).then_some(())
    });
    until("the database is used", || api.storage().state == "connected");
    assert_eq!(tracker.stop().code, Some(0));
    assert_eq!(Stored::read(url).allowed, BTreeSet::from([torrent(1), torrent(2)]));
}

/// Stores a torrent.
fn fill(url: &str) {
    let tracker = launch(url).start();
    Api::of(&tracker).allow(torrent(1)).unwrap();
    assert_eq!(tracker.stop().code, Some(0));
}

#[test]
fn a_file_that_is_locked_at_the_start_is_used_once_it_is_free() {
    let place = Place::new(Backend::Sqlite, "locked");
    fill(&place.url);
    let other = block_on(async {
        let mut other = SqliteConnection::connect(&place.url).await.unwrap();
        other.execute("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").await.unwrap();
        other
    });
    starts_without(&place.url, "database is locked", || block_on(other.close()).unwrap());
}

#[test]
fn a_disk_that_is_full_at_the_start_is_written_to_once_there_is_room() {
    SmallDisk::run_child("faults::starts::child_starts_on_a_full_disk");
}

#[test]
#[ignore = "the child of another test"]
fn child_starts_on_a_full_disk() {
    let disk = SmallDisk::of_child();
    fill(&disk.database_url());
    disk.fill();
    starts_without(&disk.database_url(), "", || disk.free());
}

/// It is accepted after the first was killed.
fn a_second_tracker_is_refused_while_the_first_runs(place: &Place) {
    let launch = launch(&place.url);
    let first = launch.clone().start();
    let refused = launch.clone().run_to_end();
    let last = refused.log.last().unwrap();
    assert_eq!(refused.code, Some(1), "{last}");
    let holder = format!("it is in use by another tracker, process {} on ", first.id());
    assert!(last.starts_with("ringtrack: ") && last.contains(&holder), "{last}");
    Api::of(&first).allow(torrent(1)).unwrap();
    first.signal(Signal::KILL);
    first.wait();
    assert_eq!(launch.start().stop().code, Some(0));
}
