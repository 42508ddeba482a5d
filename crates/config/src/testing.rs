//! Helpers for the tests of this crate.

use std::ffi::OsString;
use std::io::Write;

use tempfile::NamedTempFile;

use crate::{ConfigError, Configuration, load};

pub(crate) fn file_with(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

/// Loads a file with this text, without environment variables.
pub(crate) fn load_text(text: &str) -> Result<Configuration, ConfigError> {
    Ok(load(Some(file_with(text).path()), [])?.configuration)
}

/// Loads these environment variables, without a file.
pub(crate) fn load_environment(variables: &[(&str, &str)]) -> Result<Configuration, ConfigError> {
    Ok(load(None, environment(variables))?.configuration)
}

pub(crate) fn environment(variables: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    variables.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

/// Asserts that the file is refused, with a message that contains the file, the line and each of `parts`.
#[track_caller]
pub(crate) fn assert_refused(text: &str, line: usize, parts: &[&str]) {
    let file = file_with(text);
    let message = load(Some(file.path()), []).unwrap_err().to_string();
    let place = format!("{}:{line}", file.path().display());
    assert!(message.contains(&place), "{place:?} is not in {message:?}");
    assert_contains(&message, parts);
}

/// Asserts that the variable is refused, with a message that contains the variable and each of `parts`.
#[track_caller]
pub(crate) fn assert_variable_refused(name: &str, value: &str, parts: &[&str]) {
    let message = load_environment(&[(name, value)]).unwrap_err().to_string();
    assert_contains(&message, &[name]);
    assert_contains(&message, parts);
}

#[track_caller]
pub(crate) fn assert_contains(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
}
