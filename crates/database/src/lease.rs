//! The right to use a database, which one tracker has at a time. Each tracker writes absolute values, so two would
//! overwrite each other's.
//!
//! The right lasts as long as a lock that vanishes with its holder: for SQLite the lock of a file beside the database,
//! for a server a lock of the session that writes. As a transaction belongs to its session, nothing can be written
//! without the lock. Each holder leaves a token in the table `holder`. A tracker that loses its session, obtains the
//! lock again and finds another token there has been overtaken: its data is older than the stored data.

use crate::connection::{Connection, Dialect, Row, Statement, Value};
use crate::database::TimeLimits;
use crate::error::DatabaseError;
use crate::limits::{LEASE_POLL, LEASE_WAIT_MAX};
use crate::statements::{Merge, Table};
use crate::url::{DatabaseUrl, Target};
use std::fs::{File, OpenOptions, TryLockError};
use std::hash::{BuildHasher, RandomState};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, sleep};

/// The connection that writes, and the lock that comes with it.
#[derive(Debug)]
pub(crate) struct Lease {
    url: DatabaseUrl,
    limits: TimeLimits,
    us: Holder,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// `None` before the first write and after a failure.
    connection: Option<Connection>,
    /// The locked file beside a SQLite database.
    lock_file: Option<File>,
    right: Right,
}

#[derive(Debug, Clone)]
enum Right {
    /// No other tracker is known to have had it since this one.
    Ours,
    /// Given up for a while, to the process that takes over.
    Released,
    /// To be taken again from the process that was to take over, and has ended.
    Returned,
    /// Lost permanently to the tracker with this name.
    Lost(String),
    /// Given up at the stop.
    Closed,
}

#[derive(Debug)]
struct Holder {
    name: String,
    token: i64,
}

/// The connection that writes, in use. When dropped, it is closed, and the backend rolls back uncommitted changes.
#[derive(Debug)]
pub(crate) struct Writer<'lease> {
    pub connection: Connection,
    state: MutexGuard<'lease, State>,
}

/// Whether the right is obtained for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    First,
    Again,
}

const HOLDER: Table = Table { name: "holder", key: &["id"], rest: &["name", "token"], merge: Merge::Newest };

/// The lock's name is global to the server, so it contains a hash of the database's name.
const MYSQL_LOCK: &str = "SELECT CAST(GET_LOCK(CONCAT('ringtrack ', MD5(DATABASE())), 0) AS SIGNED)";

/// The lock's numbers are local to the database. They depend on the schema, since each may be another tracker's.
const POSTGRES_LOCK: &str = "SELECT CASE WHEN pg_try_advisory_lock(hashtext('ringtrack'), hashtext(current_schema())) \
                             THEN 1::BIGINT ELSE 0::BIGINT END";

impl Lease {
    pub(crate) fn new(url: DatabaseUrl, limits: TimeLimits) -> Self {
        let state = State { connection: None, lock_file: None, right: Right::Ours };
        Self { url, limits, us: Holder::this_process(), state: Mutex::new(state) }
    }

    /// Obtains the right for the first time, and brings the schema up to date.
    pub(crate) async fn begin(&self) -> Result<(), DatabaseError> {
        let mut state = self.state.lock().await;
        let connection = self.claim(&mut state, Claim::First).await?;
        state.connection = Some(connection);
        Ok(())
    }

    /// Makes sure that this tracker still has the right.
    pub(crate) async fn hold(&self) -> Result<(), DatabaseError> {
        let mut state = self.state.lock().await;
        if let Some(mut connection) = state.connection.take()
            && connection.is_alive().await
        {
            state.connection = Some(connection);
            return Ok(());
        }
        let connection = self.claim(&mut state, Claim::Again).await?;
        state.connection = Some(connection);
        Ok(())
    }

