use super::http_server::CoreContext;
use super::limits::TURN;
use crate::core_state::CoreState;
use crate::limits::MESH_BATCH_MAX;
use crate::udp_loop::let_others_run;
use engine::RoutedRequest;
use futures_lite::future::poll_once;
use glommio::channels::shared_channel::ConnectedReceiver;
use std::rc::Rc;
use std::time::Instant;

/// Does this core's part of the routed requests that come over one ring, until its other end is closed.
pub(crate) async fn serve_routed_ring(core: Rc<CoreState>, ring: ConnectedReceiver<Box<RoutedRequest>>) {
    while let Some(first) = ring.recv().await {
        core.serve_routed(first);
        for _ in 1..MESH_BATCH_MAX {
            let Some(Some(routed)) = poll_once(ring.recv()).await else { break };
            core.serve_routed(routed);
        }
        core.note_turn_over();
        let_others_run(&core).await;
    }
}

/// Brings routed requests that are done back to their connections, until the ring's other end is closed.
pub(crate) async fn serve_answers(core: Rc<CoreState>, ring: ConnectedReceiver<Box<RoutedRequest>>) {
    while let Some(first) = ring.recv().await {
        let turn_end = core.bring_back(first) + TURN;
        for _ in 1..MESH_BATCH_MAX {
            let Some(Some(routed)) = poll_once(ring.recv()).await else { break };
            if core.bring_back(routed) >= turn_end {
                break;
            }
        }
        core.note_turn_over();
        let_others_run(&core).await;
    }
}

impl CoreState {
    /// Does this core's part of a routed request and sends it home, where it is known who has room for what is left of it.
    fn serve_routed(&self, mut routed: Box<RoutedRequest>) {
        self.engine.borrow_mut().serve_routed(self.clock.now(), &mut routed);
        self.mesh.borrow().send_answer(routed.token.home, routed);
    }

    /// Brings a routed request back to its connection; gives the time at which that began.
    fn bring_back(&self, routed: Box<RoutedRequest>) -> Instant {
        let mesh = &*self.mesh.borrow();
        let engine = &mut *self.engine.borrow_mut();
        let instant = Instant::now();
        let mut around = CoreContext { engine, mesh, now: self.clock.at(instant), instant };
        self.http_server.borrow_mut().bring_back(routed, &mut around);
        instant
    }
}
