//! Writes a snapshot.

use super::{Directory, create_directory, keys_name, options, swarms_name};
use crate::export::{ExportError, PageSink, Sessions, export};
use crate::frames::{FrameWriter, Sum};
use crate::keys::KeyName;
use crate::limits::FILE_BUFFER_BYTES;
use crate::manifest::{Manifest, Secrets};
use core_link::Cores;
use primitives::{Second, ShardCount, ShardId, StatePage};
use std::fs::File;
use std::io;
use tokio::fs::File as AsyncFile;
use tokio::io::BufWriter;
use tokio::task::{JoinError, spawn_blocking};

/// What a snapshot says of its process.
#[derive(Debug, Clone, Copy)]
pub struct Described {
    pub unix_s: u64,
    /// The second of the cores' clock at that time.
    pub second: Second,
    pub secrets: Secrets,
}

/// The keys of a process, in pages.
pub type KeyPages = Box<dyn Iterator<Item = Vec<KeyName>> + Send>;

/// A snapshot that has been written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Bytes of all files but the manifest.
    pub bytes: u64,
}

/// Why no snapshot was written. The one before is still in place.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error(transparent)]
    Export(ExportError),
    #[error("another process writes to the directory")]
    Locked,
    #[error(transparent)]
    File(#[from] io::Error),
}

impl From<ExportError> for WriteError {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Sink(error) => Self::File(error),
            ExportError::Core(_) => Self::Export(error),
        }
    }
}

impl From<JoinError> for WriteError {
    fn from(error: JoinError) -> Self {
        Self::File(error.into())
    }
}

type Output = FrameWriter<BufWriter<AsyncFile>>;

/// A generation of files that are being written.
struct Files {
    directory: Directory,
    generation: u64,
    /// In the order of the shards.
    swarms: Vec<Output>,
    /// Locked until it is closed.
    _lock: File,
}

impl PageSink for Files {
    async fn put(&mut self, shard: ShardId, page: StatePage) -> io::Result<()> {
        self.swarms[shard.index()].page(shard, &page).await
    }
}

impl Directory {
    /// Writes a snapshot of all cores, and puts it in the place of the one before. Without `keys` it has no sessions.
    ///
    /// # Errors
    /// If a core does not answer, or the file system fails. Then the one before stays.
    pub async fn write(
        &self,
        cores: &Cores,
        described: Described,
        keys: Option<KeyPages>,
    ) -> Result<Written, WriteError> {
        let mut files = self.begin(cores.handles().len()).await?;
        let filled = files.fill(cores, described, keys).await;
        spawn_blocking(move || files.end(filled)).await?
    }

    async fn begin(&self, shards: usize) -> Result<Files, WriteError> {
        let directory = self.clone();
        let (lock, generation, files) = spawn_blocking(move || directory.create_files(shards)).await??;
        let mut swarms = Vec::with_capacity(files.len());
        for file in files {
            swarms.push(begin_file(file).await?);
        }
        Ok(Files { directory: self.clone(), generation, swarms, _lock: lock })
    }

    fn create_files(&self, shards: usize) -> Result<(File, u64, Vec<File>), WriteError> {
        create_directory(self.path())?;
        self.check_owner()?;
        let lock = self.lock()?;
        self.clean();
        let generation = self.generations()?.into_iter().map(|(found, _)| found).max().unwrap_or(0) + 1;
        let shards = ShardCount::new(shards).map_err(io::Error::other)?.shards();
        let create = |shard| options().create_new(true).open(self.file(swarms_name(generation, shard)));
        Ok((lock, generation, shards.map(create).collect::<Result<_, _>>()?))
    }

    /// Puts the manifest of complete files in place.
    fn put(&self, manifest: &Manifest) -> io::Result<Written> {
        self.write_manifest(manifest)?;
        self.sync()?;
        self.put_manifest()?;
        Ok(Written { bytes: manifest.swarms.iter().chain(&manifest.keys).map(|sum| sum.bytes).sum() })
    }
}

impl Files {
    async fn fill(
        &mut self,
        cores: &Cores,
        described: Described,
        keys: Option<KeyPages>,
    ) -> Result<Manifest, WriteError> {
        let Described { unix_s, second, secrets } = described;
        let mut manifest = Manifest::new(self.generation, (unix_s, second.0), &secrets);
        let sessions = if keys.is_some() { Sessions::Exported } else { Sessions::LeftOut };
        export(cores, sessions, self).await?;
        for output in self.swarms.drain(..) {
            manifest.swarms.push(end_file(output).await?);
        }
        if let Some(keys) = keys {
            manifest.keys = Some(self.write_keys(keys).await?);
        }
        Ok(manifest)
    }

    async fn write_keys(&self, keys: KeyPages) -> io::Result<Sum> {
        let path = self.directory.file(keys_name(self.generation));
        let file = spawn_blocking(move || options().create_new(true).open(path)).await??;
        let mut output = begin_file(file).await?;
        for page in keys {
            output.keys(&page).await?;
        }
        end_file(output).await
    }

    /// Puts the manifest in place if there is one, and removes what is not needed. The directory is locked until then, even if
    /// nobody waits for it any more.
    fn end(self, filled: Result<Manifest, WriteError>) -> Result<Written, WriteError> {
        let put = filled.and_then(|manifest| Ok(self.directory.put(&manifest)?));
        self.directory.clean();
        put
    }
}

async fn begin_file(file: File) -> io::Result<Output> {
    FrameWriter::begin(BufWriter::with_capacity(FILE_BUFFER_BYTES, AsyncFile::from_std(file))).await
}

async fn end_file(mut output: Output) -> io::Result<Sum> {
    output.end().await?;
    let (file, sum) = output.finish();
    file.get_ref().sync_all().await?;
    Ok(sum)
}
