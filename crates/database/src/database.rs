use crate::batch::WriteBatch;
use crate::connection::{Row, Value};
use crate::error::DatabaseError;
use crate::idle::Connections;
use crate::lease::Lease;
use crate::limits::{CONNECT_S_MAX, STATEMENT_S_MAX, TOTALS_MAX};
use crate::pages::{BAN, COMPLETED, DELETED_KEY, KEY, LIST_ENTRY, Pages, total};
use crate::records::{DeletedKey, StoredBan, StoredKey, StoredTotal};
use crate::statements::Table;
use crate::store::{TOTALS, list_number, store};
use crate::url::{DatabaseUrl, Target};
use primitives::{InfoHash, TorrentList};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;

/// The tracker's database, in one of the backends. Clones share it. From its first use on, no other tracker can use it.
#[derive(Debug, Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    url: DatabaseUrl,
    limits: TimeLimits,
    connections: Connections,
    /// The right to write; `None` if the database is only read.
    lease: Option<Lease>,
    /// Set once the right to write was obtained and the schema is up to date.
    prepared: OnceCell<()>,
}

/// When a missing SQLite file is created. Databases of servers must exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    /// When it is opened.
    Now,
    /// When something is stored, so that a tracker with nothing to store creates no file.
    WhenWritten,
}

/// The time limits of database operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeLimits {
    pub connect: Duration,
    pub statement: Duration,
}

impl Default for TimeLimits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(CONNECT_S_MAX), statement: Duration::from_secs(STATEMENT_S_MAX) }
    }
}

#[expect(clippy::missing_errors_doc, reason = "DatabaseError describes the errors of all methods")]
impl Database {
    /// Connects, locks out other trackers and brings the schema up to date. A missing file is created here only with
    /// [`Creation::Now`].
    pub async fn open(url: &DatabaseUrl, creation: Creation) -> Result<Self, DatabaseError> {
        Self::open_within(url, creation, TimeLimits::default()).await
    }

    /// Returns a database that connects at its first use, for one that cannot be reached yet.
    pub fn unopened(url: &DatabaseUrl) -> Self {
        let limits = TimeLimits::default();
        Self::new(url, limits, Some(Lease::new(url.clone(), limits)))
    }

    /// Returns a database that is only read, even while another tracker uses it. Its schema must be up to date.
    pub fn reader(url: &DatabaseUrl) -> Self {
        Self::new(url, TimeLimits::default(), None)
    }

    /// Like [`Self::open`], with time limits other than the defaults.
    pub async fn open_within(
        url: &DatabaseUrl,
        creation: Creation,
        limits: TimeLimits,
    ) -> Result<Self, DatabaseError> {
        let database = Self::new(url, limits, Some(Lease::new(url.clone(), limits)));
        let is_used = creation == Creation::Now || database.is_there();
        if is_used && let Err(error) = database.prepare().await {
            // Connections that are dropped end later, and have the file open until then.
            database.close().await;
            return Err(error);
        }
        Ok(database)
    }

    fn new(url: &DatabaseUrl, limits: TimeLimits, lease: Option<Lease>) -> Self {
        let connections = Connections::new(url.clone(), limits);
        let inner = Inner { url: url.clone(), limits, connections, lease, prepared: OnceCell::new() };
        Self { inner: Arc::new(inner) }
    }

    /// Returns the location of the database.
    pub fn url(&self) -> &DatabaseUrl {
        &self.inner.url
    }

    /// Loads the torrents on a list.
    pub fn load_list(&self, list: TorrentList) -> Pages<InfoHash> {
        Pages::new(self.clone(), LIST_ENTRY, vec![list_number(list)])
    }

    /// Loads the counts of completed events.
    pub fn load_completed(&self) -> Pages<(InfoHash, u64)> {
        Pages::new(self.clone(), COMPLETED, vec![])
    }

    /// Loads the keys with their accounts.
    pub fn load_keys(&self) -> Pages<StoredKey> {
        Pages::new(self.clone(), KEY, vec![])
    }

    /// Loads the deleted keys.
    pub fn load_deleted_keys(&self) -> Pages<DeletedKey> {
        Pages::new(self.clone(), DELETED_KEY, vec![])
    }

    /// Loads the bans.
    pub fn load_bans(&self) -> Pages<StoredBan> {
        Pages::new(self.clone(), BAN, vec![])
    }

    /// Loads the totals, in the order of their names.
    pub async fn load_totals(&self) -> Result<Vec<StoredTotal>, DatabaseError> {
        let mut totals = Vec::new();
        self.page(&TOTALS, &[], None, TOTALS_MAX, &mut |row| totals.extend(total(row))).await?;
        Ok(totals)
    }

    /// Stores the whole batch in one transaction, or nothing. A batch may be stored again.
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

    /// Makes sure that no other tracker uses the database. Returns false if this one has not begun to use it either.
    pub(crate) async fn hold(&self) -> Result<bool, DatabaseError> {
        match &self.inner.lease {
            Some(lease) if self.inner.prepared.initialized() => lease.hold().await.map(|()| true),
            _ => Ok(false),
        }
    }

    /// Gives up the right to write until [`Self::take_back`]. Meanwhile the database can be read.
    pub(crate) async fn release(&self) {
        if let Some(lease) = &self.inner.lease {
            lease.release().await;
        }
    }

    /// Takes the right to write again from the process that was to take over, and has ended: at the next use.
    pub(crate) async fn take_back(&self) {
        if let Some(lease) = &self.inner.lease {
            lease.take_back().await;
        }
    }

    /// Closes all connections and gives up the right to write. The database cannot be used afterwards.
    pub async fn close(&self) {
        self.inner.connections.close().await;
        if let Some(lease) = &self.inner.lease {
            lease.close().await;
        }
    }

    /// Passes a page of rows to `show`: see [`Table::page`].
    pub(crate) async fn page(
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
        self.prepare().await?;
        let mut lent = self.inner.connections.lend().await?;
        let statement = table.page(lent.connection.dialect(), same, behind, rows_max);
        lent.connection.rows(self.inner.limits.statement, statement, show).await?;
        lent.give_back().await;
        Ok(())
    }

    /// Returns whether there is anything to read.
    fn is_there(&self) -> bool {
        match &self.inner.url.target {
            Target::Sqlite(path) => self.inner.prepared.initialized() || path.exists(),
            Target::MySql(_) | Target::Postgres(_) => true,
        }
    }

    async fn prepare(&self) -> Result<(), DatabaseError> {
        let Some(lease) = &self.inner.lease else { return Ok(()) };
        self.inner.prepared.get_or_try_init(|| lease.begin()).await.map(drop)
    }
}
