use sqlx::migrate::MigrateError;
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
