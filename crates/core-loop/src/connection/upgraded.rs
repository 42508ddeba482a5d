use super::end::{Next, Step, WaitsFor};
use super::http_connection::{ConnectionContext, HttpConnection, Phase, after};
use super::transport::{CloseMode, Input, Payload};
use super::web_socket::{FrameStep, MessageCore, QueueFull, WebSocket};
use crate::wire::Wire;
use core::ops::ControlFlow;
use engine::{AnnouncedPeer, RoutedRequest, WebSocketClient};
use ws_protocol::CloseCode;

impl<W> ConnectionContext<'_, W> {
    fn message_core(&mut self) -> MessageCore<'_> {
        let Self { service, shard, now, connection, buffers, .. } = self;
        MessageCore { service, shard, now: *now, connection: *connection, signals: &mut buffers.signals }
    }
}

/// A connection after its upgrade to a WebSocket.
impl HttpConnection {
    /// Begins to serve frames.
    pub(super) fn upgrade(&mut self, client: Box<WebSocketClient>) {
        self.phase = Phase::WebSocket;
        self.web_socket = Some(Box::new(WebSocket::new(client)));
    }

    /// Returns whether the connection has been upgraded.
    pub(super) const fn is_web_socket(&self) -> bool {
        self.web_socket.is_some()
    }

    /// Returns whether the connection serves frames, and no message of it is at another core.
    pub(super) const fn is_open_web_socket(&self) -> bool {
        self.web_socket.is_some() && matches!(self.phase, Phase::WebSocket)
    }

    /// Returns the peers that the connection has announced over a WebSocket.
    pub(super) fn announced(&self) -> &[AnnouncedPeer] {
        self.web_socket.as_ref().map_or(&[], |web_socket| web_socket.announced())
    }

    /// Adds a frame of another client, to be sent in the next turn. Returns whether the connection takes it.
    pub(super) fn push_frame(&mut self, frame: &[u8]) -> Result<bool, QueueFull> {
        match (&mut self.web_socket, &self.phase) {
            (Some(web_socket), Phase::WebSocket | Phase::AwaitsMessage) => {
                web_socket.push(frame, self.transport.unsent_bytes()).map(|()| true)
            }
            _ => Ok(false),
        }
    }

    /// Pings a client from which nothing has been received for a while.
    pub(super) fn ping(&mut self, context: &mut ConnectionContext<'_, impl Wire>) -> Next {
        self.web_socket.iter_mut().for_each(|web_socket| web_socket.ping());
        after(self.send_frames(context), || self.next_after_answer())
    }

    /// Sends the reason for the end of the connection, as far as there is room for it.
    pub(super) fn say_goodbye(&mut self, code: CloseCode, context: &mut ConnectionContext<'_, impl Wire>) {
        if let (Some(web_socket), Phase::WebSocket | Phase::AwaitsMessage) =
            (&mut self.web_socket, &self.phase)
        {
            web_socket.close(code);
            let _sent = self.send_frames(context);
        }
    }

    /// Sends the reason for the end of the connection, and closes it when the client does.
    pub(super) fn end_messages(
        &mut self,
        code: CloseCode,
        context: &mut ConnectionContext<'_, impl Wire>,
    ) -> Next {
        self.web_socket.iter_mut().for_each(|web_socket| web_socket.close(code));
        after(self.close_web_socket(context, CloseMode::WhenRead).map_continue(|_| ()), || Next::Again)
    }

    /// Sends the replies to a message that is back, or sends it on to its next owner.
    pub(super) fn finish_message(
        &mut self,
        mut routed: Box<RoutedRequest>,
        context: &mut ConnectionContext<'_, impl Wire>,
    ) -> Next {
        if let Some(owner) = context.service.send_on(context.shard, &mut routed) {
            self.phase = Phase::AwaitsMessage;
            return Next::Routed(owner, routed);
        }
        self.phase = Phase::WebSocket;
        let Some(web_socket) = &mut self.web_socket else {
            return self.discard(Phase::WebSocket, routed, context);
        };
        web_socket.finish_message(context.message_core(), routed);
        after(self.send_frames(context), || self.next_after_answer())
    }

