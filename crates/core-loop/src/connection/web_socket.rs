use super::limits::FRAMES_UNSENT_BYTES_MAX;
use engine::{
    AnnouncedPeer, ConnectionToken, Control, HttpService, MessageContext, MessageStep, Now, Patience,
    RoutedRequest, Shard, Signals, WebSocketClient,
};
use metrics::Counter;
use primitives::{AddressFamily, ShardId};
use ws_protocol::{CloseCode, FrameReader, Incoming, Opcode, Sender, append_close, append_frame};

/// A connection after its upgrade to a WebSocket. It knows frames and messages, and no socket.
#[derive(Debug)]
pub(super) struct WebSocket {
    reader: FrameReader,
    messages: Messages,
    /// Whether the client has been pinged, and nothing was received since.
    is_pinged: bool,
    batches_sent: u32,
}

/// The messages of a connection.
#[derive(Debug)]
struct Messages {
    client: Box<WebSocketClient>,
    /// Frames that are to be sent next.
    outgoing: Vec<u8>,
    /// A message whose owner had no room for it.
    waiting: Option<Box<str>>,
    patience: Patience,
}

/// The parts of a core that a message uses.
pub(super) struct MessageCore<'a> {
    pub(super) service: &'a mut HttpService,
    pub(super) shard: &'a mut Shard,
    pub(super) now: Now,
    pub(super) connection: ConnectionToken,
    pub(super) signals: &'a mut Signals,
}

/// The result of serving a frame, or a message that has waited.
#[derive(Debug)]
pub(super) enum FrameStep {
    /// The input is empty, or ends within a frame.
    Incomplete,
    Served,
    /// A message goes to this owner.
    Routed(ShardId, Box<RoutedRequest>),
    /// A message waits until this owner has room.
    OwnerBusy(ShardId),
    /// The client closes the connection.
    ClosedByClient,
    /// The tracker closes the connection, and counts it.
    Closed(Counter),
}

/// More bytes wait to be sent than may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct QueueFull;

impl WebSocket {
    pub(super) const fn new(client: Box<WebSocketClient>) -> Self {
        let messages = Messages { client, outgoing: Vec::new(), waiting: None, patience: Patience::Left };
        Self { reader: FrameReader::new(Sender::Client), messages, is_pinged: false, batches_sent: 0 }
    }

    /// Returns the peers that the connection has announced.
    pub(super) fn announced(&self) -> &[AnnouncedPeer] {
        self.messages.client.announced()
    }

    pub(super) const fn family(&self) -> AddressFamily {
        self.messages.client.family()
    }

    pub(super) const fn is_pinged(&self) -> bool {
        self.is_pinged
    }

    pub(super) const fn is_amid_message(&self) -> bool {
        self.reader.is_amid_message()
    }

    /// Ends the wait of a message for its owner: if it is still busy, the message is answered with a failure.
    pub(super) const fn stop_waiting(&mut self) {
        self.messages.patience = Patience::Over;
    }

    pub(super) fn ping(&mut self) {
        self.is_pinged = true;
        append_frame(&mut self.messages.outgoing, Opcode::Ping, None, &[]);
    }

    pub(super) fn close(&mut self, code: CloseCode) {
        append_close(&mut self.messages.outgoing, code);
    }

    /// Returns the frames that are to be sent next.
    pub(super) fn take_outgoing(&mut self) -> Vec<u8> {
        self.batches_sent = self.batches_sent.wrapping_add(1);
        core::mem::take(&mut self.messages.outgoing)
    }

    /// Returns how often frames have been taken to be sent. It distinguishes one wait for room on the wire from the next.
    pub(super) const fn batches_sent(&self) -> u32 {
        self.batches_sent
    }

    /// Returns the size of the frames and messages that it holds, and of the list of announced peers.
    pub(super) fn buffered_bytes(&self) -> usize {
        let Messages { client, outgoing, waiting, .. } = &self.messages;
        let waiting = waiting.as_ref().map_or(0, |text| text.len());
        self.reader.buffered_bytes() + outgoing.capacity() + waiting + client.announced_bytes()
    }

