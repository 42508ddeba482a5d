use crate::core_state::CoreState;
use crate::limits::{REACTOR_TURN_MS, RECEIVE_RETRY_MS};
use crate::reactor_turn::reactor_turn;
use crate::turn::Turn;
use glommio::timer::sleep;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Serves sockets turn by turn, and waits while they are idle, until it is cancelled, which happens only between turns.
pub(crate) async fn serve_sockets(
    core: Rc<CoreState>,
    take_turn: impl Fn(&CoreState) -> Turn,
    wait: impl AsyncFn(&CoreState) -> io::Result<()>,
) {
    loop {
        let is_ready = match take_turn(&core) {
            Turn::Busy => {
                yield_core(&core).await;
                continue;
            }
            Turn::Idle => wait(&core).await.is_ok(),
            Turn::Failed => false,
        };
        if !is_ready {
            sleep(Duration::from_millis(RECEIVE_RETRY_MS)).await;
        }
    }
}

/// Yields after a turn: the task goes to the end of the queue, after the core's other sockets and rings. When the
/// reactor's turn has come, it waits for the reactor instead. So do the other busy tasks, the queue becomes empty, and
/// the reactor checks everything else that the core waits for.
pub(crate) async fn yield_core(core: &CoreState) {
    if core.turn_end.get() < core.reactor_due.get() {
        glommio::executor().yield_now().await;
        return;
    }
    reactor_turn().await;
    core.reactor_due.set(Instant::now() + Duration::from_millis(REACTOR_TURN_MS));
}
