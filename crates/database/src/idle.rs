use crate::connection::Connection;
use crate::database::TimeLimits;
use crate::error::DatabaseError;
use crate::limits::CONNECTIONS_MAX;
use crate::url::DatabaseUrl;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// A pool of the few connections that read a database.
///
/// It replaces sqlx's pool for two reasons. Its errors state why there is no connection, whereas sqlx's pool reports
/// only that there was none in time. And it drops a failed connection at once, whereas sqlx's pool checks in a separate
/// task, without a time limit, whether it still answers: with a server that hangs, all connections would soon be lent.
#[derive(Debug)]
pub(crate) struct Connections {
    url: DatabaseUrl,
    limits: TimeLimits,
    idle: Mutex<Vec<Connection>>,
    permits: Semaphore,
}

/// A connection in use. When dropped, it is closed, and the backend rolls back uncommitted changes; after success it is
/// returned to the pool.
#[derive(Debug)]
pub(crate) struct Lent<'set> {
    pub connection: Connection,
    set: &'set Connections,
    _permit: SemaphorePermit<'set>,
}

impl Connections {
    pub(crate) fn new(url: DatabaseUrl, limits: TimeLimits) -> Self {
        Self { url, limits, idle: Mutex::default(), permits: Semaphore::new(CONNECTIONS_MAX) }
    }

    /// Returns an idle connection that still answers, or a new one.
    pub(crate) async fn lend(&self) -> Result<Lent<'_>, DatabaseError> {
        let permit = self.permit().await?;
        let idle = self.idle().pop();
        if let Some(mut connection) = idle
            && connection.is_alive().await
        {
            return Ok(Lent { connection, set: self, _permit: permit });
        }
        // If this one is broken, the other idle connections most likely are, too.
        self.idle().clear();
        let connection = Connection::open(&self.url, self.limits.connect).await?;
        Ok(Lent { connection, set: self, _permit: permit })
    }

    async fn permit(&self) -> Result<SemaphorePermit<'_>, DatabaseError> {
        let limit = self.limits.statement;
        match timeout(limit, self.permits.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(DatabaseError::Closed),
            Err(_) => Err(DatabaseError::TooSlow { what: "finish its running statements", limit }),
        }
    }

    /// Closes the idle connections, and lends no more.
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
    /// Returns the connection to the pool after success.
    pub(crate) async fn give_back(self) {
        let Self { connection, set, .. } = self;
        if set.permits.is_closed() {
            connection.close().await;
        } else {
            set.idle().push(connection);
        }
    }
}
