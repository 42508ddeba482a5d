//! Finds the programs that the tests need. A missing one fails the test with a hint how to install it.

use std::path::PathBuf;

use crate::program::in_checkout;

/// The path of a program in `PATH`.
pub(crate) fn require(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // A plain user's PATH often lacks the folder of `ip`.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let mut candidates = folders.map(|folder| folder.join(program));
    candidates.find(|candidate| candidate.is_file()).unwrap_or_else(|| missing(program))
}

/// A program that `tests/install` puts into the checkout, with the packages that its scripts use.
pub(crate) fn require_in_checkout(program: &str) -> PathBuf {
    require_file(in_checkout("target/test-clients/venv/bin").join(program))
}

/// A file of an installed package.
pub(crate) fn require_file(path: impl Into<PathBuf>) -> PathBuf {
    let path = path.into();
    if !path.is_file() {
        missing(&path.display().to_string());
    }
    path
}

fn missing(what: &str) -> ! {
    panic!("{what} is missing. To install what the tests need, run: bash tests/install");
}
