//! The database of Torrust Tracker, in SQLite or MySQL, which is only read.

use super::KeyExpiry;
use crate::limits::EXCERPT_CHARACTERS;
use crate::record::Record;
use crate::report::{Part, excerpt};
use crate::{DatabasePlace, ImportError, files};
use database::{DatabaseUrl, PAGE_ROWS, TimeLimits};
use primitives::{AuthenticationKey, InfoHash, TorrentList};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection as _, Executor, Row as _};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::timeout;

/// Where a database is.
pub(crate) enum Location {
    Sqlite(PathBuf),
    MySql {
        options: Box<MySqlConnectOptions>,
        /// The same place, in the form without a password.
        url: DatabaseUrl,
    },
}

impl Location {
    /// Parses the path of a file or the URL of a server.
    pub(crate) fn parse(text: &str) -> Result<Self, ImportError> {
        let wrong =
            |reason: String| ImportError::Text { place: "the URL of the database".to_owned(), reason };
        if let Some(path) = text.strip_prefix("sqlite:") {
            return Ok(Self::Sqlite(path.strip_prefix("//").unwrap_or(path).into()));
        }
        if !text.starts_with("mysql://") && !text.starts_with("mariadb://") {
            return Ok(Self::Sqlite(text.into()));
        }
        let url = text.parse().map_err(|error: database::DatabaseUrlError| wrong(error.to_string()))?;
        // The database crate has checked the URL, so this does not fail with a part of it.
        let options: MySqlConnectOptions = text.parse().map_err(|_| wrong("it is malformed".to_owned()))?;
        Ok(Self::MySql { options: Box::new(options.disable_statement_logging()), url })
    }
}

/// Returns whether a database has tables of Torrust Tracker. One that cannot be read has none, and its error is found when
/// it is opened for writing.
pub(crate) async fn is_of_torrust(place: &DatabasePlace) -> bool {
    if place.as_str().starts_with("postgres") {
        return false;
    }
    let has_tables = async || {
        let mut database = TorrustDatabase::open(&Location::parse(place.as_str())?).await?;
        let has_tables =
            database.has(&Table::WHITELIST).await? || database.has(&Table::keys(KeyExpiry::Kept)).await?;
        database.close().await;
        Ok::<_, ImportError>(has_tables)
    };
    has_tables().await.unwrap_or(false)
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(formatter),
            Self::MySql { url, .. } => url.fmt(formatter),
        }
    }
}

/// A table, of which the columns `id`, `text` and `number` are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    text: &'static str,
    number: &'static str,
    /// The condition that a row to import meets.
    condition: &'static str,
    read: fn(&str, Option<i64>) -> Option<Record>,
}

impl Table {
    pub(crate) const WHITELIST: Self = Self {
        name: "whitelist",
        text: "info_hash",
        number: "NULL",
        condition: "TRUE",
        read: |text, _| Some(Record::Listed(TorrentList::Allowed, InfoHash::from_hex(text.as_bytes())?)),
    };

    pub(crate) const COMPLETED: Self = Self {
        name: "torrents",
        text: "info_hash",
        number: "`completed`",
        condition: "TRUE",
        read: |text, number| {
            Some(Record::Completed(InfoHash::from_hex(text.as_bytes())?, number?.try_into().ok()?))
        },
    };

    /// Later versions than 3.0.0 store the number of all downloads, perhaps among other metrics.
    pub(crate) const TOTALS: Self = Self {
        name: "torrent_aggregate_metrics",
        text: "metric_name",
        number: "`value`",
        condition: "metric_name = 'torrents_downloads_total'",
        read: |_, number| Some(Record::TotalCompleted(number?.try_into().ok()?)),
    };

