//! Imports from files and from SQLite: what is translated, what is copied, and what damaged sources do.

// Marks the whole module as tests, so that clippy lets its helpers unwrap.
#[cfg(test)]
mod copying;
mod hostile;
mod translation;

use config::Configuration;
use import::{ImportError, Mode, Part, Plan, Report, Source};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder for the files of one test.
struct Scene {
    folder: TempDir,
}

impl Scene {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file.
    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).expect("a temporary file");
        path
    }

    /// The URL of the database to import into.
    fn url(&self) -> String {
        format!("sqlite:{}", self.path("ringtrack.db").display())
    }

    /// Imports into the scene's database.
    fn import(&self, source: &Source, mode: Mode) -> Result<Report, ImportError> {
        let plan = Plan::new(source, None)?;
        let into = self.url().into();
        block_on(plan.copy(Some(&into), &Configuration::default(), mode))
    }

    /// The names of all files with their contents.
    fn files(&self) -> Vec<(OsString, Vec<u8>)> {
        let entries = self.folder.path().read_dir().expect("a folder").map(|entry| entry.expect("an entry"));
        let mut files: Vec<_> =
            entries.map(|entry| (entry.file_name(), std::fs::read(entry.path()).expect("a file"))).collect();
        files.sort();
        files
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The text of the configuration that is made of this source.
fn translated(source: &Source) -> Result<String, ImportError> {
    let text = Plan::new(source, None)?.text();
    let loaded = config::load_text(Path::new("ringtrack.toml"), &text, []);
    assert!(loaded.is_ok(), "{:?}\n{text}", loaded.map(drop));
    Ok(text)
}

fn torrust(config: PathBuf, database: &Path) -> Source {
    Source::Torrust { config, database: Some(database.display().to_string().into()) }
}

fn opentracker(config: PathBuf) -> Source {
    Source::Opentracker { config, whitelist: None, blacklist: None, statedump: None }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future)
}

/// The numbers of a part: read, written, known, zero, invalid.
fn numbers(part: &Part) -> [u64; 5] {
    [part.read, part.written, part.known, part.zero, part.invalid]
}
