//! Opens the files of others.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Opens a regular file. A pipe might block already when it is opened, and a device when it is read.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    check(path)?;
    File::open(path)
}

/// Checks that there is a regular file.
pub(crate) fn check(path: &Path) -> io::Result<()> {
    if fs::metadata(path)?.is_file() {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "is not a regular file"))
}
