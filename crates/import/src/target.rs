//! Ringtrack's own database: what it has already, and what is added.

use crate::record::{COMPLETED, Record};
use crate::report::Part;
use crate::{ImportError, Mode};
use database::{Creation, Database, DatabaseError, DatabaseUrl, Pages, WriteBatch};
use primitives::{AuthenticationKey, InfoHash, TorrentList};
use std::collections::{HashMap, HashSet};

/// The database that is written to.
pub(crate) struct Target {
    database: Database,
    mode: Mode,
    known: Known,
}

/// What the database has. Records that it has already are not written, so that accounts of keys stay as they are.
#[derive(Default)]
struct Known {
    listed: HashSet<(TorrentList, InfoHash)>,
    completed: HashMap<InfoHash, u64>,
    keys: HashSet<AuthenticationKey>,
    total_completed: u64,
}

impl Known {
    /// Adds a record. Returns false if there is nothing to write.
    fn add(&mut self, record: Record) -> bool {
        let is_larger = |known: &mut u64, count: u64| {
            let is_larger = count > *known;
            *known = count.max(*known);
            is_larger
        };
        match record {
            Record::Listed(list, info_hash) => self.listed.insert((list, info_hash)),
            Record::Completed(info_hash, count) => {
                is_larger(self.completed.entry(info_hash).or_default(), count)
            }
            Record::Key(key, _) => self.keys.insert(key),
            Record::TotalCompleted(count) => is_larger(&mut self.total_completed, count),
        }
    }

    async fn load(database: &Database) -> Result<Self, DatabaseError> {
        let mut known = Self::default();
        for list in TorrentList::ALL {
            known.read(database.load_list(list), |torrent| Record::Listed(list, torrent)).await?;
        }
        known.read(database.load_completed(), |(torrent, count)| Record::Completed(torrent, count)).await?;
        known.read(database.load_keys(), |key| Record::Key(key.key, None)).await?;
        // A key that the tracker has deleted since an earlier import does not come back.
        known.read(database.load_deleted_keys(), |deleted| Record::Key(deleted.key.key, None)).await?;
        let totals = database.load_totals().await?;
        let completed = totals.iter().find(|total| total.name == COMPLETED.as_str());
        known.total_completed = completed.map_or(0, |total| total.value);
        Ok(known)
    }

    async fn read<T: Send>(
        &mut self,
        mut pages: Pages<T>,
        record: impl Fn(T) -> Record,
    ) -> Result<(), DatabaseError> {
        while let Some(page) = pages.next().await? {
            for stored in page {
                self.add(record(stored));
            }
        }
        Ok(())
    }
}

impl Target {
    /// Opens the database, and locks out any tracker. A dry run only reads it.
    pub(crate) async fn open(url: &DatabaseUrl, mode: Mode) -> Result<Self, ImportError> {
        let failed = |reason| ImportError::Target { database: url.to_string(), reason };
        let database = match mode {
            Mode::Run => Database::open(url, Creation::Now).await.map_err(failed)?,
            Mode::DryRun => Database::reader(url),
        };
        let known = match (Known::load(&database).await, mode) {
            (Ok(known), _) => known,
            (Err(error), Mode::DryRun) if has_no_tables(&error) => Known::default(),
            (Err(error), _) => {
                database.close().await;
                return Err(failed(error));
            }
        };
        Ok(Self { database, mode, known })
    }

    /// Adds records in one transaction.
    pub(crate) async fn add(&mut self, records: Vec<Record>, part: &mut Part) -> Result<(), ImportError> {
        let mut batch = WriteBatch::default();
        for record in records {
            match record {
                Record::Completed(_, 0) => part.zero += 1,
                record if self.known.add(record) => {
                    part.written += 1;
                    batch.insert(record.into());
                }
                _ => part.known += 1,
            }
        }
        if self.mode == Mode::Run {
            let stored = self.database.store(&batch).await;
            stored.map_err(|reason| ImportError::Target {
                database: self.database.url().to_string(),
                reason,
            })?;
        }
        Ok(())
    }

    /// Returns the numbers of torrents on lists, of torrents with a count, and of keys.
    pub(crate) fn totals(&self) -> (usize, usize, usize) {
        (self.known.listed.len(), self.known.completed.len(), self.known.keys.len())
    }

    pub(crate) async fn close(self) {
        self.database.close().await;
    }
}

/// Returns whether the database has no tables yet: the first tracker that uses it makes them.
fn has_no_tables(error: &DatabaseError) -> bool {
    let DatabaseError::Failed(error) = error else { return false };
    let Some(error) = error.as_database_error() else { return false };
    matches!(error.code().as_deref(), Some("42S02" | "42P01")) || error.message().starts_with("no such table")
}
