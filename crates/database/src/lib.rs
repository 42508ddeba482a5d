//! The tracker's database, in SQLite, MySQL, MariaDB or PostgreSQL, and the write-behind in front of it.
//!
//! A [`Database`] loads data in pages and stores a [`WriteBatch`] in one transaction. A [`WriteBehind`] accepts changes
//! at once and writes them later, so that no change ever waits for a database.

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
mod secret_file;
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
pub use records::{Banned, DeletedKey, StoredBan, StoredKey, StoredTotal, TorrentCount, TotalName};
pub use shared::{NotWritten, TooManyWaiting, WriteBehindState};
pub use url::{DatabaseUrl, DatabaseUrlError};
pub use write_behind::{Stopped, WriteBehind, WriteBehindInfo, WriteBehindSettings};
