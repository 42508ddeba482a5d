use crate::error::DatabaseError;
use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Makes the empty file of a database, if there is none, for its owner alone. SQLite would go by the umask, and gives the
/// files beside it the permissions of this one.
pub(crate) fn make_database_file(path: &Path) -> Result<(), DatabaseError> {
    if path.is_dir() {
        let source = Error::from(ErrorKind::IsADirectory);
        return Err(DatabaseError::File { path: path.to_owned(), source });
    }
    // An open file that is closed takes the locks with it that SQLite has on it: it is only opened if it is new.
    match open_for_owner(OpenOptions::new().create_new(true), path) {
        Err(DatabaseError::File { source, .. }) if source.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
}

/// Opens a file to write to it. If it is new, only its owner can read it.
pub(crate) fn open_for_owner(options: &mut OpenOptions, path: &Path) -> Result<File, DatabaseError> {
    let file = options.write(true).mode(0o600).open(path);
    file.map_err(|source| DatabaseError::File { path: path.to_owned(), source })
}
