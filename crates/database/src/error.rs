use sqlx::migrate::MigrateError;
use sqlx::sqlite::SqliteError;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// The reason why a database operation failed. No message contains a password.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error("no answer within {} s when asked to {what}", limit.as_secs_f32())]
    TooSlow { what: &'static str, limit: Duration },
    /// The database could not be reached, or it refused.
    #[error("{0}")]
    Failed(#[from] sqlx::Error),
    /// A SQLite file, or the lock file beside it, cannot be created or opened.
    #[error("{} cannot be opened: {source}", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("it is in use by another tracker, {holder}: stop that one, or give each a database of its own")]
    Held {
        /// The name of the other tracker.
        holder: String,
    },
    /// Another tracker has used the database since this one did.
    #[error(
        "another tracker, {holder}, has taken it over: nothing is written to it until this one is restarted"
    )]
    Overtaken { holder: String },
    /// The server still considers a broken connection of this tracker to be alive.
    #[error("the server has not yet closed this tracker's previous connection")]
    SessionRemains,
    #[error("it was opened for reading only")]
    ReadOnly,
    /// A newer tracker has migrated the schema.
    #[error(
        "its schema has version {0}, which this tracker does not know: it was made by a newer one, which must be used"
    )]
    SchemaNewer(i64),
    /// The schema was changed by hand, or belongs to another program.
    #[error(
        "version {0} of its schema is not this tracker's: it belongs to another program, or was changed by hand"
    )]
    SchemaForeign(i64),
    /// A migration was interrupted and cannot be rolled back.
    #[error(
        "the migration to schema version {0} was interrupted: restore a backup, or remove what it made and its row in _sqlx_migrations"
    )]
    SchemaHalfDone(i64),
    #[error("its schema could not be brought up to date: {0}")]
    Schema(#[source] MigrateError),
    #[error("it is released to the process that takes over from this one")]
    Released,
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
    /// Returns whether the error may pass by itself or can be fixed at the database, so that a retry makes sense. All
    /// other errors mean that this tracker cannot use the database.
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
            Self::Released
            | Self::Held { .. }
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

/// Returns whether SQLite reports that the file is not a database, is damaged, or has other tables. The cause of all
/// other errors, such as a full disk, a lock or a failed read, is the machine.
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

/// Returns whether a server reports that a statement is wrong, or not permitted for this user: class 42 of SQLSTATE.
/// Most likely a table of the same name exists already.
fn is_wrong_statement(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code.starts_with("42"))
}
