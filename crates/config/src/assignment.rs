//! A value given to a key, and where it was given.

use std::fmt;
use std::path::{Path, PathBuf};

use confique::Config;
use serde::Deserialize;
use serde::de::value::MapDeserializer;
use toml::Spanned;
use toml::de::{DeValue, ValueDeserializer};

use crate::key::Key;
use crate::{ConfigError, Configuration};

/// The configuration with only some of its keys set.
pub(crate) type Layer = <Configuration as Config>::Layer;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A line of the configuration file, counted from 1.
    File { file: PathBuf, line: usize },
    /// An environment variable.
    Environment { variable: String },
    /// Nobody set it.
    Default,
}

impl Origin {
    /// The line on which the byte at `offset` of `text` stands.
    pub(crate) fn in_file(file: &Path, text: &str, offset: usize) -> Self {
        let before = text.bytes().take(offset);
        Self::File { file: file.to_path_buf(), line: before.filter(|byte| *byte == b'\n').count() + 1 }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line } => write!(formatter, "{}:{line}", file.display()),
            Self::Environment { variable } => write!(formatter, "environment variable {variable}"),
            Self::Default => formatter.write_str("default"),
        }
    }
}

/// A value given to a key, not yet read as the key's type.
#[derive(Debug)]
pub(crate) struct Assignment<'a> {
    pub(crate) key: Key,
    pub(crate) value: Spanned<DeValue<'a>>,
    pub(crate) origin: Origin,
}

impl Assignment<'_> {
    /// A layer in which this key alone is set. One at a time, so that an error is known to be this key's.
    pub(crate) fn into_layer(self) -> Result<(Layer, Key, Origin), ConfigError> {
        let value = ValueDeserializer::from(self.value);
        let section = MapDeserializer::new(std::iter::once((self.key.name, value)));
        let root = MapDeserializer::new(std::iter::once((self.key.section, section)));
        match Layer::deserialize(root) {
            Ok(layer) => Ok((layer, self.key, self.origin)),
            Err(error) => Err(ConfigError::Value {
                origin: self.origin.to_string(),
                key: self.key.to_string(),
                reason: error.message().to_owned(),
            }),
        }
    }
}
