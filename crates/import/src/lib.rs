//! Imports the configuration and the stored data of another tracker: Torrust Tracker, opentracker or aquatic.
//!
//! 1. [`Plan::new`] reads the foreign configuration (`torrust`, `opentracker`, `aquatic`; TOML by `section`) and translates
//!    it (`translation`) to the text of a configuration file of Ringtrack. Foreign keys that have no equivalent, and unknown
//!    ones, are noted. Each value is checked by the reader of Ringtrack's own configuration.
//! 2. [`Plan::copy`] copies the data (`copy`) into Ringtrack's database: tables of Torrust's database (`torrust::database`), or files
//!    with a torrent in each line (`lines`). `target` writes only what the database does not have yet, in batches, so an
//!    import can be repeated. It has the lock of the database, which a tracker that serves has too.
//! 3. [`write_output`] writes the configuration file, last, so that a failed import leaves none.
//!
//! Everything that is read may be damaged or hostile: it is limited in size, checked, and shown in printable ASCII.
#![forbid(unsafe_code)]

mod aquatic;
mod copy;
mod error;
mod files;
mod limits;
mod lines;
mod opentracker;
mod output;
mod plan;
mod record;
mod report;
mod section;
mod target;
mod torrust;
mod translation;

use database::{DatabaseUrl, DatabaseUrlError};
use std::fmt;
use std::path::PathBuf;

pub use error::ImportError;
pub use output::{Overwrite, check_output, write_output};
pub use plan::Plan;
pub use report::{Part, Report};

/// The tracker to import from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Torrust {
        config: PathBuf,
        /// The path or URL of its database; that of its configuration if there is none here.
        database: Option<DatabasePlace>,
    },
    /// Lists that are named here are imported into the database; others stay files.
    Opentracker {
        config: PathBuf,
        whitelist: Option<PathBuf>,
        blacklist: Option<PathBuf>,
        statedump: Option<PathBuf>,
    },
    Aquatic {
        /// The configurations of one or more of its programs.
        configs: Vec<PathBuf>,
        /// The list of torrents, which is imported into the database; without it, it stays a file.
        access_list: Option<PathBuf>,
    },
}

/// The path or URL of a database. It has no printed form, since it may contain a password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabasePlace(String);

impl DatabasePlace {
    /// Returns the text, which must not be shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the URL of Ringtrack's own database.
    ///
    /// # Errors
    /// If it is not one. The error does not repeat it.
    pub fn url(&self) -> Result<DatabaseUrl, ImportError> {
        self.0.parse().map_err(|error: DatabaseUrlError| ImportError::Into(error.to_string()))
    }
}

impl From<String> for DatabasePlace {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for DatabasePlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("DatabasePlace(secret)")
    }
}

/// Whether anything is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Run,
    DryRun,
}
