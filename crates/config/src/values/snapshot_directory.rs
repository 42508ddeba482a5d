//! Where snapshots are.

use super::database_url::first_path;
use super::{Fault, Json, Value, Written, text};
use std::ffi::OsStr;
use std::path::PathBuf;

/// The name of the directory in the service manager's state directory.
const AUTOMATIC: &str = "snapshot";

const EXPECTED: &str = "the path of a directory, \"\" for one in STATE_DIRECTORY, or \"none\"";

/// The directory of the snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnapshotDirectory {
    /// In the service manager's state directory, if there is one.
    Automatic,
    /// No snapshots.
    None,
    Path(PathBuf),
}

impl SnapshotDirectory {
    /// Returns the path, if there are snapshots. `state_directory` is the variable `STATE_DIRECTORY`.
    pub fn path(&self, state_directory: Option<&OsStr>) -> Option<PathBuf> {
        match self {
            Self::Automatic => Some(state_directory.and_then(first_path)?.join(AUTOMATIC)),
            Self::None => None,
            Self::Path(path) => Some(path.clone()),
        }
    }
}

/// Reads a path, "" or "none".
pub(crate) fn snapshot_directory(value: &Value<'_>) -> Result<SnapshotDirectory, Fault> {
    Ok(match text(value, EXPECTED)? {
        "" => SnapshotDirectory::Automatic,
        "none" => SnapshotDirectory::None,
        path => SnapshotDirectory::Path(path.into()),
    })
}

impl Written for SnapshotDirectory {
    fn written(&self) -> Json {
        match self {
            Self::Automatic => String::new().into(),
            Self::None => "none".into(),
            Self::Path(path) => path.display().to_string().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{assert_refused, load_text};
    use std::ffi::OsStr;
    use std::path::Path;

    #[test]
    fn the_state_directory_has_the_snapshot_unless_there_is_another_path_or_none() {
        let state = Some(OsStr::new("/var/lib/ringtrack:/var/lib/more"));
        for (directory, with_state, without) in [
            ("", Some("/var/lib/ringtrack/snapshot"), None),
            ("none", None, None),
            ("/srv/s", Some("/srv/s"), Some("/srv/s")),
            ("./none", Some("./none"), Some("./none")),
        ] {
            let loaded = load_text(&format!("snapshot.directory = {directory:?}")).unwrap();
            let path = |state| loaded.snapshot.directory.path(state);
            assert_eq!(path(state).as_deref(), with_state.map(Path::new), "{directory}");
            assert_eq!(path(None).as_deref(), without.map(Path::new), "{directory}");
        }
        assert_refused("[snapshot]\ndirectory = 5\n", 2, &["snapshot.directory", "\"none\""]);
    }
}
