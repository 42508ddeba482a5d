use super::buffers::Buffers;
use super::end::{End, WaitsFor};
use super::limits::{DRAIN_BYTES_MAX, STEPS_PER_SHARE_MAX, UNREAD_BYTES_MAX};
use super::stream::Stream;
use super::wire::Wire;
use engine::{Engine, HttpExchange, HttpService, HttpStep, Now, Page, ProxyStep, RoutedRequest};
use http_protocol::Connection as Afterwards;
use primitives::{Counter, ShardId};
use std::io::ErrorKind;
use std::net::IpAddr;
use tls::{Received, ServerIdentity, TlsError, TlsSession};

/// What goes over one connection, from its first byte to its last. It knows the wire as a trait only.
#[derive(Debug)]
pub struct HttpConnection {
    http: HttpExchange,
    tls: Option<TlsSession>,
    phase: Phase,
    /// How many requests have come whole so far, and pieces of a streamed answer have gone.
    requests: u32,
    /// What was received and is not served yet: while a header of the PROXY protocol is waited for as it came, then in
    /// the clear.
    unread: Vec<u8>,
    /// What the wire had no room for.
    unsent: Vec<u8>,
    readiness: Readiness,
    /// The answer that is being streamed.
    stream: Option<Box<Stream>>,
}

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The header of the PROXY protocol is to come, before anything else.
    ProxyHeader,
    /// The first request is.
    FirstRequest,
    /// At least one request was answered.
    Talking,
    /// A routed request is on its way for the last request.
    AwaitsOwner(Afterwards),
    /// Pieces of an answer are being sent.
    Streaming(Afterwards),
    /// A routed request is on its way for the next piece.
    AwaitsPage(Afterwards),
    /// It ends when all is sent.
    Ending(CloseMode),
    /// All was said, and so many bytes more are thrown away while the client reads it.
    Draining { bytes_left: u32 },
}

/// How a connection ends behind its last answer. To close one that has something unread resets it (RFC 9112, 9.6), which
/// takes answers from the client that are still on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CloseMode {
    /// At once: its client asked for the end, and sends nothing more.
    AtOnce,
    /// When its client has read why, for it may be sending still.
    WhenRead,
}

/// What is known of the wire's readiness to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Readiness {
    /// There was nothing more, and the kernel has not told of something since.
    Nothing,
    Something,
    /// The end is there, behind whatever else there is.
    End,
}

/// What a core serves its connections with.
#[derive(Debug)]
pub struct ConnectionContext<'a> {
    /// Decides.
    pub service: &'a mut HttpService,
    /// Decides about torrents.
    pub engine: &'a mut Engine,
    /// The time of this turn.
    pub now: Now,
    /// Lent to one connection after another.
    pub buffers: &'a mut Buffers,
}

/// What is to be done with a connection after its turn.
#[derive(Debug)]
pub enum Next {
    /// It waits.
    Waits(WaitsFor),
    /// It waits until the owner of a torrent has given back a routed request of this core.
    WaitsForOwner(ShardId),
    /// It has more to be served, when the others have had their turn.
    Again,
    /// A routed request begins.
    RoutedRequest(ShardId, Box<RoutedRequest>),
    /// It ends.
    Ends(End),
}

/// Whether there is something at the front of the input to go on with.
enum Input {
    More,
    Nothing,
}

type Turn<T> = Result<T, Next>;

impl HttpConnection {
    /// A connection from `remote` that nothing has come by yet; with an identity it speaks TLS.
    ///
    /// # Errors
    /// When TLS cannot begin.
    pub fn new(
        service: &HttpService,
        remote: IpAddr,
        identity: Option<&ServerIdentity>,
    ) -> Result<Self, TlsError> {
        let http = HttpExchange::new(service.policy(), remote);
        let has_header = http.expects_proxy_header(service.policy());
        Ok(Self {
            http,
            tls: identity.map(TlsSession::new).transpose()?,
            phase: if has_header { Phase::ProxyHeader } else { Phase::FirstRequest },
            requests: 0,
            unread: Vec::new(),
            unsent: Vec::new(),
            readiness: Readiness::Something,
            stream: None,
        })
    }

