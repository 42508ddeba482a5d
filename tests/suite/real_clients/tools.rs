//! Finds the programs that the tests need. A missing one fails the test with a hint how to install it.

use std::path::PathBuf;

use crate::program::in_checkout;

/// The path of a program in `PATH`.
pub(super) fn require(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // A plain user's PATH often lacks the folder of `ip`.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let mut candidates = folders.map(|folder| folder.join(program));
    candidates.find(|candidate| candidate.is_file()).unwrap_or_else(|| missing(program))
}

/// The Python with libtorrent that `tests/install` puts into the checkout.
pub(super) fn require_python_with_libtorrent() -> PathBuf {
    let python = in_checkout("target/test-clients/venv/bin/python");
    if !python.is_file() {
        missing("libtorrent");
    }
    python
}

/// A file of an installed package.
pub(super) fn require_file(path: &str) -> PathBuf {
    let path = PathBuf::from(path);
    if !path.is_file() {
        missing(&path.display().to_string());
    }
    path
}

fn missing(what: &str) -> ! {
    panic!("{what} is missing. To install what the tests need, run: bash tests/install");
}
