//! What can be wrong with a configuration.

use std::io;
use std::path::PathBuf;

/// Why a configuration was refused. Each message is whole: it names the file and line or the environment
/// variable, the key, and what is allowed there, and it has no further source to print.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The configuration file could not be read.
    #[error("{}: cannot read the configuration file: {reason}", file.display())]
    Unreadable {
        /// The path as it was given.
        file: PathBuf,
        /// What the operating system says.
        reason: io::Error,
    },

    /// The file of `api.tokens_file` could not be read.
    #[error("{}: cannot read the tokens of the management API: {reason}", file.display())]
    UnreadableTokens {
        /// The path as it was given.
        file: PathBuf,
        /// What the operating system says.
        reason: io::Error,
    },

    /// The configuration file is not TOML.
    #[error("{origin}: not valid TOML: {reason}")]
    Syntax {
        /// The file and the line.
        origin: String,
        /// What the parser says.
        reason: String,
    },

    /// The file has a section or a key that does not exist.
    #[error("{origin}: {key}: there is no such key, expected one of {known}")]
    UnknownKey {
        /// The file and the line.
        origin: String,
        /// The name, with its section where that is known.
        key: String,
        /// The names that exist in its place.
        known: String,
    },

    /// A value has the wrong type or is outside of what is allowed.
    #[error("{origin}: {key}: {reason}")]
    Value {
        /// The file and the line, or the environment variable.
        origin: String,
        /// The key, with its section.
        key: String,
        /// What is wrong, and what is allowed.
        reason: String,
    },

    /// Values that are each allowed do not go together.
    #[error("{key} = {value} ({origin}): {reason}")]
    Conflict {
        /// The key that asks too little or too much.
        key: String,
        /// Its value, as it is written in a file.
        value: String,
        /// Where the value comes from: the file and the line, the environment variable, or the default.
        origin: String,
        /// What is allowed, and the other keys' values that make it so, with where they come from.
        reason: String,
    },
}
