use crate::error::DatabaseError;
use crate::limits::{CLOSE_MS_MAX, MIGRATION_S_MAX, PING_MS_MAX, SQLITE_BUSY_MS_MAX};
use crate::schema::migrator;
use crate::secret_file::make_database_file;
use crate::url::Target;
use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection as _, Executor, Row as _};
use std::path::Path;
use std::time::Duration;
use tokio::time::timeout;

/// How a backend wants its statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    MySql,
    Postgres,
}

/// A connection to one of the backends. After an error or a time-out it must be dropped: the backend then takes back
/// what was not committed.
#[derive(Debug)]
pub(crate) enum Connection {
    Sqlite(SqliteConnection),
    MySql(MySqlConnection),
    Postgres(PgConnection),
}

/// Whether a file that is not there is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileMissing {
    Create,
    Refuse,
}

/// A parameter of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Bytes(Vec<u8>),
    Text(String),
    Number(Option<i64>),
}

/// A row of an answer, whatever backend it is of. What is missing or of another type is `None`.
pub(crate) trait Row {
    fn bytes(&self, column: usize) -> Option<Vec<u8>>;
    fn text(&self, column: usize) -> Option<String>;
    fn number(&self, column: usize) -> Option<i64>;
}

// As options: a missing value would be read as zero by some.
macro_rules! implement_row {
    ($($row:ty),*) => {
        $(impl Row for $row {
            fn bytes(&self, column: usize) -> Option<Vec<u8>> {
                self.try_get(column).ok().flatten()
            }

            fn text(&self, column: usize) -> Option<String> {
                self.try_get(column).ok().flatten()
            }

            fn number(&self, column: usize) -> Option<i64> {
                self.try_get(column).ok().flatten()
            }
        })*
    };
}

implement_row!(SqliteRow, MySqlRow, PgRow);

/// The same expression for whatever connection it is.
macro_rules! for_each_backend {
    ($connection:expr, $inner:ident => $expression:expr) => {
        match $connection {
            Connection::Sqlite($inner) => $expression,
            Connection::MySql($inner) => $expression,
            Connection::Postgres($inner) => $expression,
        }
    };
}

/// A statement with its parameters.
macro_rules! query {
    ($statement:expr) => {{
        let Statement { text, values, is_kept } = $statement;
        let mut query = sqlx::query(AssertSqlSafe(text)).persistent(is_kept);
        for value in values {
            query = match value {
                Value::Bytes(bytes) => query.bind(bytes),
                Value::Text(text) => query.bind(text),
                Value::Number(number) => query.bind(number),
            };
        }
        query
    }};
}

/// What a backend is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    /// In the words of the backend.
    pub text: String,
    /// One for each place in the text.
    pub values: Vec<Value>,
    /// Whether the same text comes again, so that the backend should keep what it made of it.
    pub is_kept: bool,
}

impl Connection {
    /// Connects, within `limit`.
    pub(crate) async fn open(
        target: &Target,
        file_missing: FileMissing,
        limit: Duration,
    ) -> Result<Self, DatabaseError> {
        let connect = async {
            Ok(match target {
                Target::Sqlite(path) => {
                    if file_missing == FileMissing::Create {
                        make_database_file(path)?;
                    }
                    Self::Sqlite(sqlite_options(path).connect().await?)
                }
                Target::MySql(options) => Self::MySql(options.connect().await?),
                Target::Postgres(options) => {
                    let mut connection = options.connect().await?;
                    connection.execute(POSTGRES_SETTINGS).await?;
                    Self::Postgres(connection)
                }
            })
        };
        within("connect", limit, Box::pin(connect)).await
    }

    /// Brings the schema up to date.
    pub(crate) async fn migrate(&mut self) -> Result<(), DatabaseError> {
        let migrator = migrator(self.dialect());
        let limit = Duration::from_secs(MIGRATION_S_MAX);
        let run = async {
            for_each_backend!(self, inner => migrator.run_direct(None, inner, false).await)?;
            Ok(())
        };
        within("bring its schema up to date", limit, Box::pin(run)).await
    }

    pub(crate) const fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::MySql(_) => Dialect::MySql,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Begins a transaction. SQLite's takes its lock at once, so that it is not refused half way.
    pub(crate) async fn begin(&mut self, limit: Duration) -> Result<(), DatabaseError> {
        let text = if self.dialect() == Dialect::Sqlite { "BEGIN IMMEDIATE" } else { "BEGIN" };
        self.command(text, limit).await
    }

    pub(crate) async fn commit(&mut self, limit: Duration) -> Result<(), DatabaseError> {
        self.command("COMMIT", limit).await
    }

    /// Runs a statement as it stands.
    pub(crate) async fn command(&mut self, text: &'static str, limit: Duration) -> Result<(), DatabaseError> {
        let run = async {
            for_each_backend!(self, inner => inner.execute(sqlx::raw_sql(text)).await.map(drop))?;
            Ok(())
        };
        within("begin or end a transaction", limit, Box::pin(run)).await
    }

    /// Runs a statement that gives no rows.
    pub(crate) async fn execute(
        &mut self,
        limit: Duration,
        statement: Statement,
    ) -> Result<(), DatabaseError> {
        let run = async {
            for_each_backend!(self, inner => query!(statement).execute(inner).await.map(drop))?;
            Ok(())
        };
        within("write", limit, Box::pin(run)).await
    }

    /// Runs a statement that gives rows, and shows all of them.
    pub(crate) async fn rows(
        &mut self,
        limit: Duration,
        statement: Statement,
        show: &mut (dyn FnMut(&dyn Row) + Send),
    ) -> Result<(), DatabaseError> {
        let run = async {
            for_each_backend!(self, inner => {
                let rows = query!(statement).fetch_all(inner).await?;
                rows.iter().for_each(|row| show(row));
            });
            Ok(())
        };
        within("read", limit, Box::pin(run)).await
    }

    /// Whether it answers still.
    pub(crate) async fn is_alive(&mut self) -> bool {
        let ping = async { for_each_backend!(self, inner => inner.ping().await) };
        matches!(timeout(Duration::from_millis(PING_MS_MAX), ping).await, Ok(Ok(())))
    }

    /// Takes leave of the backend, unless that takes too long.
    pub(crate) async fn close(self) {
        let close = async { for_each_backend!(self, inner => inner.close().await) };
        if let Ok(Err(error)) = timeout(Duration::from_millis(CLOSE_MS_MAX), Box::pin(close)).await {
            tracing::debug!(%error, "a connection to the database did not end well");
        }
    }
}

/// Without the first, each start logs that the table of the migrations is there already. Without the second, a server
/// that has no statistics of a table yet sorts all of it for each page, which the primary key has in order.
const POSTGRES_SETTINGS: &str = "SET client_min_messages = warning; SET enable_sort = off";

async fn within<T>(
    what: &'static str,
    limit: Duration,
    future: impl Future<Output = Result<T, DatabaseError>>,
) -> Result<T, DatabaseError> {
    timeout(limit, future).await.unwrap_or(Err(DatabaseError::TooSlow { what, limit }))
}

/// The log beside the file keeps the file sound whatever happens and lets others read meanwhile. It is synchronized at
/// each commit: there is one in some seconds, so it costs nothing that counts, and what was written survives a loss of
/// power.
fn sqlite_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_millis(SQLITE_BUSY_MS_MAX))
        .disable_statement_logging()
}
