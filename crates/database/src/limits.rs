//! Limits of the stored data and of database operations, each with its reason.

use std::time::Duration;

/// Time limit in seconds of connecting, including the handshake: a reachable server takes milliseconds.
pub const CONNECT_S_MAX: u64 = 5;

/// Time limit in seconds of one statement. The largest one writes a thousand rows, which takes milliseconds; a disk
/// that is busy with something else may take longer.
pub const STATEMENT_S_MAX: u64 = 10;

/// Time limit in seconds of all migrations to the newest schema.
pub(crate) const MIGRATION_S_MAX: u64 = 60;

/// Milliseconds within which an idle connection has to answer before a new one is opened.
pub(crate) const PING_MS_MAX: u64 = 1000;

/// Time limit in milliseconds of closing a connection. SQLite then copies its write-ahead log into the file.
pub(crate) const CLOSE_MS_MAX: u64 = 3000;

/// Milliseconds for which SQLite waits for another process that writes to the same file: less than the limit of a
/// statement, so that the error states the reason.
pub(crate) const SQLITE_BUSY_MS_MAX: u64 = 3000;

/// Connections that read at a time, in addition to the one that writes.
pub(crate) const CONNECTIONS_MAX: usize = 3;

/// How long to wait for the lock on a database that another tracker holds: after a crash, a server notices within
/// milliseconds that the session has ended.
pub(crate) const LEASE_WAIT_MAX: Duration = Duration::from_secs(3);

/// The pause between two attempts to obtain the lock.
pub(crate) const LEASE_POLL: Duration = Duration::from_millis(50);

/// How often to check that the lock is still held while nothing is written: servers end a session that is idle for a
/// minute.
pub(crate) const LEASE_LOOK: Duration = Duration::from_secs(10);

/// Rows of one statement. With up to 6 parameters per row it stays below the limits of all backends (32,766 of SQLite,
/// 65,535 of the others), and its packet is no larger than a megabyte.
pub(crate) const STATEMENT_ROWS_MAX: usize = 1000;

/// Rows of a page.
pub const PAGE_ROWS: usize = 4096;

/// Totals that are loaded at most: a tracker has a few dozen, whatever else the table contains.
pub(crate) const TOTALS_MAX: usize = 1000;

/// Bytes of the reason of a ban; longer reasons are truncated. Every backend can store this much, and a full statement
/// of such reasons fits into a MySQL packet.
pub const REASON_BYTES_MAX: usize = 1024;

/// Default for the seconds between two writes: a crash loses at most the changes of this time.
pub const FLUSH_EVERY_S: u64 = 5;

/// Default for the changes that wait to be written: as many as the torrents of a large list, at about 50 bytes each.
pub const PENDING_MAX: usize = 1_000_000;

/// Changes of one transaction: even a busy database can handle this many, and the locks on the rows are held only
/// briefly.
pub(crate) const BATCH_MAX: usize = 10_000;

/// The pause after a first failure. Each further failure doubles it.
pub(crate) const RETRY_FIRST: Duration = Duration::from_secs(1);

/// The longest pause between two attempts: the longest delay until a recovered database is noticed.
pub(crate) const RETRY_MAX: Duration = Duration::from_secs(30);

/// How often the log repeats that the database is away.
pub(crate) const REMIND_EVERY: Duration = Duration::from_secs(60);

/// Requests that can wait for the writing task: each is answered within one attempt.
pub(crate) const REQUESTS_MAX: usize = 64;
