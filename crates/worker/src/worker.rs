use crate::clock::SystemClock;
use crate::error::WorkerError;
use crate::executor::{kernel_ring, run_on_core};
use crate::http_listener::HttpListener;
use crate::limits::DATAGRAM_BYTES_MAX;
use crate::sockets::{CoreSockets, Received, Replies};
use core_link::CoreEnd;
use core_loop::connection::HttpSetup;
use core_loop::{Core, CoreSetup, KernelFiltering, KernelSampling, Mesh};
use engine::{EngineSettings, REPLY_BYTES_MAX, Secrets};
use guard::CoreGuard;
use metrics::PublishedStatistics;
use primitives::ShardId;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use udp_socket::{BatchSocket, Path, ReceiveBatch, SendBatch};

/// Everything a worker needs at start-up.
#[derive(Debug)]
pub struct WorkerSetup {
    /// The core that its thread is pinned to.
    pub core: usize,
    pub engine: EngineSettings,
    pub secrets: Secrets,
    pub guard: CoreGuard,
    /// One for each UDP listener, in the same order on each core.
    pub sockets: Vec<BatchSocket>,
    /// One for each HTTP listener, in the same order on each core.
    pub http_listeners: Vec<HttpListener>,
    pub http: HttpSetup,
    pub batch_datagrams: usize,
    pub kernel_sampling: KernelSampling,
    pub kernel_filtering: KernelFiltering,
    /// How long datagrams may gather at high rates; zero if they are not to.
    pub coalesce: Duration,
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
    let shard = setup.engine.shard;
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
            engine: self.engine,
            secrets: self.secrets,
            guard: self.guard,
            sockets,
            received: Received(received),
            replies: Replies(replies),
            http: self.http,
            kernel_sampling: self.kernel_sampling,
            kernel_filtering: self.kernel_filtering,
            coalesce: self.coalesce,
            mesh: self.mesh,
            published: self.published,
            link: self.link,
        }))
    }
}