    /// Returns the connection that writes: the one returned after its last use, or a new one.
    pub(crate) async fn writer(&self) -> Result<Writer<'_>, DatabaseError> {
        let mut state = self.state.lock().await;
        let connection = match state.connection.take() {
            Some(connection) => connection,
            None => self.claim(&mut state, Claim::Again).await?,
        };
        Ok(Writer { connection, state })
    }

    /// Gives up the right permanently.
    pub(crate) async fn close(&self) {
        self.give_up(Right::Closed).await;
    }

    /// Gives up the right until [`Self::take_back`].
    pub(crate) async fn release(&self) {
        self.give_up(Right::Released).await;
    }

    /// Allows the right to be obtained again at the next use, whoever had it meanwhile.
    pub(crate) async fn take_back(&self) {
        let mut state = self.state.lock().await;
        if matches!(state.right, Right::Released) {
            state.right = Right::Returned;
        }
    }

    async fn give_up(&self, right: Right) {
        let mut state = self.state.lock().await;
        // What is lost or closed stays so.
        if matches!(state.right, Right::Ours | Right::Returned | Right::Released) {
            state.right = right;
        }
        if let Some(connection) = state.connection.take() {
            connection.close().await;
        }
        state.lock_file = None;
    }

    async fn claim(&self, state: &mut State, claim: Claim) -> Result<Connection, DatabaseError> {
        match &state.right {
            Right::Ours | Right::Returned => {}
            Right::Released => return Err(DatabaseError::Released),
            Right::Lost(holder) => return Err(DatabaseError::Overtaken { holder: holder.clone() }),
            Right::Closed => return Err(DatabaseError::Closed),
        }
        if let (Claim::First, Target::Sqlite(path)) = (claim, &self.url.target) {
            make_database_file(path)?;
        }
        let mut connection = Connection::open(&self.url, self.limits.connect).await?;
        self.lock(&mut connection, &mut state.lock_file).await?;
        match (claim, &state.right) {
            (Claim::First, _) => {
                connection.migrate().await?;
                self.sign(&mut connection).await?;
            }
            // The process that has ended may have left its token.
            (Claim::Again, Right::Returned) => self.sign(&mut connection).await?,
            (Claim::Again, _) => self.make_sure_of_us(&mut connection, &mut state.right).await?,
        }
        if matches!(state.right, Right::Returned) {
            state.right = Right::Ours;
        }
        Ok(connection)
    }

    /// Waits briefly for the lock: a server may not have noticed yet that its holder has exited.
    async fn lock(
        &self,
        connection: &mut Connection,
        lock_file: &mut Option<File>,
    ) -> Result<(), DatabaseError> {
        if let Some(settings) = session_settings(connection.dialect()) {
            connection.command(settings, self.limits.statement).await?;
        }
        let deadline = Instant::now() + LEASE_WAIT_MAX;
        while !self.try_lock(connection, lock_file).await? {
            if Instant::now() >= deadline {
                return Err(self.locked_out(connection).await);
            }
            sleep(LEASE_POLL).await;
        }
        Ok(())
    }

    async fn try_lock(
        &self,
        connection: &mut Connection,
        lock_file: &mut Option<File>,
    ) -> Result<bool, DatabaseError> {
        match &self.url.target {
            Target::Sqlite(path) => {
                if lock_file.is_none() {
                    *lock_file = try_lock_file(&lock_path(path))?;
                }
                Ok(lock_file.is_some())
            }
            Target::MySql(_) => self.try_lock_session(connection, MYSQL_LOCK).await,
            Target::Postgres(_) => self.try_lock_session(connection, POSTGRES_LOCK).await,
        }
    }

    async fn try_lock_session(&self, connection: &mut Connection, text: &str) -> Result<bool, DatabaseError> {
        let statement = Statement { text: text.to_owned(), values: Vec::new(), is_kept: false };
        let mut is_locked = false;
        let mut show = |row: &dyn Row| is_locked = row.number(0) == Some(1);
        connection.rows(self.limits.statement, statement, &mut show).await?;
        Ok(is_locked)
    }

    /// Returns the reason why the lock cannot be obtained.
    async fn locked_out(&self, connection: &mut Connection) -> DatabaseError {
        match self.holder(connection).await {
            Ok(Some(holder)) if holder.token == self.us.token => DatabaseError::SessionRemains,
            Ok(Some(holder)) => DatabaseError::Held { holder: holder.name },
            // The holder has not stored its token yet.
            Ok(None) | Err(_) => DatabaseError::Held { holder: "which is just starting".to_owned() },
        }
    }

    /// Stores this tracker's token.
    async fn sign(&self, connection: &mut Connection) -> Result<(), DatabaseError> {
        let Holder { name, token } = &self.us;
        let row = vec![Value::Number(Some(1)), Value::Text(name.clone()), Value::Number(Some(*token))];
        for statement in HOLDER.puts(connection.dialect(), vec![row]) {
            connection.execute(self.limits.statement, statement).await?;
        }
        Ok(())
    }

    async fn make_sure_of_us(
        &self,
        connection: &mut Connection,
        right: &mut Right,
    ) -> Result<(), DatabaseError> {
        match self.holder(connection).await? {
            Some(holder) if holder.token != self.us.token => {
                let holder = holder.name;
                tracing::error!(
                    holder,
                    "another tracker has taken the database over: this one no longer writes to it; stop one of them, \
                     give each a database of its own, and restart this one"
                );
                *right = Right::Lost(holder.clone());
                Err(DatabaseError::Overtaken { holder })
            }
            _ => Ok(()),
        }
    }

    async fn holder(&self, connection: &mut Connection) -> Result<Option<Holder>, DatabaseError> {
        let statement = HOLDER.page(connection.dialect(), &[], None, 1);
        let mut holder = None;
        let mut show = |row: &dyn Row| {
            holder = row.text(1).zip(row.number(2)).map(|(name, token)| Holder { name, token });
        };
        connection.rows(self.limits.statement, statement, &mut show).await?;
        Ok(holder)
    }
}

