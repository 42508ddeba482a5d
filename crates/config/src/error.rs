//! Errors of a configuration.

use std::io;
use std::path::PathBuf;

/// The reason why a configuration was refused. Each message is complete: it names the file and line or the environment
/// variable, the key and what is allowed there, and it has no further source to print.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The configuration file could not be read.
    #[error("{}: cannot read the configuration file: {reason}", file.display())]
    Unreadable { file: PathBuf, reason: io::Error },

    /// The file of `api.tokens_file` could not be read.
    #[error("{}: cannot read the tokens of the management API: {reason}", file.display())]
    UnreadableTokens { file: PathBuf, reason: io::Error },

    /// The configuration file is not TOML.
    #[error("{origin}: not valid TOML: {reason}")]
    Syntax { origin: String, reason: String },

    /// The file has a section or a key that does not exist.
    #[error("{origin}: {key}: there is no such key, expected one of {known}")]
    UnknownKey {
        origin: String,
        /// The name, with its section if that is known.
        key: String,
        /// The names that are valid in its place.
        known: String,
    },

    /// A value has the wrong type or is not allowed.
    #[error("{origin}: {key}: {reason}")]
    Value {
        /// The file and the line, or the environment variable.
        origin: String,
        /// The key, with its section.
        key: String,
        /// The fault, and the allowed values.
        reason: String,
    },

    /// Values that are valid individually contradict each other.
    #[error("{key} = {value} ({origin}): {reason}")]
    Conflict {
        /// The key whose value is to be changed.
        key: String,
        /// Its value, as written in a file.
        value: String,
        /// The origin of the value: the file and the line, the environment variable, or the default.
        origin: String,
        /// The allowed values, and the values of other keys that restrict them, with their origins.
        reason: String,
    },
}