    pub(crate) const fn keys(expiry: KeyExpiry) -> Self {
        let read: fn(&str, Option<i64>) -> Option<Record> = match expiry {
            // As Torrust reads negative numbers.
            KeyExpiry::Kept => |text, number| {
                Some(Record::Key(AuthenticationKey::parse(text.as_bytes())?, number.map(i64::unsigned_abs)))
            },
            KeyExpiry::Ignored => {
                |text, _| Some(Record::Key(AuthenticationKey::parse(text.as_bytes())?, None))
            }
        };
        Self { name: "keys", text: "key", number: "`valid_until`", condition: "TRUE", read }
    }

    fn shown(&self, row: &Row) -> String {
        let id = row.id.map_or_else(|| "?".to_owned(), |id| id.to_string());
        match &row.text {
            // A key is a secret, even one with a wrong character.
            _ if self.text == "key" => format!("row {id}"),
            Some(text) => format!("row {id}: \"{}\"", excerpt(text)),
            None => format!("row {id}: no text"),
        }
    }
}

/// A row. A column of another type is `None`.
struct Row {
    id: Option<i64>,
    text: Option<String>,
    number: Result<Option<i64>, sqlx::Error>,
}

enum Connection {
    Sqlite(SqliteConnection),
    MySql(MySqlConnection),
}

/// An open database.
pub(crate) struct TorrustDatabase {
    name: String,
    connection: Connection,
}

/// Runs a query that begins after `$after`, and reads each of its rows by `$read`.
macro_rules! rows {
    ($connection:expr, $statement:expr, $after:expr, $read:expr) => {
        match $connection {
            Connection::Sqlite(inner) => rows!(@ inner, $statement, $after, $read),
            Connection::MySql(inner) => rows!(@ inner, $statement, $after, $read),
        }
    };
    (@ $inner:expr, $statement:expr, $after:expr, $read:expr) => {{
        let rows = sqlx::query(AssertSqlSafe($statement)).bind($after).fetch_all($inner).await?;
        Ok(rows.iter().map($read).collect())
    }};
}

impl TorrustDatabase {
    /// Connects. Nothing can be written over the connection.
    pub(crate) async fn open(location: &Location) -> Result<Self, ImportError> {
        let name = location.to_string();
        let connect = async {
            Ok(match location {
                Location::Sqlite(path) => {
                    let options = SqliteConnectOptions::new().filename(path).read_only(true);
                    Connection::Sqlite(options.disable_statement_logging().connect().await?)
                }
                Location::MySql { options, .. } => {
                    let mut connection = options.connect().await?;
                    connection.execute("SET SESSION TRANSACTION READ ONLY").await?;
                    Connection::MySql(connection)
                }
            })
        };
        if let Location::Sqlite(path) = location {
            files::check(path).map_err(ImportError::file(path))?;
        }
        let connection = within(&name, TimeLimits::default().connect, connect).await?;
        Ok(Self { name, connection })
    }

    /// Returns whether there is a table with the column of the texts.
    pub(crate) async fn has(&mut self, table: &Table) -> Result<bool, ImportError> {
        let statement = match &self.connection {
            Connection::Sqlite(_) => "SELECT COUNT(*) FROM pragma_table_info(?) WHERE name = '{}'",
            Connection::MySql(_) => {
                "SELECT COUNT(*) FROM information_schema.columns
                 WHERE table_schema = DATABASE() AND table_name = ? AND column_name = '{}'"
            }
        };
        let statement = statement.replace("{}", table.text);
        let query =
            async { rows!(&mut self.connection, statement.clone(), table.name, |row| row.try_get(0).ok()) };
        let counts: Vec<Option<i64>> = within(&self.name, TimeLimits::default().statement, query).await?;
        Ok(counts.first().copied().flatten().is_some_and(|count| count > 0))
    }