impl Writer<'_> {
    /// Returns the connection after success.
    pub(crate) fn give_back(self) {
        let Self { connection, mut state } = self;
        state.connection = Some(connection);
    }
}

impl Holder {
    fn this_process() -> Self {
        let (host, id) = (rustix::system::uname(), std::process::id());
        let name = format!("process {id} on {}", host.nodename().to_string_lossy());
        Self { name, token: RandomState::new().hash_one(id).cast_signed() }
    }
}

/// Returns settings that make a server end the session of a vanished client, and with it the lock, within a minute.
const fn session_settings(dialect: Dialect) -> Option<&'static str> {
    match dialect {
        Dialect::Sqlite => None,
        Dialect::MySql => Some("SET SESSION wait_timeout = 60"),
        Dialect::Postgres => Some(
            "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 4",
        ),
    }
}

fn lock_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-lock");
    name.into()
}

/// Locks the file, unless another process has locked it. The file is never removed: if one that another process is
/// about to lock were removed, two processes could have the lock.
fn try_lock_file(path: &Path) -> Result<Option<File>, DatabaseError> {
    let file = open_for_owner(OpenOptions::new().create(true), path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(DatabaseError::File { path: path.to_owned(), source }),
    }
}

/// Creates the empty file of a database, if there is none, readable by its owner only. SQLite itself would follow the
/// umask; it gives the files beside the database the permissions of this one.
fn make_database_file(path: &Path) -> Result<(), DatabaseError> {
    if path.is_dir() {
        let source = Error::from(ErrorKind::IsADirectory);
        return Err(DatabaseError::File { path: path.to_owned(), source });
    }
    // Closing a file releases the locks that SQLite has on it in this process, so it is opened only if it is new.
    match open_for_owner(OpenOptions::new().create_new(true), path) {
        Err(DatabaseError::File { source, .. }) if source.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
}

/// Opens a file for writing. If it is new, only its owner can read it.
fn open_for_owner(options: &mut OpenOptions, path: &Path) -> Result<File, DatabaseError> {
    let file = options.write(true).mode(0o600).open(path);
    file.map_err(|source| DatabaseError::File { path: path.to_owned(), source })
}
