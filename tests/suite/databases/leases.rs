//! Only one tracker at a time uses a database.

use super::{Place, all, block_on, execute, hash, until, with_every_backend};
use database::{
    Change, Creation, Database, DatabaseError, WriteBatch, WriteBehind, WriteBehindSettings, WriteBehindState,
};
use primitives::{ListChange, TorrentList};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlConnection, Row as _};
use std::time::Duration;

with_every_backend!(
    async a_second_tracker_is_refused_and_the_holder_is_named,
    async a_later_tracker_can_write_only_after_the_first_has_closed,
    async a_released_database_is_another_trackers_until_it_is_taken_back,
);

fn listed(number: u32) -> WriteBatch {
    let mut batch = WriteBatch::default();
    batch.insert(Change::List(TorrentList::Allowed, hash(number), ListChange::Add));
    batch
}

/// The text that names this process as the holder of a database.
fn this_process() -> String {
    let host = rustix::system::uname();
    format!("process {} on {}", std::process::id(), host.nodename().to_string_lossy())
}

async fn a_second_tracker_is_refused_and_the_holder_is_named(place: &Place) {
    let first = place.open().await;
    let error = Database::open(&place.url(), Creation::Now).await.unwrap_err();
    assert!(matches!(&error, DatabaseError::Held { holder } if *holder == this_process()), "{error}");
    assert!(!error.may_pass());
    first.store(&listed(1)).await.unwrap();
    assert_eq!(all(Database::reader(&place.url()).load_list(TorrentList::Allowed)).await, [hash(1)]);
    first.close().await;
    place.open().await.store(&listed(2)).await.unwrap();
}

async fn a_later_tracker_can_write_only_after_the_first_has_closed(place: &Place) {
    let first = place.open().await;
    let second = Database::unopened(&place.url());
    for refused in
        [second.store(&listed(2)).await, second.load_list(TorrentList::Allowed).next().await.map(drop)]
    {
        assert!(matches!(refused, Err(DatabaseError::Held { .. })), "{refused:?}");
    }
    first.close().await;
    second.store(&listed(2)).await.unwrap();
}

async fn a_released_database_is_another_trackers_until_it_is_taken_back(place: &Place) {
    let write_behind = WriteBehind::start(Some(place.open().await), often());
    let add =
        |number| write_behind.change_list(TorrentList::Allowed, ListChange::Add, &[hash(number)]).unwrap();
    add(1);
    let released = write_behind.release().await.unwrap();
    let other = place.open().await;
    assert_eq!(all(other.load_list(TorrentList::Allowed)).await, [hash(1)], "everything was written before");
    add(2);
    assert!(write_behind.flush().await.is_err());
    other.store(&listed(3)).await.unwrap();
    other.close().await;
    drop(released);
    write_behind.flush().await.unwrap();
    let reader = Database::reader(&place.url());
    assert_eq!(all(reader.load_list(TorrentList::Allowed)).await, [hash(1), hash(2), hash(3)]);
}

/// Ends all sessions on a database, as a restart of the server would.
async fn end_sessions(place: &Place) {
    if let super::Backend::Postgres = place.backend {
        let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                      WHERE datname = current_database() AND pid <> pg_backend_pid()";
        execute(place, others).await;
        return;
    }
    let mut connection = MySqlConnection::connect(&place.url).await.unwrap();
    let others = "SELECT CAST(ID AS SIGNED) FROM information_schema.PROCESSLIST \
                  WHERE DB = DATABASE() AND ID <> CONNECTION_ID()";
    for session in sqlx::query(others).fetch_all(&mut connection).await.unwrap() {
        let kill = AssertSqlSafe(format!("KILL {}", session.get::<i64, _>(0)));
        match connection.execute(sqlx::raw_sql(kill)).await {
            // A session of a connection that was closed may have ended meanwhile.
            Err(sqlx::Error::Database(error)) if error.message().starts_with("Unknown thread id") => {}
            killed => drop(killed.unwrap()),
        }
    }
}

fn often() -> WriteBehindSettings {
    let (flush_every, retry_first) = (Duration::from_millis(20), Duration::from_millis(20));
    WriteBehindSettings { flush_every, retry_first, retry_max: retry_first, ..WriteBehindSettings::default() }
}

fn is_away(write_behind: &WriteBehind, because: &str) -> bool {
    matches!(write_behind.info().state, WriteBehindState::Away(reason) if reason.contains(because))
}

/// A tracker loses its session. It continues if no other tracker has taken over, and otherwise never writes again, even
/// after the other has gone.
async fn sessions_are_lost(place: Place) {
    let first = place.open().await;
    first.store(&listed(1)).await.unwrap();
    end_sessions(&place).await;
    let write_behind = WriteBehind::start(Some(first.clone()), often());
    write_behind.change_list(TorrentList::Allowed, ListChange::Add, &[hash(2)]).unwrap();
    while write_behind.flush().await.is_err() {}
    assert_eq!(all(first.load_list(TorrentList::Allowed)).await, [hash(1), hash(2)]);

    let second = loop {
        end_sessions(&place).await;
        match Database::open(&place.url(), Creation::Now).await {
            Ok(second) => break second,
            Err(error) => assert!(matches!(error, DatabaseError::Held { .. }), "{error}"),
        }
    };
    write_behind.change_list(TorrentList::Allowed, ListChange::Add, &[hash(3)]).unwrap();
    until("it notices the other", || is_away(&write_behind, "in use by another tracker")).await;
    second.store(&listed(4)).await.unwrap();
    second.close().await;
    until("it notices that it was overtaken", || is_away(&write_behind, "has taken it over")).await;
    assert!(write_behind.flush().await.is_err());
    let third = place.open().await;
    assert_eq!(all(third.load_list(TorrentList::Allowed)).await, [hash(1), hash(2), hash(4)]);
}

#[test]
fn a_tracker_that_lost_its_postgres_session_keeps_writing_unless_another_took_over() {
    block_on(sessions_are_lost(Place::new(super::Backend::Postgres, "sessions_are_lost")));
}

#[test]
fn a_tracker_that_lost_its_mariadb_session_keeps_writing_unless_another_took_over() {
    block_on(sessions_are_lost(Place::new(super::Backend::MariaDb, "sessions_are_lost")));
}
