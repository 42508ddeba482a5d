use crate::batch::WriteBatch;
use crate::connection::{Row, Value};
use crate::error::DatabaseError;
use crate::idle::{Connections, Lent};
use crate::lease::Lease;
use crate::limits::{CONNECT_S_MAX, PAGE_ROWS, STATEMENT_S_MAX, TOTALS_MAX};
use crate::pages::{BAN, COMPLETED, DELETED_KEY, KEY, LIST_ENTRY, Pages, total};
use crate::records::{DeletedKey, StoredBan, StoredKey, StoredTotal, TorrentCount};
use crate::statements::Table;
use crate::store::{TOTALS, list_number, store};
use crate::url::{DatabaseUrl, Target};
use primitives::{InfoHash, TorrentList};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;

/// A database of the tracker's, in one of the backends. Copies are the same one. From its first use on no other tracker
/// can use it.
#[derive(Debug, Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    url: DatabaseUrl,
    limits: TimeLimits,
    connections: Connections,
    /// The right to write; none where it is only read.
    lease: Option<Lease>,
    /// Set once the right to write was got and the schema is up to date.
    prepared: OnceCell<()>,
}

/// Whether a database is held when it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holding {
    /// It was not used yet.
    Unused,
    /// No other tracker can use it.
    Held,
}

/// When the file of a SQLite database is made, if it is not there. Databases of servers are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    /// When it is opened.
    Now,
    /// When something is stored: a tracker that has nothing to store leaves no file behind.
    WhenWritten,
}

/// How long a database is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeLimits {
    /// Until there is a connection.
    pub connect: Duration,
    /// For the answer to one statement.
    pub statement: Duration,
}

impl Default for TimeLimits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(CONNECT_S_MAX), statement: Duration::from_secs(STATEMENT_S_MAX) }
    }
}

#[expect(clippy::missing_errors_doc, reason = "DatabaseError says it for all")]
impl Database {
    /// Connects, keeps other trackers away and brings the schema up to date. A file that is not there is only made here
    /// where `creation` says so.
    pub async fn open(url: &DatabaseUrl, creation: Creation) -> Result<Self, DatabaseError> {
        Self::open_within(url, creation, TimeLimits::default()).await
    }

    /// A database that is not looked for before it is used: one that cannot be reached now.
    #[must_use]
    pub fn unopened(url: &DatabaseUrl) -> Self {
        let limits = TimeLimits::default();
        Self::new(url, limits, Some(Lease::new(url.target.clone(), limits)))
    }

    /// A database that is only read, whoever uses it meanwhile. Its schema has to be up to date.
    #[must_use]
    pub fn reader(url: &DatabaseUrl) -> Self {
        Self::new(url, TimeLimits::default(), None)
    }

    /// The same with other limits of time than the usual ones.
    pub async fn open_within(
        url: &DatabaseUrl,
        creation: Creation,
        limits: TimeLimits,
    ) -> Result<Self, DatabaseError> {
        let database = Self::new(url, limits, Some(Lease::new(url.target.clone(), limits)));
        if creation == Creation::Now || database.is_there() {
            database.prepare().await?;
        }
        Ok(database)
    }

    fn new(url: &DatabaseUrl, limits: TimeLimits, lease: Option<Lease>) -> Self {
        let connections = Connections::new(url.target.clone(), limits);
        let inner = Inner { url: url.clone(), limits, connections, lease, prepared: OnceCell::new() };
        Self { inner: Arc::new(inner) }
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &DatabaseUrl {
        &self.inner.url
    }

    /// The torrents on a list.
    #[must_use]
    pub fn load_list(&self, list: TorrentList) -> Pages<InfoHash> {
        Pages::new(self.clone(), LIST_ENTRY, vec![list_number(list)])
    }

    /// How often torrents were completed.
    #[must_use]
    pub fn load_completed(&self) -> Pages<TorrentCount> {
        Pages::new(self.clone(), COMPLETED, vec![])
    }

    /// Keys with their accounts.
    #[must_use]
    pub fn load_keys(&self) -> Pages<StoredKey> {
        Pages::new(self.clone(), KEY, vec![])
    }

    /// Keys that were deleted.
    #[must_use]
    pub fn load_deleted_keys(&self) -> Pages<DeletedKey> {
        Pages::new(self.clone(), DELETED_KEY, vec![])
    }

    /// Bans.
    #[must_use]
    pub fn load_bans(&self) -> Pages<StoredBan> {
        Pages::new(self.clone(), BAN, vec![])
    }

    /// Totals, in the order of their names.
    pub async fn load_totals(&self) -> Result<Vec<StoredTotal>, DatabaseError> {
        let mut totals = Vec::new();
        self.rows(&TOTALS, &[], None, TOTALS_MAX, &mut |row| totals.extend(total(row))).await?;
        Ok(totals)
    }

    /// Stores all of it in one transaction, or nothing. What was stored already may be stored again.
    pub async fn store(&self, batch: &WriteBatch) -> Result<(), DatabaseError> {
        if batch.is_empty() {
            return Ok(());
        }
        self.prepare().await?;
        let lease = self.inner.lease.as_ref().ok_or(DatabaseError::ReadOnly)?;
        let mut writer = lease.writer().await?;
        store(&mut writer.connection, batch, self.inner.limits.statement).await?;
        writer.give_back();
        Ok(())
    }

    /// Makes sure that no other tracker uses it, once this one has begun to.
    pub(crate) async fn hold(&self) -> Result<Holding, DatabaseError> {
        match &self.inner.lease {
            Some(lease) if self.inner.prepared.initialized() => lease.hold().await.map(|()| Holding::Held),
            _ => Ok(Holding::Unused),
        }
    }

    /// Takes leave of it. Nothing can be done with it afterwards.
    pub async fn close(&self) {
        self.inner.connections.close().await;
        if let Some(lease) = &self.inner.lease {
            lease.close().await;
        }
    }

    pub(crate) async fn page(
        &self,
        table: &Table,
        same: &[Value],
        behind: Option<&[Value]>,
        show: &mut (dyn FnMut(&dyn Row) + Send),
    ) -> Result<(), DatabaseError> {
        self.rows(table, same, behind, PAGE_ROWS, show).await
    }

    async fn rows(
        &self,
        table: &Table,
        same: &[Value],
        behind: Option<&[Value]>,
        rows_max: usize,
        show: &mut (dyn FnMut(&dyn Row) + Send),
    ) -> Result<(), DatabaseError> {
        if !self.is_there() {
            return Ok(());
        }
        let mut lent = self.lend().await?;
        let statement = table.page(lent.connection.dialect(), same, behind, rows_max);
        lent.connection.rows(self.inner.limits.statement, statement, show).await?;
        lent.give_back().await;
        Ok(())
    }

    /// Whether there is something that can be read.
    fn is_there(&self) -> bool {
        match &self.inner.url.target {
            Target::Sqlite(path) => self.inner.prepared.initialized() || path.exists(),
            Target::MySql(_) | Target::Postgres(_) => true,
        }
    }

    async fn lend(&self) -> Result<Lent<'_>, DatabaseError> {
        self.prepare().await?;
        self.inner.connections.lend().await
    }

    async fn prepare(&self) -> Result<(), DatabaseError> {
        let Some(lease) = &self.inner.lease else { return Ok(()) };
        self.inner.prepared.get_or_try_init(|| lease.begin()).await.map(drop)
    }
}
