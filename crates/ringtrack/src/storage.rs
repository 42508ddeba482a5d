//! From the configuration to the database.

use anyhow::Context;
use config::{Configuration, DatabaseUrl as Configured, Switch};
use control::TotalsStorage;
use database::{Creation, Database, DatabaseError, DatabaseUrl, KeeperSettings};
use std::path::PathBuf;
use std::time::Duration;
use tracing::error;

/// What is stored, where, and how.
pub(crate) struct Storage {
    pub(crate) database: Option<Database>,
    pub(crate) totals: TotalsStorage,
    pub(crate) keeper: KeeperSettings,
}

impl Storage {
    /// Opens the database. A server that cannot be reached is tried again later; what waiting does not mend is an error.
    pub(crate) async fn open(configuration: &Configuration) -> anyhow::Result<Self> {
        let settings = &configuration.database;
        let keeper = KeeperSettings {
            flush_every: Duration::from_secs(u64::from(settings.flush_every_s)),
            pending_max: settings.pending_max as usize,
            ..KeeperSettings::default()
        };
        let state_directory = std::env::var_os("STATE_DIRECTORY");
        let file = settings.url.sqlite_file(state_directory.as_deref());
        let database = match &settings.url {
            Configured::None => None,
            Configured::Server(server) => {
                Some(reach(&server.secret_url().parse().context("database.url")?).await?)
            }
            Configured::Automatic => Some(open_file(file.as_ref(), Creation::WhenWritten).await?),
            Configured::Sqlite(_) => Some(open_file(file.as_ref(), Creation::Now).await?),
        };
        Ok(Self { database, totals: totals(configuration, file), keeper })
    }
}

async fn open_file(file: Option<&PathBuf>, creation: Creation) -> anyhow::Result<Database> {
    let file = file.context("the database has no path")?;
    let text = file.to_str().context("the path of the database is not UTF-8")?;
    let url: DatabaseUrl = format!("sqlite:{text}").parse().context("database.url")?;
    Database::open(&url, creation).await.with_context(|| format!("the database {text} cannot be used"))
}

async fn reach(url: &DatabaseUrl) -> anyhow::Result<Database> {
    match Database::open(url, Creation::Now).await {
        Ok(database) => Ok(database),
        Err(error @ (DatabaseError::TooSlow { .. } | DatabaseError::Failed(_))) => {
            error!("the database {url} cannot be reached: {error}");
            Ok(Database::unopened(url))
        }
        Err(error) => Err(error).with_context(|| format!("the database {url} cannot be used")),
    }
}

/// Totals are no reason to make a file that nothing else needs.
fn totals(configuration: &Configuration, file: Option<PathBuf>) -> TotalsStorage {
    match (&configuration.database.url, configuration.database.remember_completed, file) {
        (Configured::Automatic, Switch::Off, Some(file)) => TotalsStorage::StoredIn(file),
        _ => TotalsStorage::Stored,
    }
}
