//! The bounds of what is stored, each with its reason.

use std::time::Duration;

/// Seconds for which a connection is waited for, with its handshake: a server that is there takes milliseconds.
pub const CONNECT_S_MAX: u64 = 5;

/// Seconds for which the answer to one statement is waited for. The largest writes a thousand rows, which
/// takes milliseconds; a disk that is busy with something else may take a while.
pub const STATEMENT_S_MAX: u64 = 10;

/// Seconds that the whole way to the newest schema may take.
pub(crate) const MIGRATION_S_MAX: u64 = 60;

/// Milliseconds in which a connection that lay idle has to answer before another one is made.
pub(crate) const PING_MS_MAX: u64 = 1000;

/// Milliseconds for which a connection's end is waited for. SQLite carries its log over into the file then.
pub(crate) const CLOSE_MS_MAX: u64 = 3000;

/// Milliseconds for which SQLite waits for another process that writes into the same file: below the bound of a
/// statement, so that the reason can be told.
pub(crate) const SQLITE_BUSY_MS_MAX: u64 = 3000;

/// Connections that read at a time, beside the one that writes.
pub(crate) const CONNECTIONS_MAX: usize = 3;

/// How long the lock on a database is waited for that another tracker has: after a crash a server notices within
/// milliseconds that the session has ended.
pub(crate) const LEASE_WAIT_MAX: Duration = Duration::from_secs(3);

/// How long is waited between two attempts to get it.
pub(crate) const LEASE_POLL: Duration = Duration::from_millis(50);

/// How often is looked whether the lock is still had, when nothing is written: servers end a session that lies idle for
/// a minute.
pub(crate) const LEASE_LOOK: Duration = Duration::from_secs(10);

/// Rows of one statement. With up to 6 parameters a row it stays below the bounds of all backends (32,766 of SQLite,
/// 65,535 of the others), and a megabyte is enough for its packet.
pub(crate) const STATEMENT_ROWS_MAX: usize = 1000;

/// Rows that are loaded at a time.
pub const PAGE_ROWS: usize = 4096;

/// Totals that are loaded: a tracker has a few dozen, whatever else the table holds.
pub(crate) const TOTALS_MAX: usize = 1000;

/// Bytes of the reason of a ban; what is longer is cut. Every backend stores that much, and a statement's worth of
/// them fits into a packet of MySQL.
pub const REASON_BYTES_MAX: usize = 1024;

/// Seconds between two writes of what waits, if nothing else is configured: what a crash loses at most.
pub const FLUSH_EVERY_S: u64 = 5;

/// Changes that wait to be written, if nothing else is configured: as many torrents as a large list has, at about 50
/// bytes each.
pub const PENDING_MAX: usize = 1_000_000;

/// Changes of one transaction: a database that is busy gets them in pieces that it can swallow, and a lock on the
/// rows is held for a moment only.
pub(crate) const BATCH_MAX: usize = 10_000;

/// After the first failure so long is waited until the next attempt, and twice as long after each other one.
pub(crate) const RETRY_FIRST: Duration = Duration::from_secs(1);

/// Between two attempts at most so long is waited: how late it is noticed that a database is back.
pub(crate) const RETRY_MAX: Duration = Duration::from_secs(30);

/// While the database is away, the log is reminded of it so often.
pub(crate) const REMIND_EVERY: Duration = Duration::from_secs(60);

/// Requests to the writing task that wait: each is answered within one attempt.
pub(crate) const REQUESTS_MAX: usize = 64;
