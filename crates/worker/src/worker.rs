use crate::clock::{Clock, processor_time};
use crate::connection::{self, HttpServer, HttpSetup};
use crate::control_queue::serve_control_queue;
use crate::core_state::{CoreParts, CoreState};
use crate::kernel_ring;
use crate::kernel_sampling::{KernelSampling, SampleWindows};
use crate::limits::{
    CONTROL_PAUSE_MS, DRAIN_MS_MAX, FILE_IO_BYTES, LAST_EVENTS_MS_MAX, LISTENERS_MAX, PREEMPT_MS,
};
use crate::mesh::{MeshEnd, MeshReceivers};
use crate::messages::ListenerIndex;
use crate::readiness::{PollReadiness, Readiness};
use crate::ring::serve_ring;
use crate::serve::{serve_sockets, yield_core};
use crate::timer::run_timer;
use crate::turn::Turn;
use core_link::{CoreCommand, CoreEnd};
use engine::{EngineSettings, Secrets, Shard, UdpService};
use glommio::timer::sleep;
use glommio::{LocalExecutorBuilder, Placement, Task};
use metrics::PublishedStatistics;
use primitives::ShardId;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use udp_socket::BatchSocket;

/// Everything a worker needs at start-up.
#[derive(Debug)]
pub struct WorkerSetup {
    /// The core that its thread is pinned to.
    pub core: usize,
    pub engine: EngineSettings,
    pub secrets: Secrets,
    /// One for each UDP listener, in the same order on each core. At most [`LISTENERS_MAX`].
    pub sockets: Vec<BatchSocket>,
    pub http: HttpSetup,
    pub batch_datagrams: usize,
    pub kernel_sampling: KernelSampling,
    pub mesh: MeshEnd,
    /// The instant from which all workers count time.
    pub start: Instant,
    pub published: Arc<PublishedStatistics>,
    pub link: CoreEnd,
}

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
///
/// # Panics
/// When there are more than [`LISTENERS_MAX`] sockets.
pub fn start_worker(setup: WorkerSetup) -> Result<WorkerHandle, WorkerError> {
    assert!(setup.sockets.len() <= LISTENERS_MAX, "a listener's number is a byte");
    let shard = setup.engine.shard;
    kernel_ring::check().map_err(WorkerError::IoUringUnavailable)?;
    let thread = std::thread::Builder::new()
        .name(format!("worker-{shard}"))
        .spawn(move || run_on_core(setup))
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

fn run_on_core(setup: WorkerSetup) -> Result<(), WorkerError> {
    let core = setup.core;
    LocalExecutorBuilder::new(Placement::Fixed(core))
        .io_memory(FILE_IO_BYTES)
        .preempt_timer(Duration::from_millis(PREEMPT_MS))
        .make()
        .map_err(|error| WorkerError::Executor { core, reason: error.to_string() })?
        .run(run(setup))
}

async fn run(setup: WorkerSetup) -> Result<(), WorkerError> {
    let (settings, secrets) = (&setup.engine, &setup.secrets);
    let (senders, receivers) = setup.mesh.connect().await;
    let clock = Clock::since(setup.start);
    let http_server = HttpServer::new(settings.shard, setup.http).map_err(WorkerError::Readiness)?;
    let core = Rc::new(CoreState::new(CoreParts {
        clock,
        shard: Shard::new(settings, secrets),
        udp: UdpService::new(settings, secrets),
        mesh: senders,
        sockets: setup.sockets,
        http_server,
        published: setup.published,
        link: setup.link,
        batch_datagrams: setup.batch_datagrams,
    }));
    let rings = serve_rings(&core, receivers);
    let control_queue = glommio::spawn_local(serve_control_queue(Rc::clone(&core)));
    core.link.report_ready();
    serve(&core, setup.kernel_sampling, control_queue).await?;
    stop(&core, rings).await;
    send_last_events(&core);
    Ok(())
}

/// Serves from the command to serve to the command to stop.
async fn serve(
    core: &Rc<CoreState>,
    sampling: KernelSampling,
    control_queue: Task<()>,
) -> Result<(), WorkerError> {
    match wait_for_start(core).await {
        Opening::Serve => {
            let mut sockets = serve_datagrams(core)?;
            sockets.extend(serve_connections(core)?);
            run_timer(core, SampleWindows::new(sampling)).await;
            control_queue.cancel().await;
            drain(core, sockets).await;
        }
        // Requests in the sockets are not answered, because the core does not have the lists and keys.
        Opening::Stop => {
            control_queue.cancel().await;
        }
    }
    Ok(())
}

/// The result of the wait for the control plane.
enum Opening {
    Serve,
    Stop,
}

/// Waits until the control plane has sent the lists, keys and bans. Requests that arrive meanwhile wait in the sockets.
async fn wait_for_start(core: &CoreState) -> Opening {
    loop {
        match core.link.next_command() {
            Some(CoreCommand::Serve) => return Opening::Serve,
            Some(CoreCommand::Stop) => return Opening::Stop,
            Some(CoreCommand::UseIdentity(identity)) => core.http_server.borrow_mut().set_identity(identity),
            // There are no latencies yet.
            Some(CoreCommand::TakeLatency(..)) | None => {
                sleep(Duration::from_millis(CONTROL_PAUSE_MS)).await;
            }
        }
    }
}

/// Sends all remaining events. The core has nothing else to do, so it can wait for the control plane.
fn send_last_events(core: &CoreState) {
    let deadline = Instant::now() + Duration::from_millis(LAST_EVENTS_MS_MAX);
    while let Some(event) = core.shard.borrow_mut().take_event() {
        if !core.link.report_before(deadline, event) {
            return;
        }
    }
}

/// The tasks of the mesh.
struct RingTasks {
    /// Requests of other cores' clients.
    requests: Vec<Task<()>>,
    /// Requests of this core's clients that come back.
    returns: Vec<Task<()>>,
}

fn serve_rings(core: &Rc<CoreState>, receivers: MeshReceivers) -> RingTasks {
    let MeshReceivers { requests, returns } = receivers;
    RingTasks {
        requests: requests
            .into_iter()
            .map(|ring| glommio::spawn_local(serve_ring(Rc::clone(core), ring)))
            .collect(),
        returns: returns
            .into_iter()
            .map(|ring| glommio::spawn_local(serve_ring(Rc::clone(core), ring)))
            .collect(),
    }
}

fn serve_connections(core: &Rc<CoreState>) -> Result<Option<Task<()>>, WorkerError> {
    if core.http_server.borrow().is_closed() {
        return Ok(None);
    }
    let descriptor = core.http_server.borrow().descriptor().map_err(WorkerError::Readiness)?;
    let readiness = PollReadiness::of(descriptor);
    let wait = async move |core: &CoreState| connection::wait(&core.http_server, &readiness).await;
    Ok(Some(glommio::spawn_local(serve_sockets(Rc::clone(core), CoreState::serve_connections, wait))))
}

fn listeners(core: &CoreState) -> impl Iterator<Item = ListenerIndex> {
    let count = u8::try_from(core.sockets.len()).expect("LISTENERS_MAX is checked at start");
    (0..count).map(ListenerIndex)
}

fn serve_datagrams(core: &Rc<CoreState>) -> Result<Vec<Task<()>>, WorkerError> {
    listeners(core)
        .map(|listener| {
            let readiness = Readiness::of(&core.sockets[listener.get()]).map_err(WorkerError::Readiness)?;
            let take_turn = move |core: &CoreState| core.serve_batch(listener);
            let wait = async move |_: &CoreState| readiness.wait().await;
            Ok(glommio::spawn_local(serve_sockets(Rc::clone(core), take_turn, wait)))
        })
        .collect()
}

/// Answers the requests that have arrived at the sockets.
async fn drain(core: &CoreState, sockets: Vec<Task<()>>) {
    for socket in sockets {
        socket.cancel().await;
    }
    core.http_server.borrow_mut().close(&mut core.shard.borrow_mut());
    let end = processor_time() + Duration::from_millis(DRAIN_MS_MAX);
    for listener in listeners(core) {
        while core.serve_batch(listener) == Turn::Busy && processor_time() < end {
            // The rings drain too.
            yield_core(core).await;
        }
    }
    while core.mesh.borrow().has_waiting() && processor_time() < end {
        core.mesh.borrow().send_waiting();
        core.note_turn_end(Instant::now());
        yield_core(core).await;
    }
}

/// Answers the requests that have arrived from the other cores, and closes all connections.
async fn stop(core: &CoreState, rings: RingTasks) {
    core.mesh.borrow().close_requests();
    for ring in rings.requests {
        ring.await;
    }
    core.mesh.borrow_mut().close();
    for ring in rings.returns {
        ring.await;
    }
    core.http_server.borrow_mut().close_all(&mut core.shard.borrow_mut());
    core.publish();
}
