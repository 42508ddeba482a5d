//! A value assigned to a key, and where it was set.

use std::fmt;
use std::path::{Path, PathBuf};

use confique::Config;
use serde::Deserialize;
use serde::de::value::MapDeserializer;
use toml::Spanned;
use toml::de::{DeValue, ValueDeserializer};

use crate::key::Key;
use crate::{ConfigError, Configuration};

/// A configuration in which only some keys are set.
pub(crate) type Layer = <Configuration as Config>::Layer;

/// The origin of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A line of the configuration file, counted from 1.
    File { file: PathBuf, line: usize },
    /// An environment variable.
    Environment { variable: String },
    /// No source sets the key.
    Default,
}

impl Origin {
    /// Returns the line that contains the byte at `offset` of `text`.
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

/// A value assigned to a key, not yet converted to the key's type.
#[derive(Debug)]
pub(crate) struct Assignment<'a> {
    pub(crate) key: Key,
    pub(crate) value: Spanned<DeValue<'a>>,
    pub(crate) origin: Origin,
}

impl Assignment<'_> {
    /// Returns a layer in which only this key is set, so that an error can be attributed to the key.
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
