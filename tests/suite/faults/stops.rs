use super::load::Load;
use super::scene::{Stored, launch};
use crate::databases::{Backend, Place, with_every_backend};
use crate::http_client::HttpClient;
use crate::management::TOKEN;
use crate::management::api::{Api, request_head};
use std::time::{Duration, Instant};

with_every_backend!(a_clean_stop_loses_nothing);

/// Nothing is written before the stop, which follows directly after an answer.
fn a_clean_stop_loses_nothing(place: &Place) {
    let start = || launch(&place.url).set("database.flush_every_s", "3600").start();
    let tracker = start();
    let mut load = Load::begin(&tracker);
    load.run_for(Duration::from_millis(700));
    assert_eq!(tracker.stop().code, Some(0));
    assert_eq!(Stored::read(&place.url).without_connects(), Stored::of(&load.sums));

    let tracker = start();
    let mut load = Load::resume(&tracker, load.sums);
    load.run_for(Duration::from_millis(700));
    assert_eq!(tracker.stop().code, Some(0));
    assert_eq!(
        Stored::read(&place.url).without_connects(),
        Stored::of(&load.sums),
        "the second run adds to the first"
    );
}

/// One client does not send its announced body, the other sends no request.
#[test]
fn hanging_api_clients_delay_a_stop_by_seconds_only_and_lose_no_data() {
    let place = Place::new(Backend::Sqlite, "hanging");
    let tracker = launch(&place.url).set("database.flush_every_s", "3600").start();
    let mut load = Load::begin(&tracker);
    load.run_for(Duration::from_millis(300));
    let mut half = HttpClient::new(Api::of(&tracker).address());
    half.send(format!("{}1", request_head("POST", "whitelist", TOKEN, 99)).as_bytes());
    let _silent = HttpClient::new(Api::of(&tracker).address());
    load.run_for(Duration::from_millis(50));
    let begin = Instant::now();
    assert_eq!(tracker.stop().code, Some(0));
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    assert_eq!(Stored::read(&place.url).without_connects(), Stored::of(&load.sums));
}
