use super::hall::{Hall, Surroundings};
use super::poll::{Ready, Source};
use crate::core_state::{CoreState, Turn};
use crate::limits::RECEIVE_RETRY_MS;
use crate::readiness::PollReadiness;
use crate::udp_loop::let_others_run;
use glommio::timer::sleep;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::time::Duration;

/// Serves the core's HTTP connections until it is cancelled, which can happen between turns only.
pub(crate) async fn serve_http(core: Rc<CoreState>, readiness: PollReadiness) {
    loop {
        let is_ready = match core.serve_connections() {
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

impl Hall {
    /// One turn: what has happened since the last one, and the connections that had more than their part then.
    pub(crate) fn take_turn(&mut self, around: &mut Surroundings<'_>) -> Turn {
        let Ok(events) = self.poll.look() else { return Turn::Failed };
        let again = std::mem::take(&mut self.again);
        if events == 0 && again.is_empty() {
            return Turn::Idle;
        }
        for index in 0..events {
            self.take_up(self.poll.event(index), around);
        }
        for key in again {
            if let Some(connection) = self.slots.get_mut(key) {
                connection.is_queued = false;
                self.go_on(key, around);
            }
        }
        Turn::Busy
    }

    fn take_up(&mut self, ready: Ready, around: &mut Surroundings<'_>) {
        match ready.source {
            Source::Listener(index) => self.accept(index, around),
            Source::Connection(key) => {
                let Some(connection) = self.slots.get_mut(key) else { return };
                if ready.hung_up {
                    connection.conversation.note_hung_up();
                } else if ready.readable {
                    connection.conversation.note_readable();
                }
                if !connection.is_queued {
                    self.go_on(key, around);
                }
            }
        }
    }

    /// What becomes readable when there is something to do.
    pub(crate) fn descriptor(&self) -> io::Result<OwnedFd> {
        self.poll.as_fd().try_clone_to_owned()
    }
}
