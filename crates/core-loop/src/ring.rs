use crate::connection::{HttpServer, TURN};
use crate::core_state::CoreState;
use crate::datagrams::UdpServer;
use crate::limits::MESH_BATCH_MAX;
use crate::messages::{ListenerIndex, MeshRequest, MeshReturn};
use crate::sockets::Sockets;
use core::ops::ControlFlow;
use std::time::Instant;

/// The parts of a core that the messages of its rings are for.
pub(crate) struct Rings<'a, S: Sockets> {
    pub(crate) core: &'a mut CoreState<S>,
    pub(crate) udp: &'a mut UdpServer<S>,
    pub(crate) http: &'a mut HttpServer<S>,
}

/// A turn of a ring: at most [`MESH_BATCH_MAX`] messages. Replies of one listener are sent together.
struct RingTurn<'r, 'a, S: Sockets> {
    rings: &'r mut Rings<'a, S>,
    began: Instant,
    /// The listener of the replies that are not sent yet.
    listener: Option<ListenerIndex>,
}

impl<S: Sockets> Rings<'_, S> {
    /// Serves a turn of each ring. Returns whether more messages may wait.
    pub(crate) fn take_turn(&mut self) -> bool {
        let mut has_more = false;
        for other in 0..self.core.mesh.others() {
            has_more |= self.serve_requests(other);
            has_more |= self.serve_returns(other);
        }
        has_more
    }

    fn serve_requests(&mut self, other: usize) -> bool {
        let Some(first) = self.core.mesh.next_request(other) else { return false };
        let mut turn = RingTurn::begin(self);
        let mut step = turn.serve_request(first);
        for _ in 1..MESH_BATCH_MAX {
            if step.is_break() {
                break;
            }
            let Some(request) = turn.rings.core.mesh.next_request(other) else {
                turn.flush();
                return false;
            };
            step = turn.serve_request(request);
        }
        turn.flush();
        true
    }

    fn serve_returns(&mut self, other: usize) -> bool {
        let began = self.core.instant;
        for _ in 0..MESH_BATCH_MAX {
            match self.core.mesh.next_return(other) {
                None => return false,
                Some(MeshReturn::Scrape(message)) => self.core.mesh.return_scrape(message),
                Some(MeshReturn::Signal(signal)) => self.http.deliver(signal.to, &signal.frame, self.core),
                Some(MeshReturn::Http(routed)) => {
                    self.http.bring_back(routed, self.core);
                    self.core.note_sent();
                    if self.core.instant >= began + TURN {
                        return true;
                    }
                }
            }
        }
        true
    }
}

impl<'r, 'a, S: Sockets> RingTurn<'r, 'a, S> {
    fn begin(rings: &'r mut Rings<'a, S>) -> Self {
        rings.core.begin_turn();
        let began = rings.core.instant;
        Self { rings, began, listener: None }
    }

    /// Serves a request. The turn ends early with `Break`.
    fn serve_request(&mut self, request: MeshRequest<S::Path>) -> ControlFlow<()> {
        match request {
            MeshRequest::Announce(message) => {
                self.use_listener(message.reply_to.listener);
                self.rings.udp.serve_announce(&message, self.rings.core);
            }
            MeshRequest::Scrape(message) => {
                self.use_listener(message.reply_to.listener);
                self.rings.udp.serve_scrape(message, self.rings.core);
            }
            MeshRequest::Http(mut routed) => {
                self.flush();
                let core = &mut *self.rings.core;
                core.begin_turn();
                routed.carry_out(&mut core.shard, core.now, self.rings.http.signals());
                // Its home knows the owners that have room for the rest.
                core.mesh.return_http(routed);
                self.rings.http.pass_on_signals(core);
                if core.instant >= self.began + TURN {
                    return ControlFlow::Break(());
                }
            }
            MeshRequest::Leave(peer, connection) => {
                let core = &mut *self.rings.core;
                let _left = core.shard.leave(core.now, peer, connection);
            }
        }
        ControlFlow::Continue(())
    }

    /// Sets the listener of the next reply. Sends the replies that wait at another one.
    fn use_listener(&mut self, listener: ListenerIndex) {
        match self.listener.replace(listener) {
            Some(before) if before != listener => self.rings.udp.flush(before, self.rings.core),
            _ => {}
        }
    }

    /// Sends the replies that wait.
    fn flush(&mut self) {
        if let Some(listener) = self.listener.take() {
            self.rings.udp.flush(listener, self.rings.core);
        }
    }
}
