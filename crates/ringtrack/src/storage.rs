//! Opens the database, from the configuration.

use anyhow::Context;
use config::{Configuration, DatabaseUrl as Configured, Switch};
use control::TotalsStorage;
use database::{Creation, Database, DatabaseUrl, WriteBehindSettings};
use std::path::PathBuf;
use std::time::Duration;
use tracing::error;

/// The database, and how changes are written to it.
pub(crate) struct Storage {
    pub(crate) database: Option<Database>,
    pub(crate) totals: TotalsStorage,
    pub(crate) write_behind: WriteBehindSettings,
}

impl Storage {
    /// Opens the database. A failure that may pass is tried again later; any other failure is an error.
    pub(crate) async fn open(configuration: &Configuration) -> anyhow::Result<Self> {
        let settings = &configuration.database;
        let write_behind = WriteBehindSettings {
            flush_every: Duration::from_secs(u64::from(settings.flush_every_s)),
            pending_max: settings.pending_max as usize,
            ..WriteBehindSettings::default()
        };
        let file = file(&settings.url);
        let creation = match &settings.url {
            Configured::Automatic => Creation::WhenWritten,
            Configured::None | Configured::Sqlite(_) | Configured::Server(_) => Creation::Now,
        };
        let database = match url(&settings.url)? {
            Some(url) => Some(open(&url, creation).await?),
            None => None,
        };
        Ok(Self { database, totals: totals(configuration, file), write_behind })
    }
}

/// Returns the path of the SQLite file, if it is one.
fn file(configured: &Configured) -> Option<PathBuf> {
    configured.sqlite_file(std::env::var_os("STATE_DIRECTORY").as_deref())
}

/// Returns the URL of the configured database, if there is one.
fn url(configured: &Configured) -> anyhow::Result<Option<DatabaseUrl>> {
    secret_url(configured)?.map(|text| text.parse()).transpose().context("database.url")
}

/// Returns the text of that URL, which may contain a password and must not be shown.
pub(crate) fn secret_url(configured: &Configured) -> anyhow::Result<Option<String>> {
    Ok(match (configured, file(configured)) {
        (Configured::Server(server), _) => Some(server.secret_url().to_owned()),
        (_, Some(file)) => {
            let text = file.to_str().context("database.url: the path of the database is not UTF-8")?;
            Some(format!("sqlite:{text}"))
        }
        (_, None) => None,
    })
}

async fn open(url: &DatabaseUrl, creation: Creation) -> anyhow::Result<Database> {
    match Database::open(url, creation).await {
        Ok(database) => Ok(database),
        Err(error) if error.may_pass() => {
            error!("the database {url} cannot be used now and is tried again: {error}");
            Ok(Database::unopened(url))
        }
        Err(error) => Err(error).with_context(|| format!("the database {url} cannot be used")),
    }
}

/// Decides how totals are stored: they are no reason to create a file that nothing else needs.
fn totals(configuration: &Configuration, file: Option<PathBuf>) -> TotalsStorage {
    match (&configuration.database.url, configuration.database.remember_completed, file) {
        (Configured::Automatic, Switch::Off, Some(file)) => TotalsStorage::StoredIn(file),
        _ => TotalsStorage::Stored,
    }
}
