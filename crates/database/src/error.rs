use sqlx::migrate::MigrateError;
use sqlx::sqlite::SqliteError;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why a database did not do what it was asked for. No text has a password in it.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// It did not answer in time.
    #[error("no answer within {} s when asked to {what}", limit.as_secs_f32())]
    TooSlow {
        /// What it was to do.
        what: &'static str,
        /// How long was waited.
        limit: Duration,
    },
    /// There was no way to it, or it refused.
    #[error("{0}")]
    Failed(#[from] sqlx::Error),
    /// A file of SQLite, or the one beside it that is locked, cannot be made or opened.
    #[error("{} cannot be opened: {source}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another tracker uses it.
    #[error("it is in use by another tracker, {holder}: end that one, or give each a database of its own")]
    Held {
        /// The other one.
        holder: String,
    },
    /// Another tracker has used it since this one did.
    #[error("another tracker, {holder}, has taken it over: nothing is written to it until a new start")]
    Overtaken {
        /// The other one.
        holder: String,
    },
    /// The server takes a connection of this tracker's that broke for alive.
    #[error("the server has not ended the connection before")]
    SessionRemains,
    /// It was opened to be read.
    #[error("it was opened to be read only")]
    ReadOnly,
    /// A newer tracker has changed the schema.
    #[error(
        "its schema has version {0}, which this tracker does not know: it was made by a newer one, which has to go on with it"
    )]
    SchemaNewer(i64),
    /// Somebody has changed the schema, or it is not a tracker's.
    #[error(
        "version {0} of its schema is not this tracker's: it is another program's, or was changed by hand"
    )]
    SchemaForeign(i64),
    /// A change of the schema was broken off where it cannot be taken back.
    #[error(
        "the step to version {0} of its schema was begun and not ended: restore it, or remove what the step made and its row in _sqlx_migrations"
    )]
    SchemaHalfDone(i64),
    /// The schema could not be brought up to date.
    #[error("its schema could not be brought up to date: {0}")]
    Schema(#[source] MigrateError),
    /// It was closed before.
    #[error("it is closed")]
    Closed,
}

impl From<MigrateError> for DatabaseError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::VersionMissing(version) => Self::SchemaNewer(version),
            MigrateError::VersionMismatch(version) => Self::SchemaForeign(version),
            MigrateError::Dirty(version) => Self::SchemaHalfDone(version),
            other => Self::Schema(other),
        }
    }
}

impl DatabaseError {
    /// Whether it may pass by itself, or be mended where the database is: it is worth trying again. What is left is no
    /// database of this tracker's.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::TooSlow { .. } | Self::SessionRemains => true,
            Self::Failed(error) => !is_no_database(error),
            Self::File { source, .. } => !matches!(
                source.kind(),
                io::ErrorKind::NotFound
                    | io::ErrorKind::NotADirectory
                    | io::ErrorKind::IsADirectory
                    | io::ErrorKind::PermissionDenied
            ),
            Self::Schema(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => {
                !is_no_database(error) && !is_wrong_statement(error)
            }
            Self::Held { .. }
            | Self::Overtaken { .. }
            | Self::ReadOnly
            | Self::Closed
            | Self::SchemaNewer(_)
            | Self::SchemaForeign(_)
            | Self::SchemaHalfDone(_)
            | Self::Schema(_) => false,
        }
    }
}

/// Whether SQLite says that the file is none of its own, is damaged, or has other tables. All else, such as a full disk, a
/// lock or a failed read, is the machine's.
fn is_no_database(error: &sqlx::Error) -> bool {
    const ERROR: i32 = 1;
    const CORRUPT: i32 = 11;
    const NOT_A_DATABASE: i32 = 26;
    let Some(error) = error.as_database_error().and_then(|error| error.try_downcast_ref::<SqliteError>())
    else {
        return false;
    };
    // The lowest byte of an extended code is the primary one.
    let code = sqlx::error::DatabaseError::code(error).and_then(|code| code.parse::<i32>().ok());
    matches!(code.map(|code| code & 0xff), Some(ERROR | CORRUPT | NOT_A_DATABASE))
}

/// Whether a server says that a statement is wrong, or not for this user: class 42 of SQLSTATE. A table of the same name
/// is there, most likely.
fn is_wrong_statement(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code.starts_with("42"))
}
