use super::load::{Load, key};
use super::scene::{Stored, launch};
use crate::databases::{Backend, Place};
use crate::management::api::Api;
use crate::patience::until;
use crate::tracker::{Ended, Tracker};
use std::process::Command;

/// The name of the first thread in Rust. For the kernel, it has the name of the program's file.
const MAIN: &str = "main";

/// The id of the thread with this name.
fn thread_of(tracker: &Tracker, name: &str) -> String {
    if name == MAIN {
        return tracker.id().to_string();
    }
    let threads = format!("/proc/{}/task", tracker.id());
    let is_named = |thread: &String| {
        std::fs::read_to_string(format!("{threads}/{thread}/comm")).is_ok_and(|comm| comm.trim() == name)
    };
    let names = std::fs::read_dir(&threads).unwrap();
    let mut threads = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    threads.find(is_named).expect("a thread of this name")
}

/// Makes the kernel fail one wait of a thread, which the thread treats as a bug, and waits for the tracker's end.
fn end_by_failed_wait(tracker: Tracker, thread: &str, system_call: &str) -> Ended {
    let mut strace = Command::new("strace")
        .args(["--quiet=all", "--output=/dev/null", &format!("--trace={system_call}")])
        .arg(format!("--inject={system_call}:error=EBADF:when=1"))
        .args(["--attach", &thread_of(&tracker, thread)])
        .spawn()
        .expect("strace, which tests/install installs");
    let ended = tracker.wait();
    strace.wait().unwrap();
    ended
}

/// Asserts that the exit code and the last line are those of a panic of a thread.
fn assert_ended_by_panic(ended: &Ended, thread: &str) {
    let log = ended.log.join("\n");
    assert_eq!(ended.code, Some(1), "{log}");
    let panic = format!("the thread {thread} panicked at ");
    assert!(ended.log.last().unwrap().starts_with(&format!("ringtrack: {panic}")), "{log}");
}

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
    let ended = end_by_failed_wait(tracker, "worker-0", "epoll_pwait");
    assert_ended_by_panic(&ended, "worker-0");
    let log = ended.log.join("\n");
    assert!(log.contains("ERROR stopping: the thread worker-0 panicked at "), "{log}");
    let stored = Stored::read(&place.url);
    assert_eq!((stored.accounts, stored.allowed), (load.sums.accounts.to_vec(), load.sums.allowed));
}

#[test]
fn when_the_main_thread_panics_the_tracker_ends_with_code_1_and_starts_again() {
    let place = Place::new(Backend::Sqlite, "panics-of-main");
    let ended = end_by_failed_wait(launch(&place.url).start(), MAIN, "epoll_wait");
    assert_ended_by_panic(&ended, MAIN);
    launch(&place.url).start();
}
