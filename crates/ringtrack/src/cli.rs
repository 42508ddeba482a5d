//! The command line: what can be asked of the program.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Ringtrack, a tracker for Linux.
///
/// Without a command it serves, with the built-in defaults or with the configuration of FILE. Each key of
/// the configuration can also be set by an environment variable, `RINGTRACK_<SECTION>_<KEY>`, which beats the
/// file. `ringtrack default-config` prints every key with its meaning and its variable.
///
/// The exit code is 0 after an orderly end, 1 after a failure, and 2 when the command line or the text of the
/// configuration is wrong.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub(crate) struct CommandLine {
    /// Serve with the configuration of this file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What to do instead of serving.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check a configuration file, together with the environment, and end
    CheckConfig {
        /// The file to check
        file: PathBuf,
    },

    /// Have a running tracker dump its latencies, and print the dump as a table of percentiles
    DumpLatency(DumpLatency),

    /// Print a configuration file with every key, its documentation and its default, and end
    DefaultConfig,
}

/// Which tracker, and where its dumps are. By default the directory is found as the tracker found it, by its command
/// line, its environment and its configuration file.
#[derive(Debug, clap::Args)]
pub(crate) struct DumpLatency {
    /// The tracker's process; needed where several run and not just one of them as this user
    #[arg(long)]
    pub(crate) pid: Option<u32>,

    /// The tracker's configuration, in place of the file that it was started with
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Where the tracker's dumps are, in place of what its configuration says
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "config")]
    pub(crate) directory: Option<PathBuf>,
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
    fn without_arguments_the_defaults_are_served() {
        let command_line = CommandLine::try_parse_from(["ringtrack"]).unwrap();
        assert!(command_line.config.is_none());
        assert!(command_line.command.is_none());
    }

    #[test]
    fn a_configuration_beside_a_command_is_refused() {
        let arguments = ["ringtrack", "--config", "a.toml", "default-config"];
        let error = CommandLine::try_parse_from(arguments).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ArgumentConflict);
    }
}
