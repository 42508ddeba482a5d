use super::buffers::Buffers;
use super::end::{End, Next, Step, WaitsFor};
use super::limits::{DRAIN_BYTES_MAX, UNREAD_BYTES_MAX};
use crate::wire::Wire;
use core::ops::{ControlFlow, Range};
use engine::ProxyStep;
use metrics::{Counter, Statistics};
use std::io::ErrorKind;
use tls::{Received, ServerIdentity, TlsError, TlsSession};

/// The layer of one connection below HTTP: its TLS session, bytes that are not read yet, and bytes for which the wire
/// had no room.
#[derive(Debug)]
pub(super) struct Transport {
    tls: Option<TlsSession>,
    /// As received while a PROXY protocol header is awaited, then plaintext.
    unread: Vec<u8>,
    unsent: Vec<u8>,
    readiness: Readiness,
}

/// The parts of a core that a transport uses.
pub(super) struct Io<'a, W> {
    pub(super) wire: &'a mut W,
    pub(super) statistics: &'a mut Statistics,
    pub(super) buffers: &'a mut Buffers,
}

/// Bytes that are to be sent.
pub(super) enum Payload<'a> {
    /// A part of [`Buffers::answer`].
    Answer(Range<usize>),
    /// All of [`Buffers::piece`].
    Piece,
    Frames(&'a [u8]),
}

/// Whether there is input to continue with.
pub(super) enum Input {
    More,
    Nothing,
}

/// How a connection is closed after its last answer. Closing a socket that has unread bytes resets the connection (RFC
/// 9112, 9.6), which discards answers that the client has not received yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CloseMode {
    /// At once: the client asked for it, and sends nothing more.
    AtOnce,
    /// When the client has read the answer, because it may still be sending.
    WhenRead,
}

/// The state of the wire's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Readiness {
    /// The last read emptied it, and the kernel has reported nothing since.
    Empty,
    Readable,
    /// The client has sent its last byte, which may not have been read yet.
    AtEnd,
}

impl Transport {
    pub(super) fn new(identity: Option<&ServerIdentity>) -> Result<Self, TlsError> {
        Ok(Self {
            tls: identity.map(TlsSession::new).transpose()?,
            unread: Vec::new(),
            unsent: Vec::new(),
            readiness: Readiness::Readable,
        })
    }

    pub(super) const fn note_readable(&mut self) {
        if matches!(self.readiness, Readiness::Empty) {
            self.readiness = Readiness::Readable;
        }
    }

    pub(super) const fn note_hung_up(&mut self) {
        self.readiness = Readiness::AtEnd;
    }

    /// Whether the client has hung up before the handshake.
    pub(super) fn is_abandoned(&self) -> bool {
        self.readiness == Readiness::AtEnd && self.is_before_key_exchange()
    }

    pub(super) fn is_before_key_exchange(&self) -> bool {
        self.tls.as_ref().is_some_and(TlsSession::is_before_key_exchange)
    }

    /// Whether there is input that is not served yet.
    pub(super) const fn has_unread(&self) -> bool {
        !self.unread.is_empty()
    }

    /// Whether there is, or may be, something to read.
    pub(super) fn has_input(&self) -> bool {
        self.has_unread() || self.readiness != Readiness::Empty
    }

    /// Returns the number of bytes for which the wire had no room.
    pub(super) const fn unsent_bytes(&self) -> usize {
        self.unsent.len()
    }

    /// Returns the size of the buffers.
    pub(super) fn buffered_bytes(&self) -> usize {
        let held = self.tls.as_ref().map_or(0, TlsSession::buffered_bytes);
        self.unread.capacity() + self.unsent.capacity() + held
    }

    /// Whether the client has sent a part of a TLS record.
    pub(super) fn is_amid_record(&self) -> bool {
        self.tls.as_ref().is_some_and(|session| session.held_bytes() > 0)
    }

    /// Moves the unread bytes into `input`.
    pub(super) fn take_unread(&mut self, input: &mut Vec<u8>) {
        input.clear();
        input.append(&mut self.unread);
        self.unread = Vec::new();
    }

    /// Keeps input for the next turn.
    pub(super) fn keep_unread(&mut self, rest: &[u8]) {
        debug_assert!(
            rest.len() <= UNREAD_BYTES_MAX,
            "a read is limited, and so is the input that it is added to"
        );
        self.unread = rest.to_vec();
    }