    /// Returns the largest row number of a table, for the progress.
    pub(crate) async fn last_row(&mut self, table: &Table) -> Result<u64, ImportError> {
        let statement = format!("SELECT MAX(id) FROM `{}` WHERE id > ?", table.name);
        let query =
            async { rows!(&mut self.connection, statement.clone(), i64::MIN, |row| row.try_get(0).ok()) };
        let last: Vec<Option<i64>> = within(&self.name, TimeLimits::default().statement, query).await?;
        Ok(last.first().copied().flatten().and_then(|last| last.try_into().ok()).unwrap_or(0))
    }

    /// Returns the rows of a table after a row number, at most [`PAGE_ROWS`].
    async fn page(&mut self, table: &Table, after: i64) -> Result<Vec<Row>, ImportError> {
        let Table { name, text, number, condition, .. } = table;
        // Longer values are wrong, and could fill the memory. SQLite's columns of numbers may have any. A row with one is
        // read without a text, since it would have a meaning without its number.
        let is_short = |column: &str| format!("coalesce(length({column}), 0) <= {EXCERPT_CHARACTERS}");
        let (id, is_right) = (is_short("id"), is_short(number));
        let characters = EXCERPT_CHARACTERS + 1;
        let statement = format!(
            "SELECT CASE WHEN {id} THEN id END, CASE WHEN {is_right} THEN substr(`{text}`, 1, {characters}) END,
             CASE WHEN {is_right} THEN {number} END
             FROM `{name}` WHERE id > ? AND {condition} ORDER BY `{name}`.id LIMIT {PAGE_ROWS}"
        );
        let query = async {
            rows!(&mut self.connection, statement.clone(), after, |row| Row {
                id: row.try_get(0).ok(),
                text: row.try_get(1).ok(),
                number: row.try_get(2),
            })
        };
        within(&self.name, TimeLimits::default().statement, query).await
    }

    /// Disconnects. An error changes nothing, since nothing was written.
    async fn close(self) {
        match self.connection {
            Connection::Sqlite(connection) => drop(connection.close().await),
            Connection::MySql(connection) => drop(connection.close().await),
        }
    }
}

/// Reads a table page by page.
pub(crate) struct TableReader<'a> {
    database: &'a mut TorrustDatabase,
    table: Table,
    /// The row after which the next page begins; `None` at the end.
    after: Option<i64>,
}

impl<'a> TableReader<'a> {
    pub(crate) const fn new(database: &'a mut TorrustDatabase, table: Table) -> Self {
        Self { database, table, after: Some(i64::MIN) }
    }

    /// Returns the next records, or `None` at the end.
    pub(crate) async fn next(&mut self, part: &mut Part) -> Result<Option<Vec<Record>>, ImportError> {
        let Some(after) = self.after else { return Ok(None) };
        let rows = self.database.page(&self.table, after).await?;
        self.after = match rows.last().filter(|_| rows.len() == PAGE_ROWS) {
            Some(last) => Some(last.id.ok_or_else(|| ImportError::Source {
                database: self.database.name.clone(),
                reason: format!("a row of the table {} has an id that is not a number", self.table.name),
            })?),
            None => None,
        };
        let mut records = Vec::with_capacity(rows.len());
        for row in &rows {
            part.read += 1;
            let (text, number) = (row.text.as_deref(), row.number.as_ref().ok().copied());
            match text.zip(number).and_then(|(text, number)| (self.table.read)(text, number)) {
                Some(record) => records.push(record),
                None => part.add_invalid(|| self.table.shown(row)),
            }
        }
        Ok(Some(records))
    }

    /// Returns the number of the last row that was read.
    pub(crate) fn position(&self) -> Option<u64> {
        self.after?.try_into().ok()
    }
}

async fn within<T>(
    name: &str,
    limit: Duration,
    future: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, ImportError> {
    let failed = |reason: String| ImportError::Source { database: name.to_owned(), reason };
    match timeout(limit, Box::pin(future)).await {
        Ok(result) => result.map_err(|error| failed(error.to_string())),
        Err(_) => Err(failed(format!("no answer within {} s", limit.as_secs()))),
    }
}
