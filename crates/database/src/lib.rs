//! The tracker's database, in SQLite, MySQL, MariaDB or PostgreSQL, and the write-behind in front of it.
//!
//! A [`Database`] loads data in pages and stores a [`WriteBatch`] in one transaction. A [`WriteBehind`] accepts changes
//! at once and writes them later, so that no change ever waits for a database.
//!
//! # Write-behind
//!
//! [`WriteBehind`] keeps the newest change of each item in memory (`shared`, `batch`). A task of its own (`flusher`)
//! writes the waiting changes every few seconds. While the database is away they accumulate, one per item, up to
//! [`WriteBehindSettings::pending_max`]; further ones are refused and counted.
//!
//! Values are absolute and a batch is one transaction, so a batch whose result was lost is written again. A write takes
//! all changes that waited when it began, in batches of 10,000. After a failure the rest is merged below the changes
//! made meanwhile.
//!
//! # Connections
//!
//! Every step has a time limit. A connection that failed or was too slow is dropped at once, which makes the server roll
//! back uncommitted changes (`connection`, `idle`).
//!
//! # Loading
//!
//! [`Pages`] follow the primary key: neither all rows are in memory, nor is a transaction open for long. A load that has
//! to include recent changes comes after [`WriteBehind::flush`].
//!
//! # Keys
//!
//! Operators and other programs may change and remove keys in the database. Therefore an account is written only if its
//! key is still stored, and the write leaves the expiry of the key as it is (`store`).
//!
//! # One tracker at a time
//!
//! All writes use one connection, whose session holds a lock of the server (with SQLite, a locked file beside the
//! database), so nothing can be written without the lock. A tracker that obtains it for the first time stores a token in
//! the table `holder`. One that obtains it again after a broken connection and finds another token has been overtaken,
//! and writes nothing any more (`lease`).
//!
//! [`WriteBehind::release`] gives the lock up for a process that takes over, and takes it again if that process fails.
//!
//! # SQLite
//!
//! The write-ahead log is synchronized at each commit, so a loss of power loses only changes that were not written yet.
//! With [`Creation::WhenWritten`] a tracker with nothing to store creates no file.
//!
//! # Schema
//!
//! `migrations/` has a folder for each backend, compiled in by `schema`. A released migration never changes. A database
//! with a migration that the program does not know is refused.

#![forbid(unsafe_code)]

mod batch;
mod connection;
mod database;
mod error;
mod flusher;
mod health;
mod idle;
mod lease;
mod limits;
mod pages;
mod records;
mod schema;
mod shared;
mod statements;
mod store;
mod url;
mod write_behind;

pub use batch::{Change, WriteBatch};
pub use database::{Creation, Database, TimeLimits};
pub use error::DatabaseError;
pub use limits::{CONNECT_S_MAX, FLUSH_EVERY_S, PAGE_ROWS, PENDING_MAX, REASON_BYTES_MAX, STATEMENT_S_MAX};
pub use pages::Pages;
pub use records::{Banned, DeletedKey, StoredBan, StoredKey, StoredTotal, TotalName};
pub use shared::{NotWritten, TooManyWaiting, WriteBehindInfo, WriteBehindState};
pub use url::{DatabaseUrl, DatabaseUrlError};
pub use write_behind::{Released, Stopped, WriteBehind, WriteBehindSettings};
