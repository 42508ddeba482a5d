use crate::core_state::{CoreState, Turn};
use crate::limits::{MESH_BATCH_MAX, REACTOR_TURN_MS, RECEIVE_RETRY_MS};
use crate::messages::{AnnounceMessage, ListenerIndex, ScrapeMessage};
use crate::reactor_turn::reactor_turn;
use crate::readiness::Readiness;
use engine::Now;
use futures_lite::future::poll_once;
use glommio::channels::shared_channel::ConnectedReceiver;
use glommio::timer::sleep;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Serves one socket until it is cancelled, which can happen between batches only.
pub(crate) async fn serve_socket(core: Rc<CoreState>, listener: ListenerIndex, readiness: Readiness) {
    loop {
        let is_ready = match core.serve_batch(listener) {
            Turn::Busy => {
                let_others_run(&core).await;
                continue;
            }
            Turn::Idle => readiness.wait().await.is_ok(),
            Turn::Failed => false,
        };
        if !is_ready {
            sleep(Duration::from_millis(RECEIVE_RETRY_MS)).await;
        }
    }
}

/// What a task does after each batch: it goes to the end of the queue, so that the core's other sockets and rings
/// have their turn. When the reactor's turn has come, it waits for the reactor instead: so do the other busy tasks,
/// the queue runs empty, and the reactor looks at everything else that the core waits for.
pub(crate) async fn let_others_run(core: &CoreState) {
    if core.flushed.get() < core.reactor_due.get() {
        glommio::executor().yield_now().await;
        return;
    }
    reactor_turn().await;
    core.reactor_due.set(Instant::now() + Duration::from_millis(REACTOR_TURN_MS));
}

/// A request that came over the mesh.
pub(crate) trait MeshMessage: Send + 'static {
    /// The listener whose socket answers.
    fn listener(&self) -> ListenerIndex;

    /// Has it answered; the reply may wait to be sent.
    fn serve(self, now: Now, core: &CoreState);
}

impl MeshMessage for AnnounceMessage {
    fn listener(&self) -> ListenerIndex {
        self.reply_to.listener
    }

    fn serve(self, now: Now, core: &CoreState) {
        core.serve_announce(now, &self);
    }
}

impl MeshMessage for ScrapeMessage {
    fn listener(&self) -> ListenerIndex {
        self.reply_to.listener
    }

    fn serve(self, _now: Now, core: &CoreState) {
        core.serve_scrape(self);
    }
}

/// Answers what comes over one ring until its other end is closed.
pub(crate) async fn serve_ring<M: MeshMessage>(core: Rc<CoreState>, ring: ConnectedReceiver<M>) {
    while let Some(first) = ring.recv().await {
        serve_run(&core, first, &ring).await;
        let_others_run(&core).await;
    }
}

/// Answers `first` and what lies behind it in the ring, up to a batch, and sends the replies of each listener
/// together. Nothing else of the core runs in between.
async fn serve_run<M: MeshMessage>(core: &CoreState, first: M, ring: &ConnectedReceiver<M>) {
    let now = core.clock.now();
    let mut listener = first.listener();
    first.serve(now, core);
    for _ in 1..MESH_BATCH_MAX {
        let Some(Some(message)) = poll_once(ring.recv()).await else { break };
        if message.listener() != listener {
            core.flush(listener);
            listener = message.listener();
        }
        message.serve(now, core);
    }
    core.flush(listener);
}