    /// Serves the frame at `start` of the input, if it is whole.
    pub(super) fn serve_frame(
        &mut self,
        context: &mut ConnectionContext<'_, impl Wire>,
        start: &mut usize,
    ) -> Step<Input> {
        let Some(web_socket) = &mut self.web_socket else { return ControlFlow::Continue(Input::Nothing) };
        let mut input = core::mem::take(&mut context.buffers.input);
        let (bytes, step) = web_socket.serve_frame(&mut input[*start..], context.message_core());
        context.buffers.input = input;
        *start += bytes;
        // Fragments have one deadline together, whatever comes between them.
        let is_whole = bytes > 0 && !web_socket.is_amid_message();
        self.requests = self.requests.wrapping_add(u32::from(is_whole));
        self.after_frame(step, context)
    }

    /// Serves the message that waits for its owner, if there is one.
    pub(super) fn serve_waiting(&mut self, context: &mut ConnectionContext<'_, impl Wire>) -> Step<()> {
        let web_socket = self.web_socket.as_mut();
        match web_socket.and_then(|web_socket| web_socket.serve_waiting(context.message_core())) {
            Some(step) => self.after_frame(step, context).map_continue(|_| ()),
            None => ControlFlow::Continue(()),
        }
    }

    fn after_frame(
        &mut self,
        step: FrameStep,
        context: &mut ConnectionContext<'_, impl Wire>,
    ) -> Step<Input> {
        match step {
            FrameStep::Served => ControlFlow::Continue(Input::More),
            FrameStep::Incomplete => {
                self.send_frames(context)?;
                ControlFlow::Continue(Input::Nothing)
            }
            // Replies to earlier messages follow with the one to this message.
            FrameStep::Routed(owner, routed) => {
                self.phase = Phase::AwaitsMessage;
                ControlFlow::Break(Next::Routed(owner, routed))
            }
            FrameStep::OwnerBusy(owner) => {
                self.send_frames(context)?;
                ControlFlow::Break(Next::WaitsForOwner(owner))
            }
            FrameStep::ClosedByClient => self.close_web_socket(context, CloseMode::AtOnce),
            FrameStep::Closed(counter) => {
                context.shard.statistics_mut().add(counter, 1);
                self.close_web_socket(context, CloseMode::WhenRead)
            }
        }
    }

    /// Sends the last frames, and closes the connection.
    fn close_web_socket(
        &mut self,
        context: &mut ConnectionContext<'_, impl Wire>,
        mode: CloseMode,
    ) -> Step<Input> {
        self.phase = Phase::Closing(mode);
        self.send_frames(context)?;
        self.close(context)?;
        ControlFlow::Break(Next::Again)
    }

    /// Sends the frames that wait, after the rest of the last ones.
    pub(super) fn send_frames(&mut self, context: &mut ConnectionContext<'_, impl Wire>) -> Step<()> {
        let Self { transport, web_socket, .. } = self;
        transport.flush(&mut context.io())?;
        let Some(web_socket) = web_socket.as_mut().filter(|web_socket| web_socket.has_outgoing()) else {
            return ControlFlow::Continue(());
        };
        transport.send(&mut context.io(), Payload::Frames(&web_socket.take_outgoing()))
    }

    /// Returns what the connection waits for while there is no whole frame.
    pub(super) fn waits_for_frame(&self, unread: &[u8]) -> WaitsFor {
        let Some(web_socket) = &self.web_socket else { return WaitsFor::NextFrame };
        if !unread.is_empty() || web_socket.is_amid_message() || self.transport.is_amid_record() {
            WaitsFor::Request
        } else if web_socket.is_pinged() {
            WaitsFor::Pong
        } else {
            WaitsFor::NextFrame
        }
    }
}
