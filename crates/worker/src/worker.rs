use crate::clock::SystemClock;
use crate::error::WorkerError;
use crate::executor::{kernel_ring, run_on_core};
use crate::http_listener::HttpListener;
use crate::limits::DATAGRAM_BYTES_MAX;
use crate::sockets::{CoreSockets, Received, Replies};
use core_link::{CoreEnd, CoreSettings};
use core_loop::{Core, CoreSetup, Mesh};
use engine::{REPLY_BYTES_MAX, Secrets};
use guard::Guard;
use metrics::PublishedStatistics;
use primitives::ShardId;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;
use tls::ServerIdentity;
use udp_socket::{BatchSocket, Path, ReceiveBatch, SendBatch};

/// Everything a worker needs at start-up.
#[derive(Debug)]
pub struct WorkerSetup {
    /// The core that its thread is pinned to.
    pub core: usize,
    pub settings: CoreSettings,
    pub secrets: Secrets,
    /// Shared by all cores.
    pub guard: Arc<Guard>,
    /// One for each UDP listener, in the same order on each core.
    pub sockets: Vec<BatchSocket>,
    /// One for each HTTP listener, in the same order on each core.
    pub http_listeners: Vec<HttpListener>,
    /// Certificate and key for the HTTP listeners with TLS.
    pub identity: Option<Arc<ServerIdentity>>,
    pub batch_datagrams: usize,
    pub mesh: Mesh<Path>,
    /// The instant from which all workers count time.
    pub start: Instant,
    pub published: Arc<PublishedStatistics>,
    pub link: CoreEnd,
}

/// A running worker.
#[derive(Debug)]
pub struct WorkerHandle {
    shard: ShardId,
    thread: JoinHandle<Result<(), WorkerError>>,
}

/// Starts a worker on its core.
///
/// # Errors
/// When the kernel refuses `io_uring`, or the thread cannot be created. Errors within the thread are returned by
/// [`WorkerHandle::join`].
pub fn start_worker(setup: WorkerSetup) -> Result<WorkerHandle, WorkerError> {
    let shard = setup.settings.engine.shard;
    kernel_ring::check().map_err(WorkerError::IoUringUnavailable)?;
    let thread = std::thread::Builder::new()
        .name(format!("worker-{shard}"))
        .spawn(move || run_on_core(setup.core, || setup.into_core()))
        .map_err(WorkerError::Thread)?;
    Ok(WorkerHandle { shard, thread })
}

impl WorkerHandle {
    /// Returns whether the worker has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for the worker to end.
    ///
    /// # Errors
    /// Why the worker exited unexpectedly.
    pub fn join(self) -> Result<(), WorkerError> {
        self.thread.join().unwrap_or(Err(WorkerError::Panicked(self.shard)))
    }
}

impl WorkerSetup {
    /// Returns the core over these sockets, which wakes it when it is notified.
    fn into_core(self) -> io::Result<Core<CoreSockets>> {
        let received = ReceiveBatch::new(self.batch_datagrams, DATAGRAM_BYTES_MAX);
        let replies = SendBatch::new(received.capacity(), REPLY_BYTES_MAX);
        let sockets = CoreSockets::new(self.sockets, self.http_listeners)?;
        self.link.notify().set_waker(sockets.wake_up().into());
        Ok(Core::new(CoreSetup {
            clock: Box::new(SystemClock { start: self.start }),
            settings: self.settings,
            secrets: self.secrets,
            guard: self.guard,
            sockets,
            received: Received(received),
            replies: Replies(replies),
            identity: self.identity,
            mesh: self.mesh,
            published: self.published,
            link: self.link,
        }))
    }
}
