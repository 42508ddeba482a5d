//! Storage with all three databases: SQLite in a file, real servers of PostgreSQL and MariaDB.

mod keeping;
mod leases;
mod outages;
mod records;
mod sqlite_files;
mod unreachable;

use database::{Creation, Database, DatabaseUrl, Pages};
use primitives::{AuthenticationKey, InfoHash};
use ringtrack_tests::database_server::{DatabaseServer, ServerKind};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Executor, MySqlConnection, PgConnection, Row as _,
    SqliteConnection,
};
use std::future::Future;
use std::str::FromStr;
use std::time::{Duration, Instant};
use tempfile::TempDir;

use crate::patience::PATIENCE;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Backend {
    Sqlite,
    MariaDb,
    Postgres,
}

/// The database of one test.
pub(crate) struct Place {
    pub(crate) backend: Backend,
    pub(crate) url: String,
    _folder: Option<TempDir>,
}

impl Place {
    pub(crate) fn new(backend: Backend, name: &str) -> Self {
        let kind = match backend {
            Backend::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                let url = format!("sqlite:{}", folder.path().join(name).display());
                return Self { backend, url, _folder: Some(folder) };
            }
            Backend::MariaDb => ServerKind::MariaDb,
            Backend::Postgres => ServerKind::Postgres,
        };
        Self { backend, url: DatabaseServer::shared(kind).make_database(name), _folder: None }
    }

    fn url(&self) -> DatabaseUrl {
        self.url.parse().unwrap()
    }

    async fn open(&self) -> Database {
        Database::open(&self.url(), Creation::Now).await.unwrap()
    }
}

/// Defines the same tests for each of the databases. They may be async.
macro_rules! with_every_backend {
    ($(async $test:ident),* $(,)?) => {
        with_every_backend!(crate::databases::block_on, $($test),*);
    };
    ($($test:ident),* $(,)?) => {
        with_every_backend!(core::convert::identity, $($test),*);
    };
    ($run:path, $($test:ident),*) => {
        with_every_backend!(@ $run, sqlite Sqlite $($test)*);
        with_every_backend!(@ $run, mariadb MariaDb $($test)*);
        with_every_backend!(@ $run, postgres Postgres $($test)*);
    };
    (@ $run:path, $module:ident $backend:ident $($test:ident)*) => {
        mod $module {
            $(#[test]
            fn $test() {
                let place = crate::databases::Place::new(crate::databases::Backend::$backend, stringify!($test));
                $run(super::$test(&place));
            })*
        }
    };
}
pub(crate) use with_every_backend;

/// Runs a future on this thread, with all the tasks that it starts.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future)
}

/// Waits until a condition holds, while the other tasks of this thread run.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) async fn all<T: Send>(mut pages: Pages<T>) -> Vec<T> {
    let mut records = Vec::new();
    while let Some(page) = pages.next().await.unwrap() {
        assert!(page.len() <= 4096, "a page of {}", page.len());
        records.extend(page);
    }
    records
}

fn hash(number: u32) -> InfoHash {
    let mut bytes = [0xa5; 20];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    InfoHash(bytes)
}

fn key(text: &str) -> AuthenticationKey {
    AuthenticationKey::parse(text.repeat(32).get(..32).unwrap().as_bytes()).unwrap()
}

/// Runs a statement without the tracker's knowledge. Returns the number of rows that it changed.
pub(crate) async fn execute(place: &Place, statement: &str) -> u64 {
    let statement = sqlx::raw_sql(AssertSqlSafe(statement.to_owned()));
    let url = &place.url;
    match place.backend {
        Backend::Sqlite => {
            let options = SqliteConnectOptions::from_str(url).unwrap().create_if_missing(true);
            options.connect().await.unwrap().execute(statement).await.unwrap().rows_affected()
        }
        Backend::MariaDb => {
            MySqlConnection::connect(url).await.unwrap().execute(statement).await.unwrap().rows_affected()
        }
        Backend::Postgres => {
            PgConnection::connect(url).await.unwrap().execute(statement).await.unwrap().rows_affected()
        }
    }
}

/// Asserts that SQLite finds no damage in its file.
pub(crate) async fn assert_sound(url: &str) {
    let mut connection = SqliteConnection::connect(url).await.unwrap();
    let row = sqlx::query("PRAGMA integrity_check").fetch_one(&mut connection).await.unwrap();
    assert_eq!(row.get::<String, _>(0), "ok");
    connection.close().await.unwrap();
}
