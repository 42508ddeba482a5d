//! Snapshots: the swarms and sessions in files, from which the next start takes them.

mod store;

pub use store::SnapshotSettings;
pub(crate) use store::Snapshots;

use crate::management::Answer;
use std::time::Duration;

/// The management of the snapshots.
pub trait SnapshotManagement: Send + Sync {
    /// Writes a snapshot.
    fn write(&self) -> Answer<'_, SnapshotInfo>;

    /// Returns the figures of the snapshots, if there is a directory for them.
    fn figures(&self) -> Option<SnapshotFigures>;
}

/// A snapshot that has been written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// Swarms and peers in it: those over UDP and HTTP, since connections of WebRTC peers do not survive a restart.
    pub swarms: u64,
    pub peers: u64,
    pub bytes: u64,
    /// When it was begun.
    pub unix_s: u64,
    /// How long it took.
    pub duration: Duration,
}

/// The snapshots of this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SnapshotFigures {
    pub last: Option<SnapshotInfo>,
    /// Snapshots that could not be written.
    pub failures: u64,
}
