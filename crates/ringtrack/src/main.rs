//! The Ringtrack program: reads the command line and the configuration, starts the workers of the data plane and the
//! control plane that manages them, and serves until a signal stops it. In the order of a run:
//!
//! - `cli` reads the command line, `prepare` fits the configuration to this machine, `run` does the rest from start to
//!   shutdown.
//! - `origin` finds the sockets that the service manager or the tracker before passes on, `snapshots` the snapshot of the tracker
//!   before.
//! - `listen`, `api` and `storage` open the sockets and the database; `data_plane` and `management` start the workers
//!   and their management, with settings from `tuning` and `http_settings`.
//! - `signals`, `reload`, `reply_source` and `service_manager` are active while the tracker serves. `reload` reads the
//!   `source` of the configuration again; `certificate`, `api_tokens` and `forwarding` take what is in the files that it names.
//! - `upgrade` hands over to another process on request, or takes over from one at the start.
//! - `dump_latency` and `config_diff` are commands that ask a `running_tracker`, with the tracker's answers. `health` and
//!   `import` are others.
#![forbid(unsafe_code)]

mod api;
mod api_tokens;
mod banner;
mod certificate;
mod cli;
mod config_diff;
mod cores;
mod data_plane;
mod dump_latency;
mod forwarding;
mod health;
mod hints;
mod http_settings;
mod import;
mod keys;
mod listen;
mod logging;
mod management;
mod memory;
mod origin;
mod prepare;
mod reload;
mod reply_source;
mod resource_limits;
mod run;
mod running_tracker;
mod secret_files;
mod service_manager;
mod signals;
mod snapshots;
mod source;
mod source_settings;
mod storage;
mod tuning;
mod upgrade;

use std::env::vars_os;
use std::fmt::{self, Display, Formatter};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use config::{ConfigError, Loaded};

use crate::cli::{Command, CommandLine};
use crate::logging::Logging;
use crate::origin::Origin;
use crate::source::{NamedFiles, Source};

/// Swarms are millions of small blocks that come and go: mimalloc keeps them dense. It requests no huge pages: the
/// kernel clears a whole one when it is first touched, which delays a core by milliseconds on a virtual machine, and
/// their unused parts take up to a quarter of all memory. docs/BENCHMARKS.md has what they would gain.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The exit code of a failure that another start may get past, perhaps only after the operator has fixed a file, a
/// port, an address or a limit.
const EXIT_FAILURE: u8 = 1;
/// The exit code for wrong text in the configuration; clap exits with the same code for a wrong command line. systemd
/// does not restart the tracker after it.
const EXIT_CONFIGURATION: u8 = 2;
/// The exit code of `check-config --diff` if a reload would change something.
const EXIT_DIFFERS: u8 = 3;

fn main() -> ExitCode {
    match dispatch(CommandLine::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn dispatch(command_line: CommandLine) -> Result<(), Failure> {
    match command_line.command {
        None => serve(&Source { file: command_line.config, forwarders: command_line.forwarders }),
        Some(Command::CheckConfig { file, diff: false, .. }) => check_config(&file),
        Some(Command::CheckConfig { file, diff: true, pid }) => show_diff(&file, pid),
        Some(Command::DumpLatency { pid }) => print(&dump_latency::dump_latency(pid).map_err(Failure::Run)?),
        Some(Command::Upgrade { pid }) => print(&upgrade::upgrade(pid).map_err(Failure::Run)?),
        Some(Command::Health { config }) => check_health(config.as_deref()).map_err(Failure::Run),
        Some(Command::Import { from }) => import::import(from),
        Some(Command::DefaultConfig) => print(&config::default_toml()),
    }
}

fn serve(source: &Source) -> Result<(), Failure> {
    // First of all: sockets are passed by the numbers of their descriptors.
    let (origin, report) = Origin::find().map_err(Failure::Run)?;
    let outcome = serve_from(source, origin);
    if let (Err(failure), Some(report)) = (&outcome, report) {
        report.send(failure.to_string());
    }
    outcome
}

fn serve_from(source: &Source, origin: Origin) -> Result<(), Failure> {
    let Loaded { configuration, warnings } = source.load()?;
    let logging = Logging::start(&configuration.log).map_err(Failure::Run)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    secret_files::warn_of_readable_secrets(&configuration);
    let secrets = origin.secrets();
    let prepared = prepare::prepare(source, &configuration, secrets.as_ref()).map_err(Failure::Run)?;
    run::run(&prepared, origin, logging).map_err(Failure::Run)
}

fn check_config(file: &Path) -> Result<(), Failure> {
    let source = Source { file: Some(file.to_owned()), forwarders: None };
    let Loaded { configuration, warnings } = source.load()?;
    for warning in warnings {
        writeln!(io::stderr().lock(), "ringtrack: warning: {warning}").ok();
    }
    NamedFiles::check(&configuration).map_err(Failure::Run)?;
    for warning in prepare::check_memory(&configuration).map_err(Failure::Run)? {
        writeln!(io::stderr().lock(), "ringtrack: warning: {warning}").ok();
    }
    print(&format!("{}: OK\n", file.display()))
}

/// Prints what a reload of the running tracker with this file would change.
fn show_diff(file: &Path, process: Option<u32>) -> Result<(), Failure> {
    let changes = config_diff::config_diff(file, process).map_err(Failure::Run)?;
    print(&changes)?;
    if changes.is_empty() { Ok(()) } else { Err(Failure::Differs) }
}

/// Fails with the same exit code for every cause: container engines know no other.
fn check_health(file: Option<&Path>) -> anyhow::Result<()> {
    health::check_health(&config::load(file, vars_os())?.configuration)
}

/// Writes to the standard output. A closed pipe is a failure like any other, not a panic.
fn print(text: &str) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush())
        .context("cannot write to the standard output")
        .map_err(Failure::Run)
}

/// Why the program exits without success.
enum Failure {
    Configuration(anyhow::Error),
    Run(anyhow::Error),
    /// A reload would change something, which has been printed.
    Differs,
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        match error {
            ConfigError::Unreadable { .. } | ConfigError::UnreadableTokens { .. } => Self::Run(error.into()),
            _ => Self::Configuration(error.into()),
        }
    }
}

impl Display for Failure {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(error) | Self::Run(error) => write!(formatter, "{error:#}"),
            Self::Differs => formatter.write_str("a reload would change something"),
        }
    }
}

impl Failure {
    /// Prints the error and its causes to the standard error output, and returns the exit code.
    fn report(self) -> ExitCode {
        let (error, code) = match self {
            Self::Configuration(error) => (error, EXIT_CONFIGURATION),
            Self::Run(error) => (error, EXIT_FAILURE),
            Self::Differs => return ExitCode::from(EXIT_DIFFERS),
        };
        // If the standard error output is closed too, only the exit code is left.
        writeln!(io::stderr().lock(), "ringtrack: {error:#}").ok();
        ExitCode::from(code)
    }
}
