use crate::connection::{Connection, FileMissing};
use crate::database::TimeLimits;
use crate::error::DatabaseError;
use crate::limits::CONNECTIONS_MAX;
use crate::url::Target;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// The few connections that read a database: those that lie idle, and the right to have one.
///
/// It stands in the place of sqlx's pool for two reasons. An error says why there is no connection, where a pool only
/// says that there was none in time. And a connection that failed is dropped on the spot, where a pool asks in a task
/// of its own, without bound, whether it still answers: before a server that hangs, all would be lent out soon.
#[derive(Debug)]
pub(crate) struct Connections {
    target: Target,
    limits: TimeLimits,
    idle: Mutex<Vec<Connection>>,
    permits: Semaphore,
}

/// A connection that is in use. Dropped, it ends, and the backend takes back what was not committed; what went well is
/// given back.
#[derive(Debug)]
pub(crate) struct Lent<'set> {
    pub connection: Connection,
    set: &'set Connections,
    _permit: SemaphorePermit<'set>,
}

impl Connections {
    pub(crate) fn new(target: Target, limits: TimeLimits) -> Self {
        Self { target, limits, idle: Mutex::default(), permits: Semaphore::new(CONNECTIONS_MAX) }
    }

    /// An idle connection that still answers, or a new one.
    pub(crate) async fn lend(&self) -> Result<Lent<'_>, DatabaseError> {
        let permit = self.permit().await?;
        let idle = self.idle().pop();
        if let Some(mut connection) = idle
            && connection.is_alive().await
        {
            return Ok(Lent { connection, set: self, _permit: permit });
        }
        // Its fellows have most likely gone with it.
        self.idle().clear();
        let connection = Connection::open(&self.target, FileMissing::Refuse, self.limits.connect).await?;
        Ok(Lent { connection, set: self, _permit: permit })
    }

    async fn permit(&self) -> Result<SemaphorePermit<'_>, DatabaseError> {
        let limit = self.limits.statement;
        match timeout(limit, self.permits.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(DatabaseError::Closed),
            Err(_) => Err(DatabaseError::TooSlow { what: "end what it is at", limit }),
        }
    }

    /// Ends all that lie idle, and lends no more.
    pub(crate) async fn close(&self) {
        self.permits.close();
        let idle = std::mem::take(&mut *self.idle());
        for connection in idle {
            connection.close().await;
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lent<'_> {
    /// Gives it back after all went well.
    pub(crate) async fn give_back(self) {
        let Self { connection, set, .. } = self;
        if set.permits.is_closed() {
            connection.close().await;
        } else {
            set.idle().push(connection);
        }
    }
}
