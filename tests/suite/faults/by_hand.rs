use super::api::Api;
use super::load::{Load, key, torrent};
use super::scene::{Backend, Place, Stored, block_on, launch};
use crate::http_client::{HttpClient, percent_encode};
use crate::patience::until;
use crate::tracker::Tracker;
use primitives::InfoHash;
use sqlx::{AssertSqlSafe, Connection as _, Executor, MySqlConnection, PgConnection, SqliteConnection};

/// Rows are added and removed in the database while the tracker works.
fn edits(backend: Backend) {
    let place = Place::new(backend, "by_hand");
    let tracker = launch(&place.url).start();
    let api = Api::of(&tracker);
    let mut load = Load::begin(&tracker);
    load.run_until(|_| Stored::read(&place.url).accounts.len() == 6);
    let (extra_key, gone) = (key(77), key(5));
    let (extra, taken_off) = (torrent(9 << 20), torrent(8 << 20));
    api.allow(taken_off).unwrap();
    api.get("/api/v1/whitelist/reload");
    for statement in [
        format!("INSERT INTO torrent_lists (list, info_hash) VALUES (1, {})", literal(backend, extra)),
        format!("DELETE FROM torrent_lists WHERE list = 1 AND info_hash = {}", literal(backend, taken_off)),
        format!(
            "INSERT INTO auth_keys (auth_key, uploaded, downloaded) VALUES ('{}', 55, 5)",
            extra_key.reveal()
        ),
        format!("DELETE FROM auth_keys WHERE auth_key = '{}'", gone.reveal()),
        format!("UPDATE auth_keys SET valid_until = 4000000000 WHERE auth_key = '{}'", key(4).reveal()),
    ] {
        execute(backend, &place.url, &statement);
    }
    // Meanwhile the accounts of all users are written, that of the removed one too.
    let before = Stored::read(&place.url).accounts[0];
    load.run_until(|_| Stored::read(&place.url).accounts[0].0 > before.0 + 10_000);
    api.get("/api/v1/whitelist/reload");
    api.get("/api/v1/keys/reload");
    assert_eq!(api.account(&extra_key), (55, 5));
    assert_eq!(api.ask("GET", &format!("/api/v1/key/{}", gone.reveal()), "").0, 404);
    assert_eq!(api.get(&format!("/api/v1/key/{}", key(4).reveal()))["valid_until"], 4_000_000_000_u64);
    let refused = |user, torrent| refusal(&tracker, user, torrent);
    assert_eq!(refused(77, extra), None);
    let text = refused(5, extra).unwrap();
    assert!(text.contains("the key is not known"), "{text}");
    // The cores remove unlisted torrents in steps.
    until("it is removed", || refused(0, taken_off).is_some());
    assert_eq!(tracker.stop().code, Some(0));
    let stored = Stored::read(&place.url);
    assert!(stored.allowed.contains(&extra) && !stored.allowed.contains(&taken_off));
    assert_eq!(stored.accounts[..5], load.sums.accounts[..5]);
    assert_eq!(stored.accounts[5..], [(55, 5)]);
}

/// The text with which an announce is refused, if it is.
fn refusal(tracker: &Tracker, user: usize, torrent: InfoHash) -> Option<String> {
    let mut client = HttpClient::new(tracker.http_v4());
    let hash = percent_encode(&torrent.0);
    let path = format!("/announce/{}", key(user).reveal());
    let answer =
        client.get(&format!("{path}?info_hash={hash}&peer_id=-XX0001-000000000099&port=6881&left=1"));
    let text = answer.text();
    text.contains("failure reason").then_some(text)
}

fn literal(backend: Backend, torrent: InfoHash) -> String {
    match backend {
        Backend::Postgres => format!("'\\x{torrent}'"),
        Backend::Sqlite | Backend::MariaDb => format!("X'{torrent}'"),
    }
}

fn execute(backend: Backend, url: &str, statement: &str) {
    let statement = sqlx::raw_sql(AssertSqlSafe(statement.to_owned()));
    let done = block_on(async {
        match backend {
            Backend::Sqlite => {
                let mut connection = SqliteConnection::connect(url).await.unwrap();
                connection.execute(statement).await.unwrap().rows_affected()
            }
            Backend::MariaDb => {
                let mut connection = MySqlConnection::connect(url).await.unwrap();
                connection.execute(statement).await.unwrap().rows_affected()
            }
            Backend::Postgres => {
                let mut connection = PgConnection::connect(url).await.unwrap();
                connection.execute(statement).await.unwrap().rows_affected()
            }
        }
    });
    assert_eq!(done, 1);
}

#[test]
fn changes_by_hand_in_sqlite_apply_after_a_reload() {
    edits(Backend::Sqlite);
}

#[test]
fn changes_by_hand_in_postgres_apply_after_a_reload() {
    edits(Backend::Postgres);
}

#[test]
fn changes_by_hand_in_mariadb_apply_after_a_reload() {
    edits(Backend::MariaDb);
}
