use primitives::ShardId;
use std::io;

/// Why a worker did not start or exited unexpectedly.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The kernel forbids `io_uring`, or does not have it.
    #[error("io_uring is not available")]
    IoUringUnavailable(#[source] io::Error),
    #[error("the executor of core {core} could not start: {reason}")]
    Executor {
        core: usize,
        /// glommio's error text.
        reason: String,
    },
    #[error("a worker's thread could not be created")]
    Thread(#[source] io::Error),
    /// A bug; the log contains the location.
    #[error("the worker of shard {0} panicked")]
    Panicked(ShardId),
    #[error("a socket could not be watched")]
    Readiness(#[source] io::Error),
}
