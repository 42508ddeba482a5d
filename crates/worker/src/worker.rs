use crate::clock::{Clock, processor_time};
use crate::connection::{self, HttpServer, HttpSetup};
use crate::control_queue::serve_control_queue;
use crate::core_state::{CoreParts, CoreState, Turn};
use crate::kernel_ring;
use crate::kernel_sampling::{KernelSampling, SampleWindows};
use crate::limits::{
    CONTROL_PAUSE_MS, DRAIN_MS_MAX, FILE_IO_BYTES, LAST_EVENTS_MS_MAX, LISTENERS_MAX, PREEMPT_MS,
};
use crate::mesh::{MeshEnd, MeshReceivers};
use crate::messages::{CoreTask, ListenerIndex, WorkerCommand, WorkerEvent};
use crate::readiness::{PollReadiness, Readiness};
use crate::ring::serve_ring;
use crate::serve::{serve_sockets, yield_core};
use crate::timer::{ControlEnds, run_timer};
use access::CoreEvent;
use crossbeam_channel::{Receiver, Sender, TryRecvError};
use engine::{EngineSettings, Secrets, Shard, UdpService};
use glommio::timer::sleep;
use glommio::{LocalExecutorBuilder, Placement, Task};
use primitives::{PublishedStatistics, ShardId};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use udp_socket::BatchSocket;

/// All that a worker is given; it asks for nothing later.
#[derive(Debug)]
pub struct WorkerSetup {
    /// The core that it is pinned to.
    pub core: usize,
    /// How it answers.
    pub engine: EngineSettings,
    /// Its keys.
    pub secrets: Secrets,
    /// Its sockets, one of each listener, in the same order on each core. At most [`LISTENERS_MAX`].
    pub sockets: Vec<BatchSocket>,
    /// Its HTTP listeners, and how their clients are served.
    pub http: HttpSetup,
    /// Datagrams of a batch.
    pub batch_datagrams: usize,
    /// How often the kernel's receive time stamps are sampled.
    pub kernel_sampling: KernelSampling,
    /// Its ends of the mesh.
    pub mesh: MeshEnd,
    /// The start of the time that all workers count from.
    pub start: Instant,
    /// Where it publishes its figures.
    pub published: Arc<PublishedStatistics>,
    /// Commands to it.
    pub commands: Receiver<WorkerCommand>,
    /// What the control plane wants done beside the requests.
    pub tasks: Receiver<CoreTask>,
    /// What there is to tell of keys and torrents. What finds the channel full is told later.
    pub core_events: Sender<CoreEvent>,
    /// Events from it: one at its start, and one to each command that asks for something. A full channel loses the
    /// event, never the worker's time.
    pub events: Sender<WorkerEvent>,
}

/// Why a worker did not start or ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The kernel forbids `io_uring`, or does not have it.
    #[error("io_uring is not available")]
    IoUringUnavailable(#[source] io::Error),
    /// The executor could not be made.
    #[error("the executor of core {core} could not start: {reason}")]
    Executor {
        /// The core.
        core: usize,
        /// glommio's words.
        reason: String,
    },
    /// The thread could not be made.
    #[error("a worker's thread could not be made")]
    Thread(#[source] io::Error),
    /// The worker panicked: a bug, of which the log holds the place.
    #[error("the worker of shard {0} panicked")]
    Panicked(ShardId),
    /// A socket could not be watched.
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
/// When the kernel does not give it `io_uring`, or its thread cannot be made. What goes wrong within the thread
/// comes with [`WorkerHandle::join`].
///
/// # Panics
/// When it is given more than [`LISTENERS_MAX`] sockets.
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
    /// Whether it has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// Why it ended, if nobody told it to.
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
    let shard = setup.engine.shard;
    let (settings, secrets) = (&setup.engine, &setup.secrets);
    let (senders, receivers) = setup.mesh.connect().await;
    let clock = Clock::since(setup.start);
    let http_server = HttpServer::new(shard, setup.http).map_err(WorkerError::Readiness)?;
    let core = Rc::new(CoreState::new(CoreParts {
        clock,
        shard: Shard::new(settings, secrets),
        udp: UdpService::new(settings, secrets),
        mesh: senders,
        sockets: setup.sockets,
        http_server,
        published: setup.published,
        batch_datagrams: setup.batch_datagrams,
    }));
    let rings = serve_rings(&core, receivers);
    let control_queue = glommio::spawn_local(serve_control_queue(Rc::clone(&core), setup.tasks));
    // The control plane waits for this event; if it is gone, so is the tracker.
    drop(setup.events.try_send(WorkerEvent::Ready(shard)));
    let control =
        ControlEnds { shard, commands: setup.commands, events: setup.events, core_events: setup.core_events };
    match wait_for_start(&core, &control).await {
        Opening::Serve => {
            let mut sockets = serve_datagrams(&core)?;
            sockets.extend(serve_connections(&core)?);
            run_timer(&core, &control, SampleWindows::new(setup.kernel_sampling)).await;
            control_queue.cancel().await;
            drain(&core, sockets).await;
        }
        // What has come to its sockets gets no answer: nobody has told the core who is served.
        Opening::Stop => {
            control_queue.cancel().await;
        }
    }
    stop(&core, rings).await;
    send_last_events(&core, &control);
    Ok(())
}

/// What comes after the wait for the control plane.
enum Opening {
    Serve,
    Stop,
}

/// Waits until the control plane has told the control queue who is served. What comes to the sockets meanwhile waits there.
async fn wait_for_start(core: &CoreState, control: &ControlEnds) -> Opening {
    loop {
        match control.commands.try_recv() {
            Ok(WorkerCommand::Serve) => return Opening::Serve,
            Ok(WorkerCommand::Stop) | Err(TryRecvError::Disconnected) => return Opening::Stop,
            Ok(WorkerCommand::UseIdentity(identity)) => core.http_server.borrow_mut().set_identity(identity),
            // There are no latencies yet.
            Ok(WorkerCommand::TakeLatency(_)) | Err(TryRecvError::Empty) => {
                sleep(Duration::from_millis(CONTROL_PAUSE_MS)).await;
            }
        }
    }
}

/// Tells all that has not been told yet. The core is not needed any more: it can wait for the control plane.
fn send_last_events(core: &CoreState, control: &ControlEnds) {
    let deadline = Instant::now() + Duration::from_millis(LAST_EVENTS_MS_MAX);
    while let Some(event) = core.shard.borrow_mut().take_event() {
        if control.core_events.send_deadline(event, deadline).is_err() {
            return;
        }
    }
}

/// The tasks of the mesh.
struct RingTasks {
    /// Requests of other cores' clients.
    requests: Vec<Task<()>>,
    /// Requests of this core's clients that come home.
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
    let wait = async move |core: &CoreState| connection::wait(core, &readiness).await;
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

/// Answers what has arrived at the sockets.
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
}

/// Answers what has arrived from the other cores, and ends.
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
