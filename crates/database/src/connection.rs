use crate::error::DatabaseError;
use crate::limits::{CLOSE_MS_MAX, MIGRATION_S_MAX, PING_MS_MAX, SQLITE_BUSY_MS_MAX};
use crate::schema::migrator;
use crate::url::{DatabaseUrl, Target};
use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection as _, Executor, Row as _};
use std::path::Path;
use std::time::Duration;
use tokio::time::timeout;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    MySql,
    Postgres,
}

/// A connection to one of the backends. After an error or a timeout it must be dropped, so that the backend rolls back
/// uncommitted changes.
#[derive(Debug)]
pub(crate) enum Connection {
    Sqlite(SqliteConnection),
    MySql(MySqlConnection),
    Postgres(PgConnection),
}

/// A parameter of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Bytes(Vec<u8>),
    Text(String),
    Number(Option<i64>),
}

/// A row of a result, of any backend. A value that is missing or of another type is `None`.
pub(crate) trait Row {
    fn bytes(&self, column: usize) -> Option<Vec<u8>>;
    fn text(&self, column: usize) -> Option<String>;
    fn number(&self, column: usize) -> Option<i64>;
}

// Read as options, because some backends would read a missing value as zero.
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

/// Evaluates the same expression for a connection to any backend.
macro_rules! for_each_backend {
    ($connection:expr, $inner:ident => $expression:expr) => {
        match $connection {
            Connection::Sqlite($inner) => $expression,
            Connection::MySql($inner) => $expression,
            Connection::Postgres($inner) => $expression,
        }
    };
}

/// Builds a query from a statement and its parameters.
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

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    /// The text in the backend's dialect.
    pub text: String,
    /// One value for each placeholder in the text.
    pub values: Vec<Value>,
    /// Whether the same text recurs, so that the backend should keep the prepared statement.
    pub is_kept: bool,
}

impl Connection {
    /// Connects, within `limit`. A missing file is an error.
    pub(crate) async fn open(url: &DatabaseUrl, limit: Duration) -> Result<Self, DatabaseError> {
        let connect = async {
            Ok(match &url.target {
                Target::Sqlite(path) => Self::Sqlite(sqlite_options(path).connect().await?),
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

    /// Begins a transaction. With SQLite it takes its lock at once, so that no later statement is refused.
    pub(crate) async fn begin(&mut self, limit: Duration) -> Result<(), DatabaseError> {
        let text = if self.dialect() == Dialect::Sqlite { "BEGIN IMMEDIATE" } else { "BEGIN" };
        self.command(text, limit).await
    }

    pub(crate) async fn commit(&mut self, limit: Duration) -> Result<(), DatabaseError> {
        self.command("COMMIT", limit).await
    }

    /// Runs a statement without parameters.
    pub(crate) async fn command(&mut self, text: &'static str, limit: Duration) -> Result<(), DatabaseError> {
        let run = async {
            for_each_backend!(self, inner => inner.execute(sqlx::raw_sql(text)).await.map(drop))?;
            Ok(())
        };
        within("begin or end a transaction", limit, Box::pin(run)).await
    }

    /// Runs a statement that returns no rows.
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

    /// Runs a statement and passes each row that it returns to `show`.
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

    /// Returns whether the backend still answers.
    pub(crate) async fn is_alive(&mut self) -> bool {
        let ping = async { for_each_backend!(self, inner => inner.ping().await) };
        matches!(timeout(Duration::from_millis(PING_MS_MAX), ping).await, Ok(Ok(())))
    }

    /// Closes the connection, unless that takes too long.
    pub(crate) async fn close(self) {
        let close = async { for_each_backend!(self, inner => inner.close().await) };
        if let Ok(Err(error)) = timeout(Duration::from_millis(CLOSE_MS_MAX), Box::pin(close)).await {
            tracing::debug!(%error, "closing a connection to the database failed");
        }
    }
}

/// Without the first setting, each start logs that the migrations table already exists. Without the second, a server
/// that has no statistics of a table yet sorts all of it for each page, instead of using the order of the primary key.
const POSTGRES_SETTINGS: &str = "SET client_min_messages = warning; SET enable_sort = off";

async fn within<T>(
    what: &'static str,
    limit: Duration,
    future: impl Future<Output = Result<T, DatabaseError>>,
) -> Result<T, DatabaseError> {
    timeout(limit, future).await.unwrap_or(Err(DatabaseError::TooSlow { what, limit }))
}

/// The write-ahead log keeps the file consistent in a crash and lets others read during a write. It is synchronized at
/// each commit, so that written changes survive a loss of power. With one commit every few seconds this costs little.
fn sqlite_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_millis(SQLITE_BUSY_MS_MAX))
        .disable_statement_logging()
}
