use crate::error::DatabaseError;
use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Creates the empty file of a database, if there is none, readable by its owner only. SQLite itself would follow the
/// umask; it gives the files beside the database the permissions of this one.
pub(crate) fn make_database_file(path: &Path) -> Result<(), DatabaseError> {
    if path.is_dir() {
        let source = Error::from(ErrorKind::IsADirectory);
        return Err(DatabaseError::File { path: path.to_owned(), source });
    }
    // Closing a file releases the locks that SQLite has on it in this process, so it is opened only if it is new.
    match open_for_owner(OpenOptions::new().create_new(true), path) {
        Err(DatabaseError::File { source, .. }) if source.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
}

/// Opens a file for writing. If it is new, only its owner can read it.
pub(crate) fn open_for_owner(options: &mut OpenOptions, path: &Path) -> Result<File, DatabaseError> {
    let file = options.write(true).mode(0o600).open(path);
    file.map_err(|source| DatabaseError::File { path: path.to_owned(), source })
}
