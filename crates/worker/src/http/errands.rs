use super::hall::Surroundings;
use super::limits::TURN;
use crate::core_state::CoreState;
use crate::limits::MESH_BATCH_MAX;
use crate::udp_loop::let_others_run;
use engine::Errand;
use futures_lite::future::poll_once;
use glommio::channels::shared_channel::ConnectedReceiver;
use std::rc::Rc;
use std::time::Instant;

/// Does this core's part of the errands that come over one ring, until its other end is closed.
pub(crate) async fn serve_errands(core: Rc<CoreState>, ring: ConnectedReceiver<Box<Errand>>) {
    while let Some(first) = ring.recv().await {
        core.run_errand(first);
        for _ in 1..MESH_BATCH_MAX {
            let Some(Some(errand)) = poll_once(ring.recv()).await else { break };
            core.run_errand(errand);
        }
        core.note_turn_over();
        let_others_run(&core).await;
    }
}

/// Brings errands that are done back to their connections, until the ring's other end is closed.
pub(crate) async fn serve_answers(core: Rc<CoreState>, ring: ConnectedReceiver<Box<Errand>>) {
    while let Some(first) = ring.recv().await {
        let turn_end = core.bring_back(first) + TURN;
        for _ in 1..MESH_BATCH_MAX {
            let Some(Some(errand)) = poll_once(ring.recv()).await else { break };
            if core.bring_back(errand) >= turn_end {
                break;
            }
        }
        core.note_turn_over();
        let_others_run(&core).await;
    }
}

impl CoreState {
    /// Does this core's part of an errand and sends it home, where it is known who has room for what is left of it.
    fn run_errand(&self, mut errand: Box<Errand>) {
        self.engine.borrow_mut().run_errand(self.clock.now(), &mut errand);
        self.mesh.borrow().send_answer(errand.ticket.home, errand);
    }

    /// Brings an errand back to its connection; gives the time at which that began.
    fn bring_back(&self, errand: Box<Errand>) -> Instant {
        let mesh = &*self.mesh.borrow();
        let engine = &mut *self.engine.borrow_mut();
        let instant = Instant::now();
        let mut around = Surroundings { engine, mesh, now: self.clock.at(instant), instant };
        self.hall.borrow_mut().bring_back(errand, &mut around);
        instant
    }
}
