use super::api::Api;
use super::load::{Load, key};
use super::scene::{Backend, Place, Stored, assert_all_is_stored, block_on, launch};
use rustix::process::Signal;
use sqlx::{Connection as _, Row as _, SqliteConnection};
use std::time::Duration;

/// Three times: everything is stored, the load continues, and the tracker is killed under it and restarted.
fn kills(backend: Backend) {
    let place = Place::new(backend, "kills");
    let mut tracker = launch(&place.url).start();
    let mut load = Load::begin(&tracker);
    for _ in 0..3 {
        load.run_for(Duration::from_millis(300));
        assert_all_is_stored(&tracker, &place.url, &load.sums);
        let flushed = Stored::read(&place.url);
        load.run_for(Duration::from_millis(fastrand::u64(300..2300)));
        tracker.signal(Signal::KILL);
        assert_eq!(tracker.wait().code, None);
        if let Backend::Sqlite = backend {
            assert_sound(&place.url);
        }
        tracker = launch(&place.url).start();
        let stored = Stored::read(&place.url);
        stored.assert_between(&flushed, &Stored::of(&load.sums));
        // Lost changes were never reported as stored, so the sums continue from the stored values.
        let mut sums = load.sums.clone();
        sums.allowed = stored.allowed.clone();
        sums.completed = stored.completed.keys().copied().collect();
        sums.udp_announces = stored.totals["udp_announces_answered"];
        sums.http_announces = stored.totals["http_announces_answered"];
        for (user, account) in stored.accounts.iter().enumerate() {
            assert_eq!(Api::of(&tracker).account(&key(user)), *account);
            sums.accounts[user] = *account;
        }
        sums.completions_reported = stored.totals["completed"];
        load = Load::resume(&tracker, sums);
    }
    assert_eq!(tracker.stop().code, Some(0));
}

fn assert_sound(url: &str) {
    block_on(async {
        let mut connection = SqliteConnection::connect(url).await.unwrap();
        let row = sqlx::query("PRAGMA integrity_check").fetch_one(&mut connection).await.unwrap();
        assert_eq!(row.get::<String, _>(0), "ok");
        connection.close().await.unwrap();
    });
}

#[test]
fn data_flushed_to_sqlite_survives_a_kill() {
    kills(Backend::Sqlite);
}

#[test]
fn data_flushed_to_postgres_survives_a_kill() {
    kills(Backend::Postgres);
}

#[test]
fn data_flushed_to_mariadb_survives_a_kill() {
    kills(Backend::MariaDb);
}
