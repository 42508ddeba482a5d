//! Loads a snapshot.

use super::{Directory, keys_name, swarms_name, used_keys_name};
use crate::ask::CoreGone;
use crate::frames::{Frame, FrameError, FrameReader, Sum};
use crate::import::{Importer, Placement};
use crate::keys::{KeyName, KeyNumbers};
use crate::limits::{FILE_BUFFER_BYTES, LOAD_S_MAX, PAGES_IN_FLIGHT_PER_FILE, READ_S_MAX};
use crate::manifest::{Manifest, Refused, Secrets};
use core_link::Cores;
use primitives::{AuthenticationKey, ClockShift, Imported, KeyId, Second, ShardCount, ShardId, SteeringKey};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::fs::{File, try_exists};
use tokio::io::BufReader;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::warn;

/// A snapshot whose manifest can be used.
#[derive(Debug, Clone)]
pub struct Found {
    pub(super) directory: Directory,
    pub(super) manifest: Manifest,
    pub(super) secrets: Secrets,
    /// Whether this process has noted that it uses the keys.
    pub(super) uses_keys: Arc<AtomicBool>,
}

/// What was done with a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loaded {
    pub imported: Imported,
    /// Sessions of keys that this process does not know.
    pub unknown_sessions: u64,
}

/// Why a snapshot is not used as a whole.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Nothing of it is used.
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(transparent)]
    Core(#[from] CoreGone),
    /// A file has changed after it was verified, or cannot be read in time.
    #[error(transparent)]
    File(FrameError),
}

/// The cores that import a snapshot, and what they know.
#[expect(missing_debug_implementations, reason = "a function has no printable form")]
pub struct Target<'a> {
    pub cores: &'a Cores,
    pub unix_s: u64,
    /// The second of their clock at that time.
    pub second: Second,
    /// How they divide the info hashes.
    pub steering: &'a SteeringKey,
    /// Returns the number of a key in this process.
    pub number_of: &'a (dyn Fn(&AuthenticationKey) -> Option<KeyId> + Sync),
}

type Input = FrameReader<BufReader<File>>;

impl Found {
    /// Returns the secrets of the process that wrote it.
    #[must_use]
    pub const fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Verifies all files, and then imports them into the cores, all shards at the same time. Its sessions are imported at most once:
    /// what their clients report later must not be accounted again from where they were.
    ///
    /// # Errors
    /// If a file is not as it was written, a core does not answer, or it takes too long.
    pub async fn load(&self, target: &Target<'_>) -> Result<Loaded, LoadError> {
        let deadline = Instant::now() + Duration::from_secs(LOAD_S_MAX);
        let too_long =
            || io::Error::new(io::ErrorKind::TimedOut, format!("it takes more than {LOAD_S_MAX} s"));
        timeout_at(deadline, self.verify())
            .await
            .map_err(|_| Refused::Unreadable { file: "it".to_owned(), error: too_long() })??;
        timeout_at(deadline, self.import(target))
            .await
            .unwrap_or_else(|_| Err(LoadError::File(FrameError::Io(too_long()))))
    }

    /// Logs why it is not used, and sets it aside, unless it may be readable later.
    pub fn refuse(&self, refused: &Refused) {
        let directory = &self.directory;
        directory.refuse(refused, || {
            directory.read_manifest().is_ok_and(|manifest| manifest.as_ref() == Some(&self.manifest))
        });
    }

    async fn import(&self, target: &Target<'_>) -> Result<Loaded, LoadError> {
        let keys = self.use_keys(target).await;
        let (shards, mut imports) = (self.shards()?, JoinSet::new());
        let numbers = Arc::new(keys.unwrap_or_default());
        for shard in shards.shards() {
            let importer = self.importer(target);
            imports.spawn(import_file(self.path_of(shard), importer, Arc::clone(&numbers)));
        }
        let mut loaded = Loaded { imported: Imported::default(), unknown_sessions: 0 };
        while let Some(outcome) = imports.join_next().await {
            let of_file = outcome.map_err(|error| LoadError::File(FrameError::Io(error.into())))??;
            loaded.imported = loaded.imported.plus(of_file.imported);
            loaded.unknown_sessions += of_file.unknown_sessions;
        }
        Ok(loaded)
    }

    /// Reads all files and compares them with the manifest.
    async fn verify(&self) -> Result<(), Refused> {
        let mut checks = JoinSet::new();
        let generation = self.manifest.generation;
        for (shard, &expected) in self.shards()?.shards().zip(&self.manifest.swarms) {
            checks.spawn(verify_file(self.directory.clone(), swarms_name(generation, shard), expected));
        }
        if let Some(expected) = self.manifest.keys
            && self.has_keys().await
        {
            checks.spawn(verify_file(self.directory.clone(), keys_name(generation), expected));
        }
        while let Some(outcome) = checks.join_next().await {
            outcome
                .map_err(|error| Refused::Unreadable { file: "a file".to_owned(), error: error.into() })??;
        }
        Ok(())
    }

    fn shards(&self) -> Result<ShardCount, Refused> {
        ShardCount::new(self.manifest.swarms.len())
            .map_err(|_| Refused::Torn { file: super::MANIFEST.to_owned() })
    }

    fn path_of(&self, shard: ShardId) -> PathBuf {
        self.directory.file(swarms_name(self.manifest.generation, shard))
    }

