use crate::connection::TURN;
use crate::core_state::CoreState;
use crate::limits::MESH_BATCH_MAX;
use crate::messages::{ListenerIndex, MeshRequest, MeshReturn};
use crate::serve::yield_core;
use core::ops::ControlFlow;
use engine::Now;
use futures_lite::future::poll_once;
use glommio::channels::shared_channel::ConnectedReceiver;
use std::rc::Rc;
use std::time::Instant;

/// Serves the messages of one ring until its other end is closed.
pub(crate) async fn serve_ring<M: MeshMessage>(core: Rc<CoreState>, ring: ConnectedReceiver<M>) {
    while let Some(first) = ring.recv().await {
        let mut turn = RingTurn::begin(&core);
        let mut step = first.serve(&mut turn);
        for _ in 1..MESH_BATCH_MAX {
            if step.is_break() {
                break;
            }
            let Some(Some(message)) = poll_once(ring.recv()).await else { break };
            step = message.serve(&mut turn);
        }
        turn.end();
        yield_core(&core).await;
    }
}

/// A message of a ring.
pub(crate) trait MeshMessage: Send + 'static {
    /// Serves the message in a turn of its ring, which ends early with `Break`.
    fn serve(self, turn: &mut RingTurn<'_>) -> ControlFlow<()>;
}

impl MeshMessage for MeshRequest {
    fn serve(self, turn: &mut RingTurn<'_>) -> ControlFlow<()> {
        match self {
            Self::Announce(message) => {
                turn.use_listener(message.reply_to.listener);
                turn.core.serve_announce(turn.now, &message);
            }
            Self::Scrape(message) => {
                turn.use_listener(message.reply_to.listener);
                turn.core.serve_scrape(message);
            }
            Self::Http(routed) => {
                turn.flush();
                if turn.core.serve_routed(routed) >= turn.began + TURN {
                    return ControlFlow::Break(());
                }
            }
        }
        ControlFlow::Continue(())
    }
}

impl MeshMessage for MeshReturn {
    fn serve(self, turn: &mut RingTurn<'_>) -> ControlFlow<()> {
        match self {
            Self::Scrape(message) => turn.core.mesh.borrow().return_scrape(message),
            Self::Http(routed) => {
                if turn.core.bring_back(routed) >= turn.began + TURN {
                    return ControlFlow::Break(());
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// A turn of a ring: at most [`MESH_BATCH_MAX`] messages. Replies of one listener are sent together.
pub(crate) struct RingTurn<'a> {
    core: &'a CoreState,
    now: Now,
    began: Instant,
    /// The listener of the replies that are not sent yet.
    listener: Option<ListenerIndex>,
}

impl<'a> RingTurn<'a> {
    fn begin(core: &'a CoreState) -> Self {
        let began = Instant::now();
        Self { core, now: core.clock.at(began), began, listener: None }
    }

    /// Sets the listener of the next reply. Sends the replies that wait at another one.
    fn use_listener(&mut self, listener: ListenerIndex) {
        match self.listener.replace(listener) {
            Some(before) if before != listener => self.core.flush(before),
            _ => {}
        }
    }

    /// Sends the replies that wait.
    fn flush(&mut self) {
        if let Some(listener) = self.listener.take() {
            self.core.flush(listener);
        }
    }

    fn end(mut self) {
        if self.listener.is_some() {
            self.flush();
        } else {
            self.core.note_turn_end(Instant::now());
        }
    }
}