    /// Notes that something has arrived.
    pub const fn note_readable(&mut self) {
        if matches!(self.readiness, Readiness::Nothing) {
            self.readiness = Readiness::Something;
        }
    }

    /// Notes that the client has sent its last byte, or is gone.
    pub const fn note_hung_up(&mut self) {
        self.readiness = Readiness::End;
    }

    /// Goes on as far as it can without waiting.
    pub fn advance(&mut self, wire: &mut impl Wire, context: &mut ConnectionContext<'_>) -> Next {
        self.take_turn(wire, context).unwrap_or_else(|next| next)
    }

    /// Answers the request whose routed request is back. What else there is to do has its share later.
    pub fn answer(
        &mut self,
        mut routed: Box<RoutedRequest>,
        wire: &mut impl Wire,
        context: &mut ConnectionContext<'_>,
    ) -> Next {
        if let Phase::AwaitsPage(afterwards) = self.phase {
            self.phase = Phase::Streaming(afterwards);
            return self.send_page(routed, wire, context).map_or_else(|next| next, |()| Next::Again);
        }
        let Phase::AwaitsOwner(afterwards) = self.phase else {
            context.service.take_back(routed);
            return Next::Again;
        };
        if let Some(owner) = context.service.send_on(context.engine, &mut routed) {
            return Next::RoutedRequest(owner, routed);
        }
        let written = context.service.finish(context.engine, routed, &mut context.buffers.answer);
        self.respond(wire, context, written, afterwards).map_or_else(|next| next, |()| self.rest())
    }

    /// Answers a request whose routed request could not be sent.
    pub fn respond_busy(
        &mut self,
        routed: Box<RoutedRequest>,
        wire: &mut impl Wire,
        context: &mut ConnectionContext<'_>,
    ) -> Next {
        if let Phase::AwaitsPage(afterwards) = self.phase {
            self.phase = Phase::Streaming(afterwards);
            context.service.take_back(routed);
            return Next::Again;
        }
        let Phase::AwaitsOwner(afterwards) = self.phase else {
            context.service.take_back(routed);
            return Next::Again;
        };
        let written = context.service.give_up(context.engine, routed, &mut context.buffers.answer);
        self.respond(wire, context, written, afterwards).map_or_else(|next| next, |()| self.rest())
    }

    /// Whether there is something to go on with behind an answer.
    fn rest(&self) -> Next {
        if self.unread.is_empty() && self.readiness == Readiness::Nothing {
            Next::Waits(self.waits_for(&[]))
        } else {
            Next::Again
        }
    }

    /// Whether the exchange of keys is still to come, which is what costs most of a connection.
    pub(super) fn is_before_key_exchange(&self) -> bool {
        self.tls.as_ref().is_some_and(TlsSession::is_before_key_exchange)
    }

    /// Has a request that waits for its owner answered in any case when it goes on.
    pub const fn stop_waiting(&mut self) {
        self.http.stop_waiting();
    }

    /// How many requests have come whole so far, and pieces of a streamed answer have gone. It tells one from the next,
    /// and begins again after 2^32.
    #[must_use]
    pub const fn requests(&self) -> u32 {
        self.requests
    }