    fn path_of_keys(&self) -> PathBuf {
        self.directory.file(keys_name(self.manifest.generation))
    }

    fn importer(&self, target: &Target<'_>) -> Importer {
        let manifest = &self.manifest;
        let has_same_shards = manifest.swarms.len() == target.cores.handles().len();
        let placement = if has_same_shards && self.secrets.steering == *target.steering {
            Placement::Same
        } else {
            Placement::Other
        };
        let passed_s = target.unix_s.saturating_sub(manifest.unix_s);
        let passed_s = i64::try_from(passed_s).unwrap_or(i64::MAX);
        let shift = i64::from(target.second.0) - i64::from(manifest.second) - passed_s;
        Importer::new(target.cores.clone(), placement, ClockShift(shift), PAGES_IN_FLIGHT_PER_FILE)
    }

    /// Returns whether the keys of the sessions are there, and have not been used yet.
    async fn has_keys(&self) -> bool {
        let exists = within(try_exists(self.path_of_keys()));
        // Why it cannot be read is reported when it is read.
        self.manifest.keys.is_some() && exists.await.unwrap_or(true)
    }

    /// Reads the keys of the sessions, and notes that they are used before any session is imported. Where that fails, none is imported.
    async fn use_keys(&self, target: &Target<'_>) -> Option<KeyNumbers> {
        if !self.has_keys().await {
            return None;
        }
        let keys = async {
            let numbers = read_keys(self.path_of_keys(), target).await?;
            self.note_use_of_keys().await?;
            Ok::<_, FrameError>(numbers)
        };
        keys.await
            .inspect_err(|error| warn!("the snapshot is used without the sessions of keys: {error}"))
            .ok()
    }

    /// Renames the keys, so that no other start uses them. That needs no room on the disk, and only one process succeeds.
    async fn note_use_of_keys(&self) -> io::Result<()> {
        let generation = self.manifest.generation;
        self.rename(keys_name(generation), used_keys_name(generation)).await?;
        self.uses_keys.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Returns the keys that this process has used to the snapshot, if it ends before it serves: the next start imports the sessions.
    pub async fn give_back_keys(&self) {
        let generation = self.manifest.generation;
        if self.uses_keys.swap(false, Ordering::Relaxed)
            && let Err(error) = self.rename(used_keys_name(generation), keys_name(generation)).await
        {
            warn!("the next start uses the snapshot without the sessions of keys: {error}");
        }
    }

    async fn rename(&self, from: String, to: String) -> io::Result<()> {
        let directory = self.directory.clone();
        let rename = move || {
            fs::rename(directory.file(from), directory.file(to))?;
            directory.sync()
        };
        within(async { spawn_blocking(rename).await? }).await
    }
}

async fn verify_file(directory: Directory, name: String, expected: Sum) -> Result<(), Refused> {
    match sum_of(directory.file(&name)).await {
        Ok(sum) if sum == expected => Ok(()),
        Err(FrameError::Version(found)) => Err(Refused::Version { file: name, found: found.to_string() }),
        Err(FrameError::Io(error)) if error.kind() != io::ErrorKind::NotFound => {
            Err(Refused::Unreadable { file: name, error })
        }
        Ok(_) | Err(_) => Err(Refused::Torn { file: name }),
    }
}

async fn sum_of(path: PathBuf) -> Result<Sum, FrameError> {
    let mut input = open(path).await?;
    while !matches!(next(&mut input).await?, Frame::End(_)) {}
    within(async { Ok(input.finish().await) }).await?
}

async fn import_file(
    path: PathBuf,
    mut importer: Importer,
    numbers: Arc<KeyNumbers>,
) -> Result<Loaded, LoadError> {
    let mut input = open(path).await.map_err(LoadError::File)?;
    let mut unknown_sessions = 0;
    loop {
        match next(&mut input).await.map_err(LoadError::File)? {
            Frame::Page(shard, mut page) => {
                unknown_sessions += numbers.translate(&mut page);
                importer.put(shard, page).await?;
            }
            Frame::Keys(_) => {}
            Frame::End(_) => break,
        }
    }
    Ok(Loaded { imported: importer.finish().await?, unknown_sessions })
}

async fn read_keys(path: PathBuf, target: &Target<'_>) -> Result<KeyNumbers, FrameError> {
    let (mut input, mut numbers) = (open(path).await?, KeyNumbers::default());
    loop {
        match next(&mut input).await? {
            Frame::Keys(keys) => {
                for (exported, key) in keys.iter().filter_map(KeyName::read) {
                    if let Some(own) = (target.number_of)(&key) {
                        numbers.add(exported, own);
                    }
                }
            }
            Frame::Page(..) => {}
            Frame::End(_) => return Ok(numbers),
        }
    }
}

async fn open(path: PathBuf) -> Result<Input, FrameError> {
    let file = within(File::open(path)).await?;
    within(async { Ok(FrameReader::begin(BufReader::with_capacity(FILE_BUFFER_BYTES, file)).await) }).await?
}

async fn next(input: &mut Input) -> Result<Frame, FrameError> {
    within(async { Ok(input.next().await) }).await?
}

/// Waits for the file system for a limited time.
async fn within<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(Duration::from_secs(READ_S_MAX), work).await.unwrap_or_else(|elapsed| Err(elapsed.into()))
}
