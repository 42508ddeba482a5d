use super::hall::Surroundings;
use crate::core_state::{CoreState, Turn};
use crate::limits::MESH_BATCH_MAX;
use crate::udp_loop::let_others_run;
use engine::{Errand, ErrandStep};
use futures_lite::future::poll_once;
use glommio::channels::shared_channel::ConnectedReceiver;
use std::rc::Rc;

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
        core.bring_back(first);
        for _ in 1..MESH_BATCH_MAX {
            let Some(Some(errand)) = poll_once(ring.recv()).await else { break };
            core.bring_back(errand);
        }
        core.note_turn_over();
        let_others_run(&core).await;
        serve_rest(&core).await;
    }
}

/// Serves connections that have more than one turn lets them: their own task may be waiting for something to arrive.
async fn serve_rest(core: &CoreState) {
    while core.hall.borrow().has_more() && core.serve_connections() == Turn::Busy {
        let_others_run(core).await;
    }
}

impl CoreState {
    /// Does this core's part of an errand and sends it on, or back home.
    fn run_errand(&self, mut errand: Box<Errand>) {
        let now = self.clock.now();
        let mesh = &*self.mesh.borrow();
        let step = self.engine.borrow_mut().run_errand(now, &mut errand);
        let undelivered = match step {
            ErrandStep::Onward(owner) => mesh.send_errand(owner, errand).err().map(|mut errand| {
                errand.give_up();
                errand
            }),
            ErrandStep::Done => Some(errand),
        };
        if let Some(errand) = undelivered {
            mesh.send_answer(errand.ticket.home, errand);
        }
    }

    fn bring_back(&self, errand: Box<Errand>) {
        let mesh = &*self.mesh.borrow();
        let engine = &mut *self.engine.borrow_mut();
        let mut around = Surroundings { engine, mesh, now: self.clock.now() };
        self.hall.borrow_mut().bring_back(errand, &mut around);
    }
}
