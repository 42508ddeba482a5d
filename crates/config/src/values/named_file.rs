//! A file that may be named.

use std::path::{Path, PathBuf};

use crate::values::path::PathOrNothing;

/// A file that may be named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedFile {
    /// None is named.
    Unset,
    /// This one.
    Path(PathBuf),
}

impl NamedFile {
    /// Where the file is, if one is named.
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
