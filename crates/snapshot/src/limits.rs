//! The limits of snapshots, each with its reason.

/// Milliseconds to wait for the reply of a core to one page: a core that is scanned or that loads a list does that first.
pub(crate) const CORE_ANSWER_MS_MAX: u64 = 30_000;

/// Milliseconds before a core whose queue is full is tried again.
pub(crate) const CORE_RETRY_MS: u64 = 2;

/// Bytes of a frame: a swarm is never split, and one of the 4,000,000 peers that it may have takes less than that.
pub(crate) const FRAME_BYTES_MAX: u32 = 512 << 20;

/// Bytes of a frame for which memory is taken before any of them has arrived: a torn length costs no more.
pub(crate) const FRAME_BYTES_TRUSTED: usize = 1 << 20;

/// Keys that are put into one frame: 144 KiB.
pub const KEYS_PER_FRAME: usize = 4096;

/// Pages of each file that are with the cores while the next one is read.
pub(crate) const PAGES_IN_FLIGHT_PER_FILE: usize = 1;

/// Bytes that are written to a file, or read from it, at once: each call is passed to another thread.
pub(crate) const FILE_BUFFER_BYTES: usize = 64 << 10;

/// Milliseconds to wait for the lock of the directory: a snapshot that was given up may still wait for the disk to store its manifest.
pub(crate) const LOCK_MS_MAX: u64 = 5000;

/// Milliseconds between two looks at the lock.
pub(crate) const LOCK_RETRY_MS: u64 = 10;

/// Bytes of a manifest that are read: it has a line for each of at most 256 shards.
pub(crate) const MANIFEST_BYTES_MAX: u64 = 1 << 20;

/// Seconds by which a snapshot may seem to be from the future: the clocks of one machine before and after a restart, or of two
/// machines, differ by less.
pub(crate) const AHEAD_S_MAX: u64 = 300;

/// Seconds for a whole snapshot at the start: a slow disk must not keep the tracker from serving. 4 GB, those of 200 million
/// peers, are read twice at 30 MB/s.
pub(crate) const LOAD_S_MAX: u64 = 300;

/// Seconds for one read of a snapshot at the start: a hanging file system is noticed before [`LOAD_S_MAX`].
pub(crate) const READ_S_MAX: u64 = 30;
