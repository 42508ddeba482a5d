use database::DatabaseError;
use std::io;
use std::path::{Path, PathBuf};

/// The reason why an import failed. Each message is complete, and none contains a password or a token.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file cannot be read or written.
    #[error("{}: {reason}", path.display())]
    File { path: PathBuf, reason: io::Error },
    /// The text of a foreign configuration is wrong.
    #[error("{place}: {reason}")]
    Text {
        /// The file, with the line or the key.
        place: String,
        reason: String,
    },
    /// The option for another database is not a database URL.
    #[error("--into: {0}")]
    Into(String),
    /// The configuration file exists, with another content.
    #[error("{} exists already: choose another file with --output, or overwrite it with --force", .0.display())]
    Exists(PathBuf),
    /// The produced configuration names no database, but there is data.
    #[error("there is data to import, but no database to write it to: name one with --into")]
    NoDatabase,
    /// The target has the tables of Torrust Tracker, of which one has the same name.
    #[error("{0} is a database of Torrust Tracker: name another one with --into")]
    TorrustDatabase(String),
    /// The foreign database cannot be read.
    #[error("the database {database} cannot be read: {reason}")]
    Source { database: String, reason: String },
    /// Ringtrack's own database cannot be used.
    #[error("the database {database} cannot be used: {reason}")]
    Target { database: String, reason: DatabaseError },
}

impl ImportError {
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |reason| Self::File { path: path.to_owned(), reason }
    }

    /// Returns whether a text is wrong, so that a retry makes no sense before the operator has changed it.
    pub fn is_wrong_text(&self) -> bool {
        matches!(self, Self::Text { .. } | Self::Into(_) | Self::NoDatabase | Self::TorrustDatabase(_))
    }
}
