//! The configuration file: its text and the values that it sets.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::ConfigError;
use crate::assignment::{Assignment, Origin};
use crate::key::{Key, keys, sections};
use crate::limits::FILE_BYTES_MAX;

/// Reads the text of the configuration file.
pub(crate) fn read(file: &Path) -> Result<String, ConfigError> {
    let unreadable = |reason| ConfigError::Unreadable { file: file.to_path_buf(), reason };
    let mut text = String::new();
    // One byte beyond the limit reveals a file that is too long, without reading all of it.
    File::open(file)
        .and_then(|open| open.take(FILE_BYTES_MAX + 1).read_to_string(&mut text))
        .map_err(unreadable)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        let reason = format!("longer than {FILE_BYTES_MAX} bytes, the limit of a configuration file");
        return Err(unreadable(io::Error::new(io::ErrorKind::FileTooLarge, reason)));
    }
    Ok(text)
}

/// Parses `text`, the content of `file`, into assignments to keys.
pub(crate) fn assignments<'a>(file: &Path, text: &'a str) -> Result<Vec<Assignment<'a>>, ConfigError> {
    let document = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
        origin: Origin::in_file(file, text, error.span().map_or(0, |span| span.start)).to_string(),
        reason: error.message().to_owned(),
    })?;
    let place = |offset| Origin::in_file(file, text, offset);

    let mut assignments = Vec::new();
    for (name, section) in document.into_inner() {
        let origin = place(name.span().start);
        let (section_name, settings) = settings_of(name.get_ref(), section, &origin)?;
        for (name, value) in settings {
            let origin = place(name.span().start);
            let key = key_in(section_name, name.get_ref(), &origin)?;
            assignments.push(Assignment { key, value, origin });
        }
    }
    Ok(assignments)
}

fn settings_of<'a>(
    name: &str,
    section: Spanned<DeValue<'a>>,
    origin: &Origin,
) -> Result<(&'static str, DeTable<'a>), ConfigError> {
    let Some(known) = sections().find(|known| *known == name) else {
        let names: Vec<String> = sections().map(|name| format!("[{name}]")).collect();
        return Err(ConfigError::UnknownKey {
            origin: origin.to_string(),
            key: name.to_owned(),
            known: names.join(", "),
        });
    };
    match section.into_inner() {
        DeValue::Table(settings) => Ok((known, settings)),
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