    /// Returns whether frames are to be sent.
    pub(super) const fn has_outgoing(&self) -> bool {
        !self.messages.outgoing.is_empty()
    }

    /// Adds the replies to a message that is back from its owners.
    pub(super) fn finish_message(&mut self, core: MessageCore<'_>, routed: Box<RoutedRequest>) {
        let MessageCore { service, shard, now, .. } = core;
        let Messages { client, outgoing, .. } = &mut self.messages;
        service.finish_message(client, shard, now, routed, outgoing);
    }

    /// Adds a frame. `unsent_bytes` of earlier ones wait for room on the wire.
    pub(super) fn push(&mut self, frame: &[u8], unsent_bytes: usize) -> Result<(), QueueFull> {
        let outgoing = &mut self.messages.outgoing;
        if outgoing.len() + unsent_bytes + frame.len() > FRAMES_UNSENT_BYTES_MAX {
            return Err(QueueFull);
        }
        outgoing.extend_from_slice(frame);
        Ok(())
    }

    /// Serves the frame at the front of `input`. Returns its size too.
    pub(super) fn serve_frame(&mut self, input: &mut [u8], core: MessageCore<'_>) -> (usize, FrameStep) {
        let (bytes, incoming) = self.reader.read(input);
        self.is_pinged &= incoming == Incoming::Incomplete;
        let step = match incoming {
            Incoming::Incomplete => FrameStep::Incomplete,
            Incoming::Message(text) => self.messages.serve(text, core),
            Incoming::Fragment => FrameStep::Served,
            Incoming::Pong => self.messages.serve_control(Control::Pong, core),
            Incoming::Ping(payload) => self.messages.serve_control(Control::Ping(payload), core),
            Incoming::Close => {
                self.close(CloseCode::Normal);
                FrameStep::ClosedByClient
            }
            Incoming::Invalid(reason) => {
                self.close(reason);
                FrameStep::Closed(Counter::WsClosedProtocol)
            }
        };
        (bytes, step)
    }

    /// Serves a message that has waited for its owner, if there is one.
    pub(super) fn serve_waiting(&mut self, core: MessageCore<'_>) -> Option<FrameStep> {
        let text = self.messages.waiting.take()?;
        Some(self.messages.serve(&text, core))
    }
}

impl Messages {
    fn serve(&mut self, text: &str, core: MessageCore<'_>) -> FrameStep {
        let step = self.ask(core, |service, client, context| service.serve_message(client, text, context));
        match step {
            FrameStep::OwnerBusy(_) => self.waiting = Some(text.into()),
            _ => self.patience = Patience::Left,
        }
        step
    }

    fn serve_control(&mut self, control: Control<'_>, core: MessageCore<'_>) -> FrameStep {
        self.ask(core, |service, client, context| service.serve_control(client, control, context))
    }

    fn ask(
        &mut self,
        core: MessageCore<'_>,
        ask: impl FnOnce(&mut HttpService, &mut WebSocketClient, &mut MessageContext<'_>) -> MessageStep,
    ) -> FrameStep {
        let MessageCore { service, shard, now, connection, signals } = core;
        let Self { client, outgoing: replies, patience, .. } = self;
        let mut context = MessageContext { shard, now, connection, patience: *patience, replies, signals };
        match ask(service, client, &mut context) {
            MessageStep::Done => FrameStep::Served,
            MessageStep::Routed(owner, routed) => FrameStep::Routed(owner, routed),
            MessageStep::OwnerBusy(owner) => FrameStep::OwnerBusy(owner),
            MessageStep::OneTooMany => {
                append_close(&mut self.outgoing, CloseCode::PolicyViolation);
                FrameStep::Closed(Counter::WsClosedOverLimit)
            }
        }
    }
}
