use super::load::{Load, key, torrent};
use super::scene::{assert_all_is_stored, launch, lines_at};
use crate::management::announces::{Announce, Way};
use crate::management::api::Api;
use crate::patience::until;
use crate::tracker::Tracker;
use ringtrack_tests::database_server::{DatabaseServer, ServerKind};
use std::time::Duration;

/// The database hangs, recovers, crashes and recovers, under a steady load.
fn outages(kind: ServerKind) {
    let mut server = DatabaseServer::start(kind);
    let url = server.make_database("tracker");
    let tracker = launch(&url).set("database.pending_max", "1000").start();
    let mut load = Load::begin(&tracker);
    load.run_for(Duration::from_millis(500));

    let hangs = server.pause();
    load.run_until(|api| api.storage().state == "away");
    let reason = Api::of(&tracker).storage().error;
    assert!(reason.starts_with("no answer within "), "{reason}");
    drop(hangs);
    load.run_until(|api| api.storage().state == "connected");
    assert_eq!(load.sums.refused, 0, "there was room for all changes");

    server.crash();
    load.run_until(|api| api.storage().state == "away");
    fill(&tracker, &mut load);
    let lost = Api::of(&tracker).storage().lost;
    assert!(lost >= 100);
    load.run_until(|api| api.storage().waiting >= 1000);
    load.run_for(Duration::from_millis(300));
    assert!(load.sums.refused > 0 && Api::of(&tracker).storage().lost > lost);
    server.restart();
    load.run_until(|api| api.storage().state == "connected");
    load.assert_swift();
    assert_all_is_stored(&tracker, &url, &load.sums);
    let log = tracker.log();
    assert_eq!(lines_at(&log, "WARN").len(), 2, "{:?}", lines_at(&log, "WARN"));
    assert_eq!(lines_at(&log, "ERROR").len(), 1, "{:?}", lines_at(&log, "ERROR"));
    assert_eq!(tracker.stop().code, Some(0));

    server.crash();
    start_without_database(&mut server, &url, &load);
}

/// Fills the queue of waiting changes up to less than a hundred free places.
fn fill(tracker: &Tracker, load: &mut Load) {
    let api = Api::of(tracker);
    for hundred in (2 << 20..).step_by(100) {
        let some: Vec<_> = (hundred..hundred + 100).map(torrent).collect();
        match api.allow_all(&some) {
            Ok(()) => load.sums.allowed.extend(some),
            Err(reason) => {
                assert!(reason.contains("failed to whitelist torrent: too many changes wait"), "{reason}");
                return;
            }
        }
    }
}

fn start_without_database(server: &mut DatabaseServer, url: &str, load: &Load) {
    let tracker = launch(url).set("database.start_wait_s", "1").start();
    let api = Api::of(&tracker);
    let storage = api.storage();
    assert!(storage.state == "away" && !storage.error.is_empty(), "{storage:?}");
    let refusal = |torrent| Announce::of(torrent).with_key(key(0).reveal()).refusal(&tracker, Way::Http);
    assert_eq!(refusal(torrent(0)).as_deref(), Some("Authentication error: the key is not known"));
    let refused = api.make_key(&key(0)).unwrap_err();
    assert!(refused.contains("failed to generate key: the database failed"), "{refused}");
    let new = torrent(3 << 20);
    api.allow(new).unwrap();
    server.restart();
    until("the database is used", || api.storage().state == "connected");
    let last_allowed = *load.sums.allowed.last().unwrap();
    for torrent in [torrent(0), last_allowed, new] {
        assert_eq!(refusal(torrent), None);
    }
    let mut sums = load.sums.clone();
    sums.allowed.insert(new);
    sums.http_announces += 3;
    assert_all_is_stored(&tracker, url, &sums);
    assert_eq!(tracker.stop().code, Some(0));
}

#[test]
fn while_postgres_is_away_clients_are_served_and_everything_is_stored_afterwards() {
    outages(ServerKind::Postgres);
}

#[test]
fn while_mariadb_is_away_clients_are_served_and_everything_is_stored_afterwards() {
    outages(ServerKind::MariaDb);
}
