//! The configuration file: its text and the values that it sets.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::DeTable;

use crate::ConfigError;
use crate::declare::{Key, keys, sections};
use crate::values::Value;

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
    fn in_file(file: &Path, text: &str, offset: usize) -> Self {
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
    pub(crate) value: Value<'a>,
    pub(crate) origin: Origin,
}

/// Reads the text of a file of at most `bytes_max` bytes. `what` names the kind of file.
pub(crate) fn read(file: &Path, bytes_max: u64, what: &str) -> io::Result<String> {
    let mut text = String::new();
    // One byte beyond the limit reveals a file that is too long, without reading all of it.
    File::open(file)?.take(bytes_max + 1).read_to_string(&mut text)?;
    if text.len() as u64 > bytes_max {
        let reason = format!("longer than {bytes_max} bytes, the limit of {what}");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    Ok(text)
}

/// Parses `text`, the content of `file`, into assignments to keys.
pub(crate) fn assignments<'a>(file: &Path, text: &'a str) -> Result<Vec<Assignment<'a>>, ConfigError> {
    let place = |offset| Origin::in_file(file, text, offset);
    let document = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
        origin: place(error.span().map_or(0, |span| span.start)).to_string(),
        reason: error.message().to_owned(),
    })?;

    let mut assignments = Vec::new();
    for (name, section) in document.into_inner() {
        let origin = place(name.span().start);
        let (section_name, settings) = settings_of(name.get_ref(), section, &origin)?;
        for (name, value) in settings {
            let origin = place(name.span().start);
            let key = key_in(section_name, name.get_ref(), &origin)?;
            assignments.push(Assignment { key, value: value.into_inner(), origin });
        }
    }
    Ok(assignments)
}

fn settings_of<'a>(
    name: &str,
    section: Spanned<Value<'a>>,
    origin: &Origin,
) -> Result<(&'static str, DeTable<'a>), ConfigError> {
    let Some(known) = sections().find(|known| *known == name) else {
        let names = sections().map(|name| format!("[{name}]")).collect::<Vec<_>>().join(", ");
        return Err(ConfigError::UnknownKey {
            origin: origin.to_string(),
            key: name.to_owned(),
            known: names,
        });
    };
    match section.into_inner() {
        Value::Table(settings) => Ok((known, settings)),
        other => Err(ConfigError::Value {
            origin: origin.to_string(),
            key: name.to_owned(),
            reason: format!("is of type {}, expected a section of keys under [{name}]", other.type_str()),
        }),
    }
}

fn key_in(section: &'static str, name: &str, origin: &Origin) -> Result<Key, ConfigError> {
    keys().find(|key| key.section == section && key.name == name).ok_or_else(|| {
        let known: Vec<&str> = keys().filter(|key| key.section == section).map(|key| key.name).collect();
        ConfigError::UnknownKey {
            origin: origin.to_string(),
            key: format!("{section}.{name}"),
            known: known.join(", "),
        }
    })
}