    /// Reads once, and adds the plaintext to the input.
    pub(super) fn fill(&mut self, io: &mut Io<'_, impl Wire>) -> Step<Input> {
        if self.readiness == Readiness::Empty {
            return ControlFlow::Continue(Input::Nothing);
        }
        let mut received = core::mem::take(&mut io.buffers.received);
        let bytes = self.receive(io, &mut received);
        let filled = match bytes {
            ControlFlow::Continue(bytes) => self.decrypt(io, &mut received[..bytes]),
            ControlFlow::Break(next) => ControlFlow::Break(next),
        };
        io.buffers.received = received;
        filled
    }

    /// Reads the PROXY protocol header with `read`. It may be followed by the first bytes of TLS or of a request.
    pub(super) fn read_proxy_header(
        &mut self,
        io: &mut Io<'_, impl Wire>,
        mut read: impl FnMut(&[u8]) -> ProxyStep,
    ) -> Step<()> {
        loop {
            match read(&self.unread) {
                ProxyStep::Invalid => return ControlFlow::Break(Next::Ends(End::NoProxyHeader)),
                ProxyStep::Complete(bytes) => {
                    let mut rest = core::mem::take(&mut self.unread).split_off(bytes);
                    io.buffers.input.clear();
                    let decrypted = self.decrypt(io, &mut rest);
                    self.unread.extend_from_slice(&io.buffers.input);
                    return decrypted.map_continue(|_| ());
                }
                ProxyStep::Incomplete => {}
            }
            if self.readiness == Readiness::Empty {
                return ControlFlow::Break(Next::Waits(WaitsFor::FirstRequest));
            }
            let mut received = core::mem::take(&mut io.buffers.received);
            let bytes = self.receive(io, &mut received);
            io.buffers.received = received;
            self.unread.extend_from_slice(&io.buffers.received[..bytes?]);
        }
    }

    /// Sends bytes. Those for which the wire has no room are kept, and the turn ends until it has.
    pub(super) fn send(&mut self, io: &mut Io<'_, impl Wire>, payload: Payload<'_>) -> Step<()> {
        let Io { wire, statistics, buffers } = io;
        let bytes = match payload {
            Payload::Answer(range) => &buffers.answer[range],
            Payload::Piece => &buffers.piece,
            Payload::Frames(frames) => frames,
        };
        let Some(session) = &mut self.tls else {
            return send_all(*wire, statistics, bytes, &mut self.unsent);
        };
        buffers.outgoing.clear();
        match session.send(bytes, &mut buffers.outgoing) {
            Ok(()) => send_all(*wire, statistics, &buffers.outgoing, &mut self.unsent),
            Err(_) => ControlFlow::Break(Next::Ends(End::Tls)),
        }
    }

    /// Sends the bytes for which the wire had no room.
    pub(super) fn flush(&mut self, io: &mut Io<'_, impl Wire>) -> Step<()> {
        if self.unsent.is_empty() {
            return ControlFlow::Continue(());
        }
        let sent = send_some(io.wire, io.statistics, &self.unsent)?;
        self.unsent.drain(..sent);
        if !self.unsent.is_empty() {
            return ControlFlow::Break(Next::Waits(WaitsFor::AnswerTaken));
        }
        self.unsent = Vec::new();
        ControlFlow::Continue(())
    }

    /// Ends the sending direction after the last answer. Returns how many bytes of the client may be discarded until
    /// the connection is closed.
    pub(super) fn close(&mut self, io: &mut Io<'_, impl Wire>, mode: CloseMode) -> Step<u32> {
        self.unread = Vec::new();
        if let Some(session) = &mut self.tls {
            io.buffers.outgoing.clear();
            session.close(&mut io.buffers.outgoing);
            send_all(io.wire, io.statistics, &io.buffers.outgoing, &mut self.unsent)?;
        }
        if mode == CloseMode::AtOnce && self.readiness == Readiness::Empty {
            return ControlFlow::Break(Next::Ends(End::AfterAnswer));
        }
        io.wire.end_sending();
        ControlFlow::Continue(DRAIN_BYTES_MAX)
    }