    /// Bytes that it keeps beside itself.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        let in_tls = self.tls.as_ref().map_or(0, TlsSession::held_bytes);
        self.unread.capacity() + self.unsent.capacity() + in_tls
    }

    fn take_turn(&mut self, wire: &mut impl Wire, context: &mut ConnectionContext<'_>) -> Turn<Next> {
        if self.readiness == Readiness::End && self.is_before_key_exchange() {
            // Nobody is there any more to see the certificate.
            return Err(Next::Ends(End::ByClient));
        }
        self.send_rest(wire, context)?;
        match self.phase {
            Phase::Ending(close_mode) => return self.close(wire, context, close_mode),
            Phase::AwaitsOwner(_) | Phase::AwaitsPage(_) => return Ok(Next::Waits(WaitsFor::RoutedRequest)),
            Phase::Streaming(afterwards) => {
                if let Some(next) = self.stream_on(wire, context, afterwards)? {
                    return Ok(next);
                }
            }
            Phase::Draining { .. } => return self.drain(wire, context),
            Phase::ProxyHeader => self.read_proxy_header(wire, context)?,
            Phase::FirstRequest | Phase::Talking => {}
        }
        let input = &mut context.buffers.input;
        input.clear();
        input.append(&mut self.unread);
        self.unread = Vec::new();
        self.serve_requests(wire, context)
    }

    /// Serves what is there, then what arrives, until nothing more does or its share is used up. What is left of the
    /// input is kept.
    fn serve_requests(&mut self, wire: &mut impl Wire, context: &mut ConnectionContext<'_>) -> Turn<Next> {
        let mut start = 0;
        let mut next = Next::Again;
        for _ in 0..STEPS_PER_SHARE_MAX {
            let step = match self.serve_one(wire, context, &mut start) {
                Ok(Input::Nothing) => {
                    context.buffers.input.drain(..start);
                    start = 0;
                    self.fill(wire, context)
                }
                served => served,
            };
            match step {
                Ok(Input::More) => {}
                Ok(Input::Nothing) => {
                    next = Next::Waits(self.waits_for(&context.buffers.input));
                    break;
                }
                Err(ended) => {
                    next = ended;
                    break;
                }
            }
        }
        let rest = context.buffers.input.get(start..).unwrap_or_default();
        if !rest.is_empty() && self.reads_on() {
            debug_assert!(
                rest.len() <= UNREAD_BYTES_MAX,
                "a read is bounded, and so is what it comes behind"
            );
            self.unread = rest.to_vec();
        }
        Ok(next)
    }

    /// Whether requests behind the last one that was read will be served.
    const fn reads_on(&self) -> bool {
        !matches!(self.phase, Phase::Ending(_) | Phase::Draining { .. })
    }

    /// Serves the request at `start` of the input, if there is a whole one.
    fn serve_one(
        &mut self,
        wire: &mut impl Wire,
        context: &mut ConnectionContext<'_>,
        start: &mut usize,
    ) -> Turn<Input> {
        let Buffers { input, answer, .. } = &mut *context.buffers;
        let bytes = &input[*start..];
        if bytes.is_empty() {
            return Ok(Input::Nothing);
        }
        match self.http.advance(context.service, context.engine, context.now, bytes, answer) {
            HttpStep::Incomplete => Ok(Input::Nothing),
            HttpStep::NotHttp => Err(Next::Ends(End::NotHttp)),
            HttpStep::Answered { consumed, written, connection } => {
                self.requests = self.requests.wrapping_add(1);
                *start += consumed;
                self.respond(wire, context, written, connection)?;
                Ok(Input::More)
            }
            HttpStep::RoutedRequest { consumed, owner, routed, connection } => {
                self.requests = self.requests.wrapping_add(1);
                *start += consumed;
                self.phase = Phase::AwaitsOwner(connection);
                Err(Next::RoutedRequest(owner, routed))
            }
            HttpStep::OwnerBusy(owner) => Err(Next::WaitsForOwner(owner)),
            HttpStep::Stream { consumed, head, scrape, connection } => {
                *start += consumed;
                self.requests = self.requests.wrapping_add(1);
                self.stream = Some(Box::new(Stream::new(scrape)));
                self.phase = Phase::Streaming(connection);
                self.send(wire, context, head)?;
                Err(Next::Again)
            }
            HttpStep::Refused(written) => {
                self.phase = Phase::Ending(CloseMode::WhenRead);
                self.send(wire, context, written)?;
                Err(self.close(wire, context, CloseMode::WhenRead)?)
            }
        }
    }

    /// Sends an answer, and the end behind it where it says so.
    fn respond(
        &mut self,
        wire: &mut impl Wire,
        context: &mut ConnectionContext<'_>,
        written: core::ops::Range<usize>,
        afterwards: Afterwards,
    ) -> Turn<()> {
        self.phase = self.phase_after(afterwards);
        self.send(wire, context, written)?;
        self.end_if_last(wire, context)
    }

    const fn phase_after(&self, afterwards: Afterwards) -> Phase {
        match afterwards {
            Afterwards::KeepAlive => Phase::Talking,
            // The end is the tracker's wish and not the client's.
            Afterwards::Close if self.http.is_used_up() => Phase::Ending(CloseMode::WhenRead),
            Afterwards::Close => Phase::Ending(CloseMode::AtOnce),
        }
    }

    /// Ends the connection if the last answer said so, and is sent.
    fn end_if_last(&mut self, wire: &mut impl Wire, context: &mut ConnectionContext<'_>) -> Turn<()> {
        match self.phase {
            Phase::Ending(close_mode) => Err(self.close(wire, context, close_mode)?),
            _ => Ok(()),
        }
    }

    /// Tells the client that nothing more comes, now that all is sent.
    fn close(
        &mut self,
        wire: &mut impl Wire,
        context: &mut ConnectionContext<'_>,
        close_mode: CloseMode,
    ) -> Turn<Next> {
        self.unread = Vec::new();
        self.close_tls(wire, context)?;
        if close_mode == CloseMode::AtOnce && self.readiness == Readiness::Nothing {
            return Err(Next::Ends(End::AfterAnswer));
        }
        wire.end_sending();
        self.phase = Phase::Draining { bytes_left: DRAIN_BYTES_MAX };
        self.drain(wire, context)
    }

    /// Sends the next piece of the answer that is being streamed; `None` when it is all sent.
    fn stream_on(
        &mut self,
        wire: &mut impl Wire,
        context: &mut ConnectionContext<'_>,
        afterwards: Afterwards,
    ) -> Turn<Option<Next>> {
        let Some(stream) = &mut self.stream else { return Ok(Some(Next::Again)) };
        let ConnectionContext { service, engine, now, buffers } = &mut *context;
        match service.next_page(engine, *now, &mut stream.scrape, &mut buffers.answer) {
            Page::Written(bytes) => {
                self.send_body(wire, context, |stream, piece, answer| stream.put(&answer[..bytes], piece))?;
            }
            Page::RoutedRequest(owner, routed) => {
                self.phase = Phase::AwaitsPage(afterwards);
                return Err(Next::RoutedRequest(owner, routed));
            }
            Page::OwnerBusy(owner) => return Err(Next::WaitsForOwner(owner)),
            Page::Over => return self.end_stream(wire, context, afterwards).map(|()| None),
        }
        Ok(Some(Next::Again))
    }

    /// Sends the last piece, and the end behind it where it was asked for.
    fn end_stream(
        &mut self,
        wire: &mut impl Wire,
        context: &mut ConnectionContext<'_>,
        afterwards: Afterwards,
    ) -> Turn<()> {
        self.phase = self.phase_after(afterwards);
        let sent = self.send_body(wire, context, |stream, piece, _| stream.finish(piece));
        self.stream = None;
        sent?;
        self.end_if_last(wire, context)
    }

    /// Sends the piece of a page that has come back.
    fn send_page(
        &mut self,
        routed: Box<RoutedRequest>,
        wire: &mut impl Wire,
        context: &mut ConnectionContext<'_>,
    ) -> Turn<()> {
        let Some(stream) = &mut self.stream else {
            context.service.take_back(routed);
            return Ok(());
        };
        let bytes = context.service.finish_page(routed, &mut stream.scrape, &mut context.buffers.answer);
        self.send_body(wire, context, |stream, piece, answer| stream.put(&answer[..bytes], piece))
    }

    /// Sends what `put` makes of the stream, of the answer buffer too.
    fn send_body(
        &mut self,
        wire: &mut impl Wire,
        context: &mut ConnectionContext<'_>,
        put: impl FnOnce(&mut Stream, &mut Vec<u8>, &[u8]),
    ) -> Turn<()> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let Buffers { answer, piece, outgoing, .. } = &mut *context.buffers;
        piece.clear();
        put(stream, piece, answer);
        self.requests = self.requests.wrapping_add(1);
        if piece.is_empty() {
            return Ok(());
        }
        let Some(session) = &mut self.tls else {
            return self.send_now(wire, context.engine, piece);
        };
        outgoing.clear();
        session.send(piece, outgoing).map_err(|_| Next::Ends(End::Tls))?;
        self.send_outgoing(wire, context)
    }

    /// Reads what has arrived behind the input.
    fn fill(&mut self, wire: &mut impl Wire, context: &mut ConnectionContext<'_>) -> Turn<Input> {
        if self.readiness == Readiness::Nothing {
            return Ok(Input::Nothing);
        }
        let mut received = std::mem::take(&mut context.buffers.received);
        let taken = self
            .receive(wire, context.engine, &mut received)
            .and_then(|bytes| self.receive_tls(wire, context, &mut received[..bytes]));
        context.buffers.received = received;
        taken
    }

    /// Reads once from the wire; 0 bytes where there is nothing.
    fn receive(&mut self, wire: &mut impl Wire, engine: &mut Engine, into: &mut [u8]) -> Turn<usize> {
        match wire.receive(into) {
            Ok(0) => Err(Next::Ends(End::ByClient)),
            Ok(received) => {
                engine.statistics_mut().add(Counter::HttpBytesReceived, received as u64);
                // A read that is not full has emptied the socket, but for an end that was told of.
                if received < into.len() && self.readiness == Readiness::Something {
                    self.readiness = Readiness::Nothing;
                }
                Ok(received)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.readiness = Readiness::Nothing;
                Ok(0)
            }
            Err(_) => Err(Next::Ends(End::Broken)),
        }
    }

    /// Puts what was received behind the input, decrypted if it is TLS, and sends what the session has to say.
    fn receive_tls(
        &mut self,
        wire: &mut impl Wire,
        context: &mut ConnectionContext<'_>,
        received: &mut [u8],
    ) -> Turn<Input> {
        if received.is_empty() {
            return Ok(Input::Nothing);
        }
        let Buffers { input, outgoing, .. } = &mut *context.buffers;
        let Some(session) = &mut self.tls else {
            input.extend_from_slice(received);
            return Ok(Input::More);
        };
        outgoing.clear();
        let received = session.receive(received, input, outgoing);
        let sent = self.send_outgoing(wire, context);
        // An alert that finds no room is not waited for.
        let received = received.map_err(|_| Next::Ends(End::Tls))?;
        sent?;
        match received {
            Received::Open => Ok(Input::More),
            // What came before the end is served first; then the wire tells of its end.
            Received::ClosedByPeer if !context.buffers.input.is_empty() => Ok(Input::More),
            Received::ClosedByPeer => Err(Next::Ends(End::ByClient)),
        }
    }

    /// Reads the header of the PROXY protocol; behind it may lie the first bytes of TLS or of a request.
    fn read_proxy_header(&mut self, wire: &mut impl Wire, context: &mut ConnectionContext<'_>) -> Turn<()> {
        loop {
            match self.http.read_proxy_header(&self.unread) {
                ProxyStep::Invalid => return Err(Next::Ends(End::NoProxyHeader)),
                ProxyStep::Complete(bytes) => {
                    self.unread.drain(..bytes);
                    self.phase = Phase::FirstRequest;
                    return self.receive_unread(wire, context);
                }
                ProxyStep::Incomplete => {}
            }
            if self.readiness == Readiness::Nothing {
                return Err(Next::Waits(WaitsFor::FirstRequest));
            }
            let bytes = self.receive(wire, context.engine, &mut context.buffers.received)?;
            self.unread.extend_from_slice(&context.buffers.received[..bytes]);
        }
    }

    /// What came behind the header of the PROXY protocol is TLS, where the connection speaks it.
    fn receive_unread(&mut self, wire: &mut impl Wire, context: &mut ConnectionContext<'_>) -> Turn<()> {
        let mut received = std::mem::take(&mut self.unread);
        context.buffers.input.clear();
        let taken = self.receive_tls(wire, context, &mut received);
        self.unread.extend_from_slice(&context.buffers.input);
        taken.map(|_| ())
    }

    /// Sends a part of the answer buffer.
    fn send(
        &mut self,
        wire: &mut impl Wire,
        context: &mut ConnectionContext<'_>,
        written: core::ops::Range<usize>,
    ) -> Turn<()> {
        let Buffers { answer, outgoing, .. } = &mut *context.buffers;
        let Some(session) = &mut self.tls else {
            return self.send_now(wire, context.engine, &answer[written]);
        };
        outgoing.clear();
        session.send(&answer[written], outgoing).map_err(|_| Next::Ends(End::Tls))?;
        self.send_outgoing(wire, context)
    }

    fn send_outgoing(&mut self, wire: &mut impl Wire, context: &mut ConnectionContext<'_>) -> Turn<()> {
        if context.buffers.outgoing.is_empty() {
            return Ok(());
        }
        self.send_now(wire, context.engine, &context.buffers.outgoing)
    }

    /// Sends these bytes. Those that the wire has no room for are kept, and nothing else is done until it has.
    fn send_now(&mut self, wire: &mut impl Wire, engine: &mut Engine, bytes: &[u8]) -> Turn<()> {
        debug_assert!(self.unsent.is_empty(), "nothing is said before the last word is sent");
        let sent = send_some(wire, engine, bytes)?;
        let rest = &bytes[sent..];
        if rest.is_empty() {
            return Ok(());
        }
        self.unsent = rest.to_vec();
        Err(Next::Waits(WaitsFor::AnswerTaken))
    }

    /// Sends what the wire had no room for.
    fn send_rest(&mut self, wire: &mut impl Wire, context: &mut ConnectionContext<'_>) -> Turn<()> {
        if self.unsent.is_empty() {
            return Ok(());
        }
        let sent = send_some(wire, context.engine, &self.unsent)?;
        self.unsent.drain(..sent);
        if !self.unsent.is_empty() {
            return Err(Next::Waits(WaitsFor::AnswerTaken));
        }
        self.unsent = Vec::new();
        Ok(())
    }

    fn close_tls(&mut self, wire: &mut impl Wire, context: &mut ConnectionContext<'_>) -> Turn<()> {
        let Some(session) = &mut self.tls else { return Ok(()) };
        context.buffers.outgoing.clear();
        session.close(&mut context.buffers.outgoing);
        self.send_outgoing(wire, context)
    }

    /// Throws away what still comes behind the last request.
    fn drain(&mut self, wire: &mut impl Wire, context: &mut ConnectionContext<'_>) -> Turn<Next> {
        let Phase::Draining { mut bytes_left } = self.phase else { return Ok(Next::Again) };
        while self.readiness != Readiness::Nothing {
            let received = match self.receive(wire, context.engine, &mut context.buffers.received) {
                // That its client closes it is what it waits for.
                Err(Next::Ends(End::ByClient)) => return Err(Next::Ends(End::AfterAnswer)),
                received => received?,
            };
            bytes_left = bytes_left.saturating_sub(u32::try_from(received).unwrap_or(u32::MAX));
            if bytes_left == 0 {
                return Err(Next::Ends(End::AfterAnswer));
            }
        }
        self.phase = Phase::Draining { bytes_left };
        Ok(Next::Waits(WaitsFor::Close))
    }

    fn waits_for(&self, unread: &[u8]) -> WaitsFor {
        match self.phase {
            Phase::Talking if unread.is_empty() && !self.is_amid_record() => WaitsFor::NextRequest,
            Phase::Talking => WaitsFor::Request,
            _ => WaitsFor::FirstRequest,
        }
    }

    /// Whether the client has begun something in TLS that it has not ended.
    fn is_amid_record(&self) -> bool {
        self.tls.as_ref().is_some_and(|session| session.held_bytes() > 0)
    }
}

/// How many of the bytes the wire took.
fn send_some(wire: &mut impl Wire, engine: &mut Engine, bytes: &[u8]) -> Turn<usize> {
    match wire.send(bytes) {
        Ok(sent) => {
            engine.statistics_mut().add(Counter::HttpBytesSent, sent as u64);
            Ok(sent)
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        Err(_) => Err(Next::Ends(End::Broken)),
    }
}
