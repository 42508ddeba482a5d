//! What the tracker stores, in SQLite, MySQL or MariaDB, or PostgreSQL, and the write-behind in front of it.
//!
//! A [`Database`] loads in pages and stores a [`WriteBatch`] in one transaction. The [`Keeper`] takes changes at once
//! and writes them later, so that nobody ever waits for a database.

#![forbid(unsafe_code)]

mod batch;
mod connection;
mod database;
mod error;
mod flusher;
mod health;
mod idle;
mod keeper;
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

pub use batch::{Change, WriteBatch};
pub use database::{Creation, Database, TimeLimits};
pub use error::DatabaseError;
pub use keeper::{Keeper, KeeperFacts, KeeperSettings, Stopped};
pub use limits::{CONNECT_S_MAX, FLUSH_EVERY_S, PAGE_ROWS, PENDING_MAX, REASON_BYTES_MAX, STATEMENT_S_MAX};
pub use pages::Pages;
pub use records::{Banned, DeletedKey, StoredBan, StoredKey, StoredTotal, TorrentCount, TotalName};
pub use shared::{KeeperState, NotWritten, TooManyWaiting};
pub use url::{DatabaseUrl, DatabaseUrlError};
