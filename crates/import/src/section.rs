//! Reads a foreign TOML file: each key is taken out once, and what is left at the end is unknown.

use crate::ImportError;
use crate::files;
use crate::limits::CONFIGURATION_BYTES_MAX;
use crate::report::excerpt;
use crate::translation::Translation;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::Path;
use toml::de::{DeTable, DeValue};

/// A table of a TOML file, with the keys that were not taken yet.
pub(crate) struct Section<'a> {
    /// The file, for messages.
    file: &'a Path,
    /// The names of the tables around its keys, each followed by a dot. One of several files begins with its own name.
    prefix: String,
    values: BTreeMap<String, DeValue<'a>>,
}

/// Reads the text of a foreign configuration file.
pub(crate) fn read_text(file: &Path) -> Result<String, ImportError> {
    let read = || {
        let mut text = String::new();
        files::open(file)?.take(CONFIGURATION_BYTES_MAX + 1).read_to_string(&mut text)?;
        if text.len() as u64 > CONFIGURATION_BYTES_MAX {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "it is too long for a configuration file",
            ));
        }
        Ok(text)
    };
    read().map_err(ImportError::file(file))
}

impl<'a> Section<'a> {
    /// Parses a whole file.
    pub(crate) fn parse(file: &'a Path, text: &'a str) -> Result<Self, ImportError> {
        let table = DeTable::parse(text).map_err(|error| {
            let before = error.span().map_or(0, |span| span.start);
            let line = 1 + text.bytes().take(before).filter(|byte| *byte == b'\n').count();
            ImportError::Text {
                place: format!("{}:{line}", file.display()),
                reason: format!("not valid TOML: {}", error.message()),
            }
        })?;
        Ok(Self::new(file, String::new(), table.into_inner()))
    }

    /// Puts a text before the names of all keys.
    pub(crate) fn named(self, prefix: String) -> Self {
        Self { prefix, ..self }
    }

    fn new(file: &'a Path, prefix: String, table: DeTable<'a>) -> Self {
        let values =
            table.into_iter().map(|(key, value)| (key.into_inner().into_owned(), value.into_inner()));
        Self { file, prefix, values: values.collect() }
    }

    /// Returns the whole name of a key.
    pub(crate) fn name_of(&self, key: &str) -> String {
        format!("{}{}", self.prefix, excerpt(key))
    }

    /// Returns whether a key was not taken yet.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    pub(crate) fn text(&mut self, key: &str) -> Result<Option<String>, ImportError> {
        self.take(key, "text in quotes", |value| value.as_str().map(str::to_owned))
    }

    pub(crate) fn flag(&mut self, key: &str) -> Result<Option<bool>, ImportError> {
        self.take(key, "true or false", DeValue::as_bool)
    }

    pub(crate) fn number(&mut self, key: &str) -> Result<Option<u64>, ImportError> {
        self.take(key, "a number", |value| {
            let digits = value.as_integer()?;
            u64::from_str_radix(digits.as_str(), digits.radix()).ok()
        })
    }

    pub(crate) fn address(&mut self, key: &str) -> Result<Option<SocketAddr>, ImportError> {
        self.take(key, "an address with a port", |value| value.as_str()?.parse().ok())
    }

    /// Takes a table, if there is one.
    pub(crate) fn section(&mut self, key: &str) -> Result<Option<Self>, ImportError> {
        let (file, prefix) = (self.file, format!("{}.", self.name_of(key)));
        self.take(key, "a section of keys", |value| match value {
            DeValue::Table(table) => Some(Self::new(file, prefix.clone(), table.clone())),
            _ => None,
        })
    }

    /// Takes a list of tables, which is empty if there is none.
    pub(crate) fn sections(&mut self, key: &str) -> Result<Vec<Self>, ImportError> {
        let (file, name) = (self.file, self.name_of(key));
        let sections = self.take(key, "a list of sections", |value| {
            let tables = value.as_array()?.iter().enumerate().map(|(index, value)| match value.get_ref() {
                DeValue::Table(table) => Some(Self::new(file, format!("{name}[{index}]."), table.clone())),
                _ => None,
            });
            tables.collect()
        });
        Ok(sections?.unwrap_or_default())
    }

    /// Takes all keys that are left, as texts.
    pub(crate) fn texts(&mut self) -> Result<Vec<(String, String)>, ImportError> {
        let keys: Vec<String> = self.values.keys().cloned().collect();
        keys.into_iter().map(|key| Ok((key.clone(), self.text(&key)?.unwrap_or_default()))).collect()
    }

    /// Takes keys whose meaning cannot be translated, for the same reason.
    pub(crate) fn leave(&mut self, keys: &[&str], reason: &str, translation: &mut Translation) {
        for key in keys {
            if self.values.remove(*key).is_some() {
                translation.leave(self.name_of(key), reason);
            }
        }
    }

    /// Reports what is left as unknown.
    pub(crate) fn finish(self, translation: &mut Translation) {
        let names: Vec<String> = self.values.keys().map(|key| self.name_of(key)).collect();
        translation.unknown.extend(names);
    }

    fn take<T>(
        &mut self,
        key: &str,
        expected: &str,
        read: impl Fn(&DeValue<'a>) -> Option<T>,
    ) -> Result<Option<T>, ImportError> {
        let Some(value) = self.values.remove(key) else { return Ok(None) };
        // The value is not shown, since it may be a secret.
        read(&value).map(Some).ok_or_else(|| ImportError::Text {
            place: format!("{}: {}", self.file.display(), self.name_of(key)),
            reason: format!("expected {expected}"),
        })
    }
}
