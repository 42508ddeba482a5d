//! `[snapshot]`: swarms that survive a restart.

use crate::declare::section;
use crate::values::integer::{Interval, zero_or};
use crate::values::snapshot_directory::{SnapshotDirectory, snapshot_directory};

section! {
    /// Snapshots: swarms that survive a restart.
    pub struct Snapshot;

    /// The directory of the snapshot.
    ///
    /// Allowed: "" for `snapshot` in the first directory of the environment variable `STATE_DIRECTORY`, which systemd
    /// sets, or for no snapshots if that variable is not set; "none" for no snapshots; or the path of a directory.
    ///
    /// A snapshot has the peers of all swarms, the counts of completed downloads, the secrets behind connection ids and what keys
    /// have transferred: after a restart clients continue as if there had been none. It takes about 20 bytes for each peer and 40 for
    /// each torrent; on a private tracker 65 more for each session, thus about 85 for each peer, and 36 for each key. The disk needs
    /// room for two while one is written, and for a third that was refused. Each tracker needs a directory of its own. Only the
    /// tracker's user can read the files.
    directory: SnapshotDirectory = SnapshotDirectory::Automatic, snapshot_directory;

    /// How often a snapshot is written while the tracker serves.
    ///
    /// Allowed: 0 (never) or 60 to 86400 seconds.
    ///
    /// Without it, a crash loses all swarms until clients announce again. A shorter interval loses fewer peers and
    /// writes more; each core spends a few per cent of its time while a snapshot is written.
    // Minimum: a snapshot of tens of millions of peers takes several seconds.
    // Maximum: a peer is forgotten much sooner.
    interval_s: Interval = Interval::Off, zero_or(60..=86_400);
}
