//! Hands the stored data over to the process that takes over from this one.

use super::manager::Manager;
use crate::limits::{CHANGES_END_S_MAX, PASSED_ON_MAX, RELEASE_S_MAX};
use crate::management::ManagementError;
use crate::shared::lock;
use database::{NotWritten, Released};
use primitives::{AuthenticationKey, InfoHash};
use std::iter;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedRwLockWriteGuard, mpsc};
use tokio::time::timeout;

/// What cores report while another process has the stored data, for that process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PassedOn {
    /// What keys have transferred.
    Transfers(Vec<KeyTransfers>),
    /// Total counts of completed events.
    Completed(Vec<(InfoHash, u64)>),
}

/// What a key has transferred since the last report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyTransfers {
    pub key: AuthenticationKey,
    pub uploaded: u64,
    pub downloaded: u64,
    /// When it was last used, if it was.
    pub last_seen_unix_s: Option<u64>,
}

/// The stored data is another process's. When dropped, this process has it again: it allows changes, takes the database back,
/// and saves what was reported meanwhile.
#[derive(Debug)]
pub struct StoredDataHandover {
    manager: Arc<Manager>,
    reports: mpsc::Receiver<PassedOn>,
    _released: Released,
    _changes_refused: OwnedRwLockWriteGuard<()>,
}

impl StoredDataHandover {
    /// Time in which it begins, or fails.
    pub const BEGIN_MAX: Duration = Duration::from_secs(CHANGES_END_S_MAX + RELEASE_S_MAX);

    /// Returns what cores have reported since everything was saved, and was not returned before.
    pub fn take_reports(&mut self) -> Vec<PassedOn> {
        // What waits may be more than there is room for.
        let mut reports = Vec::new();
        loop {
            self.manager.apply_events();
            let before = reports.len();
            reports.extend(iter::from_fn(|| self.reports.try_recv().ok()));
            if reports.len() == before {
                return reports;
            }
        }
    }
}

impl Drop for StoredDataHandover {
    fn drop(&mut self) {
        self.manager.pass_on_to(None);
    }
}

impl Manager {
    /// Refuses changes, saves everything, and releases the database. What cores report after the last save is applied here and
    /// passed on: each process has all of it, whichever stores it in the end.
    ///
    /// # Errors
    /// If the snapshot is not loaded yet, a change that has begun does not end, or the database does not take what is unsaved. Then
    /// nothing is handed over.
    pub async fn hand_over_stored_data(self: &Arc<Self>) -> Result<StoredDataHandover, ManagementError> {
        if !self.snapshots.is_loaded() {
            return Err(ManagementError::HandingOver("the snapshot has not been loaded"));
        }
        self.snapshots.give_up();
        let ended = Arc::clone(&self.shared.changes).write_owned();
        let changes_refused = within(CHANGES_END_S_MAX, "a change has not ended", ended).await?;
        let (sender, reports) = mpsc::channel(PASSED_ON_MAX);
        let released = within(RELEASE_S_MAX, "the database is too slow", self.save_and_release(sender)).await;
        let released = released.and_then(|released| Ok(released?)).inspect_err(|_| self.pass_on_to(None))?;
        Ok(StoredDataHandover {
            manager: Arc::clone(self),
            reports,
            _released: released,
            _changes_refused: changes_refused,
        })
    }

    async fn save_and_release(&self, sender: mpsc::Sender<PassedOn>) -> Result<Released, NotWritten> {
        while !self.save_last(&sender) {
            self.shared.write_behind.flush().await?;
        }
        self.shared.write_behind.release().await
    }

    /// Saves all that was reported, and passes on what is reported from then on. Returns whether the write-behind had room.
    fn save_last(&self, sender: &mpsc::Sender<PassedOn>) -> bool {
        // Locked, so that nothing is reported in between.
        let mut passed_on = lock(&self.passed_on);
        self.apply_events_to(None);
        let is_saved = self.save().is_ok();
        if is_saved {
            *passed_on = Some(sender.clone());
        }
        is_saved
    }

    fn pass_on_to(&self, sender: Option<mpsc::Sender<PassedOn>>) {
        *lock(&self.passed_on) = sender;
    }

    /// Applies what the process that had the stored data before has passed on.
    ///
    /// # Errors
    /// If a core does not reply: it continues from lower counts of completed events.
    pub async fn take_passed_on(&self, report: PassedOn) -> Result<(), ManagementError> {
        match report {
            PassedOn::Transfers(transfers) => {
                self.keys.add_transfers(&transfers);
                Ok(())
            }
            PassedOn::Completed(counts) => self.torrents.take_completed(counts).await,
        }
    }
}

/// Waits for something, but not forever: changes are refused meanwhile.
async fn within<T>(
    seconds: u64,
    otherwise: &'static str,
    done: impl Future<Output = T>,
) -> Result<T, ManagementError> {
    timeout(Duration::from_secs(seconds), done).await.map_err(|_| ManagementError::HandingOver(otherwise))
}
