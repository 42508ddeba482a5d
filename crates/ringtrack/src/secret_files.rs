//! Warnings about files with secrets that other users can read.

use crate::snapshots::directory;
use config::Configuration;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use tracing::warn;

/// Permission bits that a file with secrets should not have.
const OTHERS: u32 = 0o007;
const GROUP_AND_OTHERS: u32 = 0o077;

/// Warns about files with secrets that others can read or change. Private keys of TLS often belong to a group (Debian's
/// `ssl-cert`), and a group may back up the database or maintain the list of upstream trackers; only the tracker needs the
/// other files.
pub(crate) fn warn_of_readable_secrets(configuration: &Configuration) {
    let Configuration { connection_ids, api, https, database, forwarding, .. } = configuration;
    let [state_directory, credentials] = ["STATE_DIRECTORY", "CREDENTIALS_DIRECTORY"].map(std::env::var_os);
    let files = [
        ("the key file of connection ids", connection_ids.key_file.clone(), GROUP_AND_OTHERS),
        ("the file with the API's tokens", api.tokens_file.clone(), GROUP_AND_OTHERS),
        ("the private key of HTTPS", https.key_file.clone(), OTHERS),
        ("the private key of the API", api.key_file.clone(), OTHERS),
        ("the file of upstream trackers", forwarding.file.clone(), OTHERS),
        ("the directory of the snapshot", directory(configuration), GROUP_AND_OTHERS),
        ("the database", database.url.sqlite_file(state_directory.as_deref()), OTHERS),
    ];
    for (what, path, forbidden) in files {
        let Some(path) = path.filter(|path| !is_credential(path, credentials.as_ref())) else { continue };
        // A missing file is reported by the code that needs it.
        let Ok(metadata) = fs::metadata(&path) else { continue };
        if (metadata.is_file() || metadata.is_dir()) && metadata.mode() & forbidden != 0 {
            let (mode, path) = (metadata.mode() & 0o777, path.display());
            let hints = if forbidden == OTHERS { "o=" } else { "go=" };
            warn!("{what} can be read or changed by others, its mode is {mode:o}: chmod {hints} {path}");
        }
    }
}

/// Returns whether a file is systemd's copy of a credential. systemd grants access to these by access control lists,
/// whose mask is shown in the bits of the group.
fn is_credential(path: &Path, credentials: Option<&OsString>) -> bool {
    credentials.is_some_and(|directory| path.starts_with(directory))
}
