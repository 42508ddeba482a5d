//! An optional file.

use std::path::{Path, PathBuf};

use crate::values::path::PathOrNothing;

/// An optional file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedFile {
    /// No file is configured.
    Unset,
    /// The path of the file.
    Path(PathBuf),
}

impl NamedFile {
    /// Returns the path, if a file is configured.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Unset => None,
            Self::Path(path) => Some(path),
        }
    }
}

impl PathOrNothing for NamedFile {
    const EXPECTED: &'static str = "the path of a file, or \"\" for none";
    const NOTHING: Self = Self::Unset;

    fn path(path: PathBuf) -> Self {
        Self::Path(path)
    }

    fn named(&self) -> Option<&Path> {
        Self::path(self)
    }
}
