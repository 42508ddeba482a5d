mod load;
mod write;

pub use load::{Found, LoadError, Loaded, Target};
pub use write::{Described, KeyPages, WriteError, Written};

use crate::limits::{LOCK_MS_MAX, LOCK_RETRY_MS};
use crate::manifest::{MANIFEST, Manifest, Refused};
use primitives::ShardId;
use rustix::fs::OFlags;
use rustix::process::geteuid;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};
use tracing::warn;

/// The directory of the snapshots of one tracker.
///
/// - `swarms-GENERATION-SHARD`: the pages of each shard.
/// - `keys-GENERATION`: the keys of the sessions in them, if the tracker was stopping: only then has nothing been accounted that the
///   sessions do not know. Once sessions are imported it is `used-keys-GENERATION`, which nobody reads.
/// - `manifest`: names the generation that is complete, and has the secrets. It is replaced atomically; then the files of other
///   generations are removed.
/// - `refused/`: the last snapshot that was not used.
/// - `lock`: locked by the process that writes or sets aside.
///
/// Only the tracker's user can read them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory(PathBuf);

const NEW_MANIFEST: &str = "manifest.new";
const REFUSED: &str = "refused";
const LOCK: &str = "lock";
const SWARMS: &str = "swarms-";
const KEYS: &str = "keys-";
const USED_KEYS: &str = "used-keys-";

/// The bits of a mode with which the group or others can write.
const OTHERS_CAN_WRITE: u32 = 0o022;

impl Directory {
    /// Names a directory, which is created when a snapshot is written.
    #[must_use]
    pub const fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Returns where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Finds the snapshot, of which only the manifest is read. One that cannot be used is logged and set aside. `kept_s` is the
    /// longest that anything in it is kept.
    #[must_use]
    pub fn find(&self, now_unix_s: u64, kept_s: u64) -> Option<Found> {
        let look = || self.look(now_unix_s, kept_s);
        look().unwrap_or_else(|refused| {
            self.refuse(&refused, || look().is_err());
            None
        })
    }

    fn look(&self, now_unix_s: u64, kept_s: u64) -> Result<Option<Found>, Refused> {
        self.check_owner()
            .map_err(|error| Refused::Unreadable { file: "the directory".to_owned(), error })?;
        let Some(manifest) = self.read_manifest()? else { return Ok(None) };
        manifest.check_age(now_unix_s, kept_s)?;
        let secrets = manifest.secrets().ok_or_else(|| Refused::Torn { file: MANIFEST.to_owned() })?;
        Ok(Some(Found { directory: self.clone(), manifest, secrets, uses_keys: Arc::default() }))
    }

    /// Logs why a snapshot is not used, and sets it aside, unless it may be readable later.
    fn refuse(&self, refused: &Refused, is_in_place: impl FnOnce() -> bool) {
        if let Refused::Unreadable { .. } = refused {
            warn!("the tracker starts without its snapshot in {}: {refused}", self.0.display());
            return;
        }
        let kept = match self.set_aside(is_in_place) {
            Ok(aside) => format!("is kept in {}", aside.display()),
            Err(error) => format!("cannot be kept: {error}"),
        };
        warn!("the tracker starts without its snapshot: {refused}; it {kept}");
    }

    /// Sets a refused snapshot aside, in the place of the one that was set aside before, if it is still in place. Returns where it is.
    ///
    /// # Errors
    /// If the file system fails, or another process writes. Then the snapshot stays, and is replaced by the next one.
    fn set_aside(&self, is_in_place: impl FnOnce() -> bool) -> Result<PathBuf, WriteError> {
        let _lock = self.lock()?;
        if !is_in_place() {
            return Err(io::Error::other("another snapshot has taken its place").into());
        }
        let aside = self.file(REFUSED);
        match fs::remove_dir_all(&aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => create_directory(&aside)?,
        }
        fs::rename(self.file(MANIFEST), aside.join(MANIFEST))?;
        for name in self.generations()?.into_iter().map(|(_, name)| name) {
            fs::rename(self.file(&name), aside.join(&name))?;
        }
        Ok(aside)
    }

    fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }

    /// Checks that nobody else can put files into the directory, if it exists.
    fn check_owner(&self) -> io::Result<()> {
        let metadata = match fs::metadata(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            metadata => metadata?,
        };
        let is_own = metadata.uid() == geteuid().as_raw();
        if is_own && metadata.mode() & OTHERS_CAN_WRITE == 0 { Ok(()) } else { Err(not_private()) }
    }

    /// Returns the directory's lock, which is held until it is closed.
    fn lock(&self) -> Result<File, WriteError> {
        let lock = options().open(self.file(LOCK))?;
        wait_for(&lock)?;
        Ok(lock)
    }

    fn read_manifest(&self) -> Result<Option<Manifest>, Refused> {
        match File::open(self.file(MANIFEST)) {
            Ok(file) => Manifest::read(file).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Refused::Unreadable { file: MANIFEST.to_owned(), error }),
        }
    }

    /// Returns the names of the files of all generations, each with its generation.
    fn generations(&self) -> io::Result<Vec<(u64, String)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let name = entry?.file_name();
            files.extend(generation_of(&name).map(|(generation, name)| (generation, name.to_owned())));
        }
        Ok(files)
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }

    /// Writes a manifest beside the one in place, which [`Self::put_manifest`] replaces.
    fn write_manifest(&self, manifest: &Manifest) -> io::Result<()> {
        let path = self.file(NEW_MANIFEST);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = options().create_new(true).open(path)?;
        io::Write::write_all(&mut file, manifest.written()?.as_bytes())?;
        file.sync_all()
    }

    fn put_manifest(&self) -> io::Result<()> {
        fs::rename(self.file(NEW_MANIFEST), self.file(MANIFEST))
    }

    /// Removes the files that only snapshots before have, or those that were given up.
    fn clean(&self) {
        if let Err(error) = self.remove_unnamed() {
            warn!("files of other snapshots cannot be removed: {error}");
        }
    }

    /// Removes the files of all generations but that of the manifest, which has to be on the disk first.
    fn remove_unnamed(&self) -> io::Result<()> {
        self.sync()?;
        let named = self.read_manifest().map_err(io::Error::other)?.map(|manifest| manifest.generation);
        for (_, name) in self.generations()?.into_iter().filter(|(found, _)| Some(*found) != named) {
            fs::remove_file(self.file(name))?;
        }
        Ok(())
    }
}

fn swarms_name(generation: u64, shard: ShardId) -> String {
    format!("{SWARMS}{generation}-{shard}")
}

fn keys_name(generation: u64) -> String {
    format!("{KEYS}{generation}")
}

fn used_keys_name(generation: u64) -> String {
    format!("{USED_KEYS}{generation}")
}

/// Returns the generation of a file of a snapshot.
fn generation_of(name: &OsStr) -> Option<(u64, &str)> {
    let name = name.to_str()?;
    let swarms = name.strip_prefix(SWARMS).and_then(|rest| Some(rest.split_once('-')?.0));
    let generation = swarms.or_else(|| name.strip_prefix(KEYS)).or_else(|| name.strip_prefix(USED_KEYS))?;
    Some((generation.parse().ok()?, name))
}

/// Waits for another snapshot that has been given up and ends a file, but not for that of another process.
fn wait_for(lock: &File) -> Result<(), WriteError> {
    let deadline = Instant::now() + Duration::from_millis(LOCK_MS_MAX);
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error.into()),
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => return Err(WriteError::Locked),
            Err(TryLockError::WouldBlock) => sleep(Duration::from_millis(LOCK_RETRY_MS)),
        }
    }
}

/// Creates a directory that only this user can use, and those above it.
fn create_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Returns how files are created: only this user can use them, and no link is followed.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(0o600).custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
    options
}

fn not_private() -> io::Error {
    let why = "the directory has to belong to the tracker's user, and nobody else may write to it (chown, chmod 700)";
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

#[cfg(test)]
mod tests;
