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
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor, MySqlConnection, PgConnection};
use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;
use std::time::{Duration, Instant};
use tempfile::TempDir;

use crate::patience::PATIENCE;

#[derive(Debug, Clone, Copy)]
enum Backend {
    Sqlite,
    MariaDb,
    Postgres,
}

/// The database of one test.
struct Place {
    url: String,
    _folder: Option<TempDir>,
}

impl Place {
    fn new(backend: Backend, name: &str) -> Self {
        let kind = match backend {
            Backend::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                let url = format!("sqlite:{}", folder.path().join(name).display());
                return Self { url, _folder: Some(folder) };
            }
            Backend::MariaDb => ServerKind::MariaDb,
            Backend::Postgres => ServerKind::Postgres,
        };
        Self { url: DatabaseServer::shared(kind).make_database(name), _folder: None }
    }

    fn url(&self) -> DatabaseUrl {
        self.url.parse().unwrap()
    }

    async fn open(&self) -> Database {
        Database::open(&self.url(), Creation::Now).await.unwrap()
    }
}

/// Defines the same tests for each of the databases.
macro_rules! with_every_backend {
    ($($test:ident),* $(,)?) => {
        with_every_backend!(@ sqlite Sqlite $($test)*);
        with_every_backend!(@ mariadb MariaDb $($test)*);
        with_every_backend!(@ postgres Postgres $($test)*);
    };
    (@ $module:ident $backend:ident $($test:ident)*) => {
        mod $module {
            $(#[test]
            fn $test() {
                let place = crate::databases::Place::new(crate::databases::Backend::$backend, stringify!($test));
                crate::databases::block_on(super::$test(place));
            })*
        }
    };
}
use with_every_backend;

/// Runs a future on this thread, with all the tasks that it starts.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future)
}

/// Waits until a condition holds, while the other tasks of this thread run.
async fn until(what: &str, mut holds: impl FnMut() -> Pin<Box<dyn Future<Output = bool>>>) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn all<T: Send>(mut pages: Pages<T>) -> Vec<T> {
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

/// Runs a statement without the tracker's knowledge.
async fn execute(place: &Place, statement: &str) {
    let statement = sqlx::raw_sql(AssertSqlSafe(statement.to_owned()));
    let url = &place.url;
    if url.starts_with("sqlite") {
        let options = SqliteConnectOptions::from_str(url).unwrap().create_if_missing(true);
        options.connect().await.unwrap().execute(statement).await.unwrap();
    } else if url.starts_with("postgres") {
        PgConnection::connect(url).await.unwrap().execute(statement).await.unwrap();
    } else {
        MySqlConnection::connect(url).await.unwrap().execute(statement).await.unwrap();
    }
}
