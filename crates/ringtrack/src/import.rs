//! The command `import`: the configuration and the data of another tracker.

use anyhow::Context;
use clap::{Args, Subcommand};
use config::{ConfigError, Configuration, Loaded};
use import::{DatabasePlace, ImportError, Mode, Overwrite, Plan, Source};
use std::env::vars_os;
use std::path::PathBuf;

use crate::{Failure, print, storage};

/// The tracker to import from.
#[derive(Debug, Subcommand)]
pub(crate) enum ImportFrom {
    /// Torrust Tracker 3: its configuration (schema 2.0.0), whitelist, keys, completed counts and totals
    Torrust {
        /// Its configuration file, such as `tracker.toml`
        #[arg(long, value_name = "FILE")]
        config: PathBuf,

        /// The path of its SQLite file or the URL of its MySQL database; by default the one of its configuration
        #[arg(long, value_name = "FILE|URL")]
        database: Option<DatabasePlace>,

        #[command(flatten)]
        options: ImportOptions,
    },

    /// opentracker: its configuration, lists of torrents and completed counts
    Opentracker {
        /// Its configuration file, such as `opentracker.conf`
        #[arg(long, value_name = "FILE")]
        config: PathBuf,

        /// A list of the torrents that are served, to import into the database; by default it stays a file
        #[arg(long, value_name = "FILE")]
        whitelist: Option<PathBuf>,

        /// A list of torrents that are not served, likewise
        #[arg(long, value_name = "FILE")]
        blacklist: Option<PathBuf>,

        /// The completed counts: what `/stats?mode=statedump` returns, compressed or not
        #[arg(long, value_name = "FILE")]
        statedump: Option<PathBuf>,

        #[command(flatten)]
        options: ImportOptions,
    },

    /// aquatic 0.9: the configurations and the list of torrents of `aquatic_udp`, `aquatic_http` and `aquatic_ws`
    Aquatic {
        /// A configuration file; repeat it to serve with one tracker what several programs served
        #[arg(long = "config", value_name = "FILE", required = true)]
        configs: Vec<PathBuf>,

        /// The list of torrents, to import into the database; by default it stays a file
        #[arg(long, value_name = "FILE")]
        access_list: Option<PathBuf>,

        #[command(flatten)]
        options: ImportOptions,
    },
}

/// Where an import is written to.
#[derive(Debug, Args)]
pub(crate) struct ImportOptions {
    /// Write nothing, and print what would be done, with the configuration file but without its secrets
    #[arg(long)]
    dry_run: bool,

    /// The configuration file to write
    #[arg(long, value_name = "FILE", default_value = "ringtrack.toml")]
    output: PathBuf,

    /// Overwrite the configuration file if it exists
    #[arg(long)]
    force: bool,

    /// The URL of the database to write to, which no tracker may use meanwhile; by default the one that the tracker would
    /// use with the new configuration file
    #[arg(long, value_name = "URL")]
    into: Option<DatabasePlace>,
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        if error.is_wrong_text() { Self::Configuration(error.into()) } else { Self::Run(error.into()) }
    }
}

/// Imports, and prints the report.
pub(crate) fn import(from: ImportFrom) -> Result<(), Failure> {
    let (source, options) = from.split();
    let mode = if options.dry_run { Mode::DryRun } else { Mode::Run };
    let overwrite = if options.force { Overwrite::Allow } else { Overwrite::Refuse };
    let mut plan = Plan::new(&source, options.into.as_ref())?;
    let into = match options.into {
        Some(place) => place.url().map(|_| Some(place))?,
        None => default_database()?.inspect(|place| plan.set_default_database(place)),
    };
    let (text, shown, has_secrets) = (plan.text(), plan.text_without_secrets(), plan.has_secrets());
    import::check_output(&options.output, &text, overwrite)?;
    // A source that contradicts itself is imported too, so that its configuration can be corrected.
    let (configuration, conflict) = match config::load_text(&options.output, &text, vars_os()) {
        Ok(Loaded { configuration, .. }) => (configuration, None),
        Err(conflict @ ConfigError::Conflict { .. }) => (Configuration::default(), Some(conflict)),
        Err(error) => return Err(error.into()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the runtime").map_err(Failure::Run)?;
    let report = runtime.block_on(Box::pin(plan.copy(into.as_ref(), &configuration, mode)))?;
    let output = options.output.display();
    if mode == Mode::DryRun {
        print(&format!("{report}dry run: nothing was written. {output} would be:\n\n{shown}"))?;
    } else {
        import::write_output(&options.output, &text, has_secrets)?;
        print(&format!("{report}wrote {output}: check it with `ringtrack check-config {output}`\n"))?;
    }
    conflict.map_or(Ok(()), |conflict| Err(conflict.into()))
}

/// Returns the database that the tracker would use in this directory: no source names one.
fn default_database() -> Result<Option<DatabasePlace>, Failure> {
    let variable = vars_os().filter(|(name, _)| name == "RINGTRACK_DATABASE_URL");
    let configured = config::load(None, variable)?.configuration.database.url;
    Ok(storage::secret_url(&configured).map_err(Failure::Run)?.map(DatabasePlace::from))
}

impl ImportFrom {
    fn split(self) -> (Source, ImportOptions) {
        match self {
            Self::Torrust { config, database, options } => (Source::Torrust { config, database }, options),
            Self::Opentracker { config, whitelist, blacklist, statedump, options } => {
                (Source::Opentracker { config, whitelist, blacklist, statedump }, options)
            }
            Self::Aquatic { configs, access_list, options } => {
                (Source::Aquatic { configs, access_list }, options)
            }
        }
    }
}
