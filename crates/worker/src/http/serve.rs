use super::http_connection::HttpConnection;
use super::http_server::{CoreContext, HttpServer};
use super::limits::TURN;
use super::poll::{Ready, Source};
use super::slots::SlotKey;
use crate::core_state::{CoreState, Turn};
use crate::limits::RECEIVE_RETRY_MS;
use crate::readiness::PollReadiness;
use crate::udp_loop::let_others_run;
use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;
use glommio::timer::sleep;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Serves the core's HTTP connections until it is cancelled, which can happen between turns only.
pub(crate) async fn serve_http(core: Rc<CoreState>, readiness: PollReadiness) {
    loop {
        let is_ready = match core.serve_connections() {
            Turn::Busy => {
                let_others_run(&core).await;
                continue;
            }
            Turn::Idle => wait(&core, &readiness).await.is_ok(),
            Turn::Failed => false,
        };
        if !is_ready {
            sleep(Duration::from_millis(RECEIVE_RETRY_MS)).await;
        }
    }
}

/// Waits until something has happened at the sockets, or an answer from another core has left its connection with more
/// to do.
async fn wait(core: &CoreState, readiness: &PollReadiness) -> io::Result<()> {
    let mut sockets = pin!(readiness.wait());
    poll_fn(|context| {
        let http_server = &mut *core.http_server.borrow_mut();
        if !http_server.ready.is_empty() {
            return Poll::Ready(Ok(()));
        }
        http_server.waiting = Some(context.waker().clone());
        sockets.as_mut().poll(context)
    })
    .await
}

impl HttpServer {
    /// One turn: notes what has happened since the last one, then serves connections for [`TURN`], each a share at a
    /// time. Those that are left have theirs in the next turn.
    pub(crate) fn take_turn(&mut self, around: &mut CoreContext<'_>) -> Turn {
        let Ok(events) = self.poll.look() else { return Turn::Failed };
        for index in 0..events {
            self.take_up(self.poll.event(index), around);
        }
        if events == 0 && self.ready.is_empty() {
            return Turn::Idle;
        }
        self.serve_requests(around.instant + TURN, around);
        self.serve_handshakes(around);
        Turn::Busy
    }

    fn serve_requests(&mut self, turn_end: Instant, around: &mut CoreContext<'_>) {
        while around.instant < turn_end
            && let Some(key) = self.ready.next_request()
        {
            self.serve_share(key, around);
        }
    }

    fn serve_handshakes(&mut self, around: &mut CoreContext<'_>) {
        self.ready.begin_handshakes();
        while let Some(key) = self.ready.next_handshake() {
            let before = around.instant;
            self.serve_share(key, around);
            self.ready.handshake_took(around.instant - before);
        }
    }

    fn serve_share(&mut self, key: SlotKey, around: &mut CoreContext<'_>) {
        let Some(connection) = self.slots.get_mut(key) else { return };
        connection.is_queued = false;
        self.turn(key, around, HttpConnection::advance);
        around.instant = Instant::now();
    }

    fn take_up(&mut self, ready: Ready, around: &mut CoreContext<'_>) {
        match ready.source {
            Source::Listener(index) => self.accept(index, around),
            Source::Connection(key) => {
                let Some(connection) = self.slots.get_mut(key) else { return };
                if ready.hung_up {
                    connection.http.note_hung_up();
                } else if ready.readable {
                    connection.http.note_readable();
                }
                self.ready.push(key, connection);
            }
        }
    }

    /// What becomes readable when there is something to do.
    pub(crate) fn descriptor(&self) -> io::Result<OwnedFd> {
        self.poll.as_fd().try_clone_to_owned()
    }
}