    /// Discards what the client still sends. Returns how many bytes may follow.
    pub(super) fn drain(&mut self, io: &mut Io<'_, impl Wire>, mut bytes_left: u32) -> Step<u32> {
        let mut received = core::mem::take(&mut io.buffers.received);
        let mut drained = ControlFlow::Continue(bytes_left);
        while self.readiness != Readiness::Empty && drained.is_continue() {
            drained = match self.receive(io, &mut received) {
                ControlFlow::Continue(bytes) => {
                    bytes_left = bytes_left.saturating_sub(u32::try_from(bytes).unwrap_or(u32::MAX));
                    if bytes_left == 0 { AFTER_ANSWER } else { ControlFlow::Continue(bytes_left) }
                }
                // The client has closed the connection, as intended.
                ControlFlow::Break(Next::Ends(End::ByClient)) => AFTER_ANSWER,
                ControlFlow::Break(next) => ControlFlow::Break(next),
            };
        }
        io.buffers.received = received;
        drained
    }

    /// Reads once from the wire. Returns 0 where there is nothing.
    fn receive(&mut self, io: &mut Io<'_, impl Wire>, into: &mut [u8]) -> Step<usize> {
        match io.wire.receive(into) {
            Ok(0) => ControlFlow::Break(Next::Ends(End::ByClient)),
            Ok(received) => {
                io.statistics.add(Counter::HttpBytesReceived, received as u64);
                // A read that leaves room has emptied the socket, unless its end was reported.
                if received < into.len() && self.readiness == Readiness::Readable {
                    self.readiness = Readiness::Empty;
                }
                ControlFlow::Continue(received)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.readiness = Readiness::Empty;
                ControlFlow::Continue(0)
            }
            Err(_) => ControlFlow::Break(Next::Ends(End::Broken)),
        }
    }

    /// Adds the plaintext of received bytes to the input, and sends the output of the TLS session.
    fn decrypt(&mut self, io: &mut Io<'_, impl Wire>, received: &mut [u8]) -> Step<Input> {
        if received.is_empty() {
            return ControlFlow::Continue(Input::Nothing);
        }
        let Io { wire, statistics, buffers: Buffers { input, outgoing, .. } } = io;
        let Some(session) = &mut self.tls else {
            input.extend_from_slice(received);
            return ControlFlow::Continue(Input::More);
        };
        outgoing.clear();
        let received = session.receive(received, input, outgoing);
        let sent = send_all(*wire, statistics, outgoing, &mut self.unsent);
        match received {
            // If there is no room for the alert, it is not sent.
            Err(_) => return ControlFlow::Break(Next::Ends(End::Tls)),
            // Requests before the end are served first; then the wire reports its end.
            Ok(Received::ClosedByPeer) if input.is_empty() => {
                sent?;
                return ControlFlow::Break(Next::Ends(End::ByClient));
            }
            Ok(_) => sent?,
        }
        ControlFlow::Continue(Input::More)
    }
}

const AFTER_ANSWER: Step<u32> = ControlFlow::Break(Next::Ends(End::AfterAnswer));

/// Sends these bytes. Those for which the wire has no room are kept in `unsent`, and the turn ends until it has.
fn send_all(
    wire: &mut impl Wire,
    statistics: &mut Statistics,
    bytes: &[u8],
    unsent: &mut Vec<u8>,
) -> Step<()> {
    debug_assert!(unsent.is_empty(), "nothing is sent before the rest of the last answer");
    if bytes.is_empty() {
        return ControlFlow::Continue(());
    }
    let sent = send_some(wire, statistics, bytes)?;
    let rest = &bytes[sent..];
    if rest.is_empty() {
        return ControlFlow::Continue(());
    }
    *unsent = rest.to_vec();
    ControlFlow::Break(Next::Waits(WaitsFor::AnswerTaken))
}

/// Returns how many of the bytes the wire accepted.
fn send_some(wire: &mut impl Wire, statistics: &mut Statistics, bytes: &[u8]) -> Step<usize> {
    match wire.send(bytes) {
        Ok(sent) => {
            statistics.add(Counter::HttpBytesSent, sent as u64);
            ControlFlow::Continue(sent)
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => ControlFlow::Continue(0),
        Err(_) => ControlFlow::Break(Next::Ends(End::Broken)),
    }
}
