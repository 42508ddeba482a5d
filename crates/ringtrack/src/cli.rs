//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::import::ImportFrom;

/// Ringtrack, a tracker for Linux.
///
/// Without a command it serves, with the built-in defaults or with the configuration of FILE. Each key of
/// the configuration can also be set by an environment variable, `RINGTRACK_<SECTION>_<KEY>`, which overrides
/// the file. `ringtrack default-config` prints every key with its meaning and its variable.
///
/// The exit code is 0 after an orderly shutdown, 1 after a failure, and 2 when the command line or the text of
/// the configuration is wrong.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub(crate) struct CommandLine {
    /// Serve with the configuration of this file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Announce torrents to the upstream trackers in this file, whatever `forwarding.file` is
    #[arg(long, value_name = "FILE")]
    pub(crate) forwarders: Option<PathBuf>,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What to do instead of serving.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check a configuration file, together with the environment and the files that it names, and exit
    CheckConfig {
        /// The file to check
        file: PathBuf,

        /// Ask the running tracker what a reload would change if FILE were its file; exit with code 0 if nothing, with 3 if
        /// something
        #[arg(long)]
        diff: bool,

        /// Process ID of the tracker; needed if several run, unless exactly one of them runs as this user
        #[arg(long, requires = "diff")]
        pid: Option<u32>,
    },

    /// Make a running tracker dump its latencies, and print the dump as a table of percentiles
    DumpLatency {
        /// Process ID of the tracker; needed if several run, unless exactly one of them runs as this user
        #[arg(long)]
        pid: Option<u32>,
    },

    /// Upgrade a running tracker: it starts its program again, which may have been replaced, hands sockets and swarms over to the
    /// new process, and ends
    ///
    /// The new process reads the configuration anew. If it does not come to serve, the running one goes on, and the exit
    /// code is 1.
    Upgrade {
        /// Process ID of the tracker; needed if several run, unless exactly one of them runs as this user
        #[arg(long)]
        pid: Option<u32>,
    },

    /// Ask the tracker of this machine whether its listeners are healthy, and exit with code 0 if they are
    Health {
        /// The configuration file that the tracker was started with; the environment must be the same, too
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },

    /// Import the configuration and the stored data of another tracker, and exit
    ///
    /// The configuration is translated, and the data is copied into the database, which no tracker may use meanwhile. An
    /// import can be repeated: what is there already stays as it is. The other tracker's files and database are only read.
    Import {
        #[command(subcommand)]
        from: ImportFrom,
    },

    /// Print a configuration file with every key, its documentation and its default, and exit
    DefaultConfig,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    #[test]
    fn the_command_line_is_free_of_contradictions() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn without_arguments_the_program_serves_with_the_defaults() {
        let command_line = CommandLine::try_parse_from(["ringtrack"]).unwrap();
        assert!(command_line.config.is_none());
        assert!(command_line.command.is_none());
    }

    #[test]
    fn a_configuration_together_with_a_command_is_refused() {
        let arguments = ["ringtrack", "--config", "a.toml", "default-config"];
        let error = CommandLine::try_parse_from(arguments).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ArgumentConflict);
    }
}
