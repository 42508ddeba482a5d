use super::load::Load;
use super::scene::{Backend, Place, Stored, launch};
use std::time::Duration;

/// Nothing is written before the stop, which comes right behind an answer.
fn stop(backend: Backend) {
    let place = Place::new(backend, "stops");
    let start = || launch(&place.url).set("database.flush_every_s", "3600").start();
    let tracker = start();
    let mut load = Load::begin(&tracker);
    load.run_for(Duration::from_millis(700));
    assert_eq!(tracker.stop().code, Some(0));
    assert_eq!(Stored::read(&place.url).without_connects(), Stored::of(&load.sums));

    let tracker = start();
    let mut load = Load::go_on(&tracker, load.sums);
    load.run_for(Duration::from_millis(700));
    assert_eq!(tracker.stop().code, Some(0));
    assert_eq!(
        Stored::read(&place.url).without_connects(),
        Stored::of(&load.sums),
        "the second run adds to the first"
    );
}

#[test]
fn a_clean_stop_loses_nothing_in_sqlite() {
    stop(Backend::Sqlite);
}

#[test]
fn a_clean_stop_loses_nothing_in_postgres() {
    stop(Backend::Postgres);
}

#[test]
fn a_clean_stop_loses_nothing_in_mariadb() {
    stop(Backend::MariaDb);
}
