use super::load::{Load, key};
use super::scene::{Stored, launch};
use crate::databases::{Backend, Place};
use crate::management::api::Api;
use crate::patience::until;
use crate::tracker::Tracker;
use std::process::Command;

/// The id of the thread with this name.
fn thread_of(tracker: &Tracker, name: &str) -> String {
    let threads = format!("/proc/{}/task", tracker.id());
    let is_named = |thread: &String| {
        std::fs::read_to_string(format!("{threads}/{thread}/comm")).is_ok_and(|comm| comm.trim() == name)
    };
    let names = std::fs::read_dir(&threads).unwrap();
    let mut threads = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    threads.find(is_named).expect("a thread of this name")
}

/// The kernel fails one wait of a worker, which it treats as a bug.
#[test]
fn when_a_worker_panics_the_known_data_is_stored_and_the_tracker_ends_with_code_1() {
    let place = Place::new(Backend::Sqlite, "panics");
    let tracker = launch(&place.url).set("database.flush_every_s", "3600").start();
    let mut load = Load::begin(&tracker);
    load.run_for(std::time::Duration::from_millis(300));
    let (api, sums) = (Api::of(&tracker), &load.sums);
    until("the accounts are reported", || {
        (0..).map(key).zip(&sums.accounts).all(|(key, sum)| api.account(&key) == *sum)
    });
    assert_eq!(Stored::read(&place.url).accounts, [], "nothing is written yet");
    let mut strace = Command::new("strace")
        .args(["--quiet=all", "--output=/dev/null", "--trace=epoll_pwait"])
        .args(["--inject=epoll_pwait:error=EBADF:when=1", "--attach", &thread_of(&tracker, "worker-0")])
        .spawn()
        .expect("strace, which tests/install installs");
    let ended = tracker.wait();
    strace.wait().unwrap();
    let log = ended.log.join("\n");
    assert_eq!(ended.code, Some(1), "{log}");
    for part in
        ["panicked at", "ERROR stopping: a worker exited unexpectedly", "the worker of shard 0 panicked"]
    {
        assert!(log.contains(part), "{part:?} is not in {log}");
    }
    let stored = Stored::read(&place.url);
    assert_eq!((stored.accounts, stored.allowed), (load.sums.accounts.to_vec(), load.sums.allowed));
}
