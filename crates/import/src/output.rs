//! Writes the produced configuration file.

use crate::{ImportError, files};
use rustix::fs::{Access, access};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Whether an existing file may be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    Refuse,
    Allow,
}

/// Checks that the file can and may be written: it is missing, has this text already, or may be replaced. Nothing is
/// written.
///
/// # Errors
/// If it exists with another text, if it cannot be read, or if its folder cannot be written to.
pub fn check_output(file: &Path, text: &str, overwrite: Overwrite) -> Result<(), ImportError> {
    let failed = |error: io::Error| ImportError::file(file)(error);
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    access(folder, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| failed(error.into()))?;
    match files::check(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        checked => checked.map_err(failed)?,
    }
    if overwrite == Overwrite::Allow || has_text(file, text).map_err(failed)? {
        return Ok(());
    }
    Err(ImportError::Exists(file.to_owned()))
}

fn has_text(file: &Path, text: &str) -> io::Result<bool> {
    let mut existing = Vec::new();
    File::open(file)?.take(text.len() as u64 + 1).read_to_end(&mut existing)?;
    Ok(existing == text.as_bytes())
}

/// Writes the file as a whole: after a failure it is as it was. Only its owner can read it if it has secrets.
///
/// # Errors
/// If it cannot be written.
pub fn write_output(file: &Path, text: &str, has_secrets: bool) -> Result<(), ImportError> {
    let mut name = file.as_os_str().to_owned();
    name.push(".new");
    let write = || {
        // What an interrupted import left would keep its permissions.
        match fs::remove_file(&name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mode = if has_secrets { 0o600 } else { 0o644 };
        let mut new = OpenOptions::new().write(true).create_new(true).mode(mode).open(&name)?;
        new.write_all(text.as_bytes())?;
        new.sync_all()?;
        fs::rename(&name, file)
    };
    write().map_err(ImportError::file(file))
}
