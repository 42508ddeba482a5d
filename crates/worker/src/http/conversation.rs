use super::buffers::Buffers;
use super::end::{End, WaitsFor};
use super::limits::{DRAIN_BYTES_MAX, STEPS_PER_SHARE_MAX, UNREAD_BYTES_MAX};
use super::stream::Stream;
use super::wire::Wire;
use engine::{Engine, Errand, HttpConnection, HttpService, HttpStep, Now, Page, ProxyStep};
use http_protocol::Connection as Afterwards;
use primitives::{Counter, ShardId};
use std::io::ErrorKind;
use std::net::IpAddr;
use tls::{Received, ServerIdentity, TlsError, TlsSession};

/// What goes over one connection, from its first byte to its last. It knows the wire as a trait only.
#[derive(Debug)]
pub struct Conversation {
    http: HttpConnection,
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
    /// An errand is on its way for the last request.
    OnErrand(Afterwards),
    /// Pieces of an answer are being sent.
    Streaming(Afterwards),
    /// An errand is on its way for the next piece.
    OnPage(Afterwards),
    /// It ends when all is sent.
    Ending(Farewell),
    /// All was said, and so many bytes more are thrown away while the client reads it.
    Draining { bytes_left: u32 },
}

/// How a connection ends behind its last answer. To close one that has something unread resets it (RFC 9112, 9.6), which
/// takes answers from the client that are still on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Farewell {
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
pub struct Desk<'a> {
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
pub enum Fate {
    /// It waits.
    Waits(WaitsFor),
    /// It waits until the owner of a torrent has given back an errand of this core.
    WaitsForOwner(ShardId),
    /// It has more to be served, when the others have had their turn.
    Again,
    /// An errand begins.
    Errand(ShardId, Box<Errand>),
    /// It ends.
    Ends(End),
}

/// Whether there is something at the front of the input to go on with.
enum Input {
    More,
    Nothing,
}

type Turn<T> = Result<T, Fate>;

impl Conversation {
    /// A connection from `remote` that nothing has come by yet; with an identity it speaks TLS.
    ///
    /// # Errors
    /// When TLS cannot begin.
    pub fn new(
        service: &HttpService,
        remote: IpAddr,
        identity: Option<&ServerIdentity>,
    ) -> Result<Self, TlsError> {
        let http = HttpConnection::new(service.policy(), remote);
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
    pub fn go_on(&mut self, wire: &mut impl Wire, desk: &mut Desk<'_>) -> Fate {
        self.take_turn(wire, desk).unwrap_or_else(|fate| fate)
    }

    /// Answers the request whose errand is back. What else there is to do has its share later.
    pub fn answer(&mut self, mut errand: Box<Errand>, wire: &mut impl Wire, desk: &mut Desk<'_>) -> Fate {
        if let Phase::OnPage(afterwards) = self.phase {
            self.phase = Phase::Streaming(afterwards);
            return self.send_page(errand, wire, desk).map_or_else(|fate| fate, |()| Fate::Again);
        }
        let Phase::OnErrand(afterwards) = self.phase else {
            desk.service.take_back(errand);
            return Fate::Again;
        };
        if let Some(owner) = desk.service.send_on(desk.engine, &mut errand) {
            return Fate::Errand(owner, errand);
        }
        let written = desk.service.finish(desk.engine, errand, &mut desk.buffers.answer);
        self.say(wire, desk, written, afterwards).map_or_else(|fate| fate, |()| self.rest())
    }

    /// Answers a request whose errand could not be sent.
    pub fn answer_busy(&mut self, errand: Box<Errand>, wire: &mut impl Wire, desk: &mut Desk<'_>) -> Fate {
        if let Phase::OnPage(afterwards) = self.phase {
            self.phase = Phase::Streaming(afterwards);
            desk.service.take_back(errand);
            return Fate::Again;
        }
        let Phase::OnErrand(afterwards) = self.phase else {
            desk.service.take_back(errand);
            return Fate::Again;
        };
        let written = desk.service.give_up(desk.engine, errand, &mut desk.buffers.answer);
        self.say(wire, desk, written, afterwards).map_or_else(|fate| fate, |()| self.rest())
    }

    /// Whether there is something to go on with behind an answer.
    fn rest(&self) -> Fate {
        if self.unread.is_empty() && self.readiness == Readiness::Nothing {
            Fate::Waits(self.waits_for(&[]))
        } else {
            Fate::Again
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

    fn take_turn(&mut self, wire: &mut impl Wire, desk: &mut Desk<'_>) -> Turn<Fate> {
        if self.readiness == Readiness::End && self.is_before_key_exchange() {
            // Nobody is there any more to see the certificate.
            return Err(Fate::Ends(End::ByClient));
        }
        self.send_rest(wire, desk)?;
        match self.phase {
            Phase::Ending(farewell) => return self.say_farewell(wire, desk, farewell),
            Phase::OnErrand(_) | Phase::OnPage(_) => return Ok(Fate::Waits(WaitsFor::Errand)),
            Phase::Streaming(afterwards) => {
                if let Some(fate) = self.stream_on(wire, desk, afterwards)? {
                    return Ok(fate);
                }
            }
            Phase::Draining { .. } => return self.drain(wire, desk),
            Phase::ProxyHeader => self.read_proxy_header(wire, desk)?,
            Phase::FirstRequest | Phase::Talking => {}
        }
        let input = &mut desk.buffers.input;
        input.clear();
        input.append(&mut self.unread);
        self.unread = Vec::new();
        self.serve_requests(wire, desk)
    }

    /// Serves what is there, then what arrives, until nothing more does or its share is used up. What is left of the
    /// input is kept.
    fn serve_requests(&mut self, wire: &mut impl Wire, desk: &mut Desk<'_>) -> Turn<Fate> {
        let mut start = 0;
        let mut fate = Fate::Again;
        for _ in 0..STEPS_PER_SHARE_MAX {
            let step = match self.serve_one(wire, desk, &mut start) {
                Ok(Input::Nothing) => {
                    desk.buffers.input.drain(..start);
                    start = 0;
                    self.fill(wire, desk)
                }
                served => served,
            };
            match step {
                Ok(Input::More) => {}
                Ok(Input::Nothing) => {
                    fate = Fate::Waits(self.waits_for(&desk.buffers.input));
                    break;
                }
                Err(ended) => {
                    fate = ended;
                    break;
                }
            }
        }
        let rest = desk.buffers.input.get(start..).unwrap_or_default();
        if !rest.is_empty() && self.reads_on() {
            debug_assert!(
                rest.len() <= UNREAD_BYTES_MAX,
                "a read is bounded, and so is what it comes behind"
            );
            self.unread = rest.to_vec();
        }
        Ok(fate)
    }

    /// Whether requests behind the last one that was read will be served.
    const fn reads_on(&self) -> bool {
        !matches!(self.phase, Phase::Ending(_) | Phase::Draining { .. })
    }

    /// Serves the request at `start` of the input, if there is a whole one.
    fn serve_one(&mut self, wire: &mut impl Wire, desk: &mut Desk<'_>, start: &mut usize) -> Turn<Input> {
        let Buffers { input, answer, .. } = &mut *desk.buffers;
        let bytes = &input[*start..];
        if bytes.is_empty() {
            return Ok(Input::Nothing);
        }
        match self.http.advance(desk.service, desk.engine, desk.now, bytes, answer) {
            HttpStep::Incomplete => Ok(Input::Nothing),
            HttpStep::NotHttp => Err(Fate::Ends(End::NotHttp)),
            HttpStep::Answered { consumed, written, connection } => {
                self.requests = self.requests.wrapping_add(1);
                *start += consumed;
                self.say(wire, desk, written, connection)?;
                Ok(Input::More)
            }
            HttpStep::Errand { consumed, owner, errand, connection } => {
                self.requests = self.requests.wrapping_add(1);
                *start += consumed;
                self.phase = Phase::OnErrand(connection);
                Err(Fate::Errand(owner, errand))
            }
            HttpStep::OwnerBusy(owner) => Err(Fate::WaitsForOwner(owner)),
            HttpStep::Stream { consumed, head, scrape, connection } => {
                *start += consumed;
                self.requests = self.requests.wrapping_add(1);
                self.stream = Some(Box::new(Stream::new(scrape)));
                self.phase = Phase::Streaming(connection);
                self.send(wire, desk, head)?;
                Err(Fate::Again)
            }
            HttpStep::Refused(written) => {
                self.phase = Phase::Ending(Farewell::WhenRead);
                self.send(wire, desk, written)?;
                Err(self.say_farewell(wire, desk, Farewell::WhenRead)?)
            }
        }
    }

    /// Sends an answer, and the end behind it where it says so.
    fn say(
        &mut self,
        wire: &mut impl Wire,
        desk: &mut Desk<'_>,
        written: core::ops::Range<usize>,
        afterwards: Afterwards,
    ) -> Turn<()> {
        self.phase = self.phase_after(afterwards);
        self.send(wire, desk, written)?;
        self.end_if_last(wire, desk)
    }

    const fn phase_after(&self, afterwards: Afterwards) -> Phase {
        match afterwards {
            Afterwards::KeepAlive => Phase::Talking,
            // The end is the tracker's wish and not the client's.
            Afterwards::Close if self.http.is_used_up() => Phase::Ending(Farewell::WhenRead),
            Afterwards::Close => Phase::Ending(Farewell::AtOnce),
        }
    }

    /// Ends the connection if the last answer said so, and is sent.
    fn end_if_last(&mut self, wire: &mut impl Wire, desk: &mut Desk<'_>) -> Turn<()> {
        match self.phase {
            Phase::Ending(farewell) => Err(self.say_farewell(wire, desk, farewell)?),
            _ => Ok(()),
        }
    }

    /// Tells the client that nothing more comes, now that all is sent.
    fn say_farewell(&mut self, wire: &mut impl Wire, desk: &mut Desk<'_>, farewell: Farewell) -> Turn<Fate> {
        self.unread = Vec::new();
        self.close_tls(wire, desk)?;
        if farewell == Farewell::AtOnce && self.readiness == Readiness::Nothing {
            return Err(Fate::Ends(End::AfterAnswer));
        }
        wire.end_sending();
        self.phase = Phase::Draining { bytes_left: DRAIN_BYTES_MAX };
        self.drain(wire, desk)
    }

    /// Sends the next piece of the answer that is being streamed; `None` when it is all sent.
    fn stream_on(
        &mut self,
        wire: &mut impl Wire,
        desk: &mut Desk<'_>,
        afterwards: Afterwards,
    ) -> Turn<Option<Fate>> {
        let Some(stream) = &mut self.stream else { return Ok(Some(Fate::Again)) };
        let Desk { service, engine, now, buffers } = &mut *desk;
        match service.next_page(engine, *now, &mut stream.scrape, &mut buffers.answer) {
            Page::Written(bytes) => {
                self.send_body(wire, desk, |stream, piece, answer| stream.put(&answer[..bytes], piece))?;
            }
            Page::Errand(owner, errand) => {
                self.phase = Phase::OnPage(afterwards);
                return Err(Fate::Errand(owner, errand));
            }
            Page::OwnerBusy(owner) => return Err(Fate::WaitsForOwner(owner)),
            Page::Over => return self.end_stream(wire, desk, afterwards).map(|()| None),
        }
        Ok(Some(Fate::Again))
    }

    /// Sends the last piece, and the end behind it where it was asked for.
    fn end_stream(&mut self, wire: &mut impl Wire, desk: &mut Desk<'_>, afterwards: Afterwards) -> Turn<()> {
        self.phase = self.phase_after(afterwards);
        let sent = self.send_body(wire, desk, |stream, piece, _| stream.finish(piece));
        self.stream = None;
        sent?;
        self.end_if_last(wire, desk)
    }

    /// Sends the piece of a page that has come back.
    fn send_page(&mut self, errand: Box<Errand>, wire: &mut impl Wire, desk: &mut Desk<'_>) -> Turn<()> {
        let Some(stream) = &mut self.stream else {
            desk.service.take_back(errand);
            return Ok(());
        };
        let bytes = desk.service.finish_page(errand, &mut stream.scrape, &mut desk.buffers.answer);
        self.send_body(wire, desk, |stream, piece, answer| stream.put(&answer[..bytes], piece))
    }

    /// Sends what `put` makes of the stream, of the answer buffer too.
    fn send_body(
        &mut self,
        wire: &mut impl Wire,
        desk: &mut Desk<'_>,
        put: impl FnOnce(&mut Stream, &mut Vec<u8>, &[u8]),
    ) -> Turn<()> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let Buffers { answer, piece, outgoing, .. } = &mut *desk.buffers;
        piece.clear();
        put(stream, piece, answer);
        self.requests = self.requests.wrapping_add(1);
        if piece.is_empty() {
            return Ok(());
        }
        let Some(session) = &mut self.tls else {
            return self.send_now(wire, desk.engine, piece);
        };
        outgoing.clear();
        session.send(piece, outgoing).map_err(|_| Fate::Ends(End::Tls))?;
        self.send_outgoing(wire, desk)
    }

    /// Reads what has arrived behind the input.
    fn fill(&mut self, wire: &mut impl Wire, desk: &mut Desk<'_>) -> Turn<Input> {
        if self.readiness == Readiness::Nothing {
            return Ok(Input::Nothing);
        }
        let mut received = std::mem::take(&mut desk.buffers.received);
        let taken = self
            .receive(wire, desk.engine, &mut received)
            .and_then(|bytes| self.take_in(wire, desk, &mut received[..bytes]));
        desk.buffers.received = received;
        taken
    }

    /// Reads once from the wire; 0 bytes where there is nothing.
    fn receive(&mut self, wire: &mut impl Wire, engine: &mut Engine, into: &mut [u8]) -> Turn<usize> {
        match wire.receive(into) {
            Ok(0) => Err(Fate::Ends(End::ByClient)),
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
            Err(_) => Err(Fate::Ends(End::Broken)),
        }
    }

    /// Puts what was received behind the input, decrypted if it is TLS, and sends what the session has to say.
    fn take_in(&mut self, wire: &mut impl Wire, desk: &mut Desk<'_>, received: &mut [u8]) -> Turn<Input> {
        if received.is_empty() {
            return Ok(Input::Nothing);
        }
        let Buffers { input, outgoing, .. } = &mut *desk.buffers;
        let Some(session) = &mut self.tls else {
            input.extend_from_slice(received);
            return Ok(Input::More);
        };
        outgoing.clear();
        let received = session.receive(received, input, outgoing);
        let sent = self.send_outgoing(wire, desk);
        // An alert that finds no room is not waited for.
        let received = received.map_err(|_| Fate::Ends(End::Tls))?;
        sent?;
        match received {
            Received::Open => Ok(Input::More),
            // What came before the end is served first; then the wire tells of its end.
            Received::ClosedByPeer if !desk.buffers.input.is_empty() => Ok(Input::More),
            Received::ClosedByPeer => Err(Fate::Ends(End::ByClient)),
        }
    }

    /// Reads the header of the PROXY protocol; behind it may lie the first bytes of TLS or of a request.
    fn read_proxy_header(&mut self, wire: &mut impl Wire, desk: &mut Desk<'_>) -> Turn<()> {
        loop {
            match self.http.read_proxy_header(&self.unread) {
                ProxyStep::Invalid => return Err(Fate::Ends(End::NoProxyHeader)),
                ProxyStep::Complete(bytes) => {
                    self.unread.drain(..bytes);
                    self.phase = Phase::FirstRequest;
                    return self.take_in_unread(wire, desk);
                }
                ProxyStep::Incomplete => {}
            }
            if self.readiness == Readiness::Nothing {
                return Err(Fate::Waits(WaitsFor::FirstRequest));
            }
            let bytes = self.receive(wire, desk.engine, &mut desk.buffers.received)?;
            self.unread.extend_from_slice(&desk.buffers.received[..bytes]);
        }
    }

    /// What came behind the header of the PROXY protocol is TLS, where the connection speaks it.
    fn take_in_unread(&mut self, wire: &mut impl Wire, desk: &mut Desk<'_>) -> Turn<()> {
        let mut received = std::mem::take(&mut self.unread);
        desk.buffers.input.clear();
        let taken = self.take_in(wire, desk, &mut received);
        self.unread.extend_from_slice(&desk.buffers.input);
        taken.map(|_| ())
    }

    /// Sends a part of the answer buffer.
    fn send(
        &mut self,
        wire: &mut impl Wire,
        desk: &mut Desk<'_>,
        written: core::ops::Range<usize>,
    ) -> Turn<()> {
        let Buffers { answer, outgoing, .. } = &mut *desk.buffers;
        let Some(session) = &mut self.tls else {
            return self.send_now(wire, desk.engine, &answer[written]);
        };
        outgoing.clear();
        session.send(&answer[written], outgoing).map_err(|_| Fate::Ends(End::Tls))?;
        self.send_outgoing(wire, desk)
    }

    fn send_outgoing(&mut self, wire: &mut impl Wire, desk: &mut Desk<'_>) -> Turn<()> {
        if desk.buffers.outgoing.is_empty() {
            return Ok(());
        }
        self.send_now(wire, desk.engine, &desk.buffers.outgoing)
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
        Err(Fate::Waits(WaitsFor::AnswerTaken))
    }

    /// Sends what the wire had no room for.
    fn send_rest(&mut self, wire: &mut impl Wire, desk: &mut Desk<'_>) -> Turn<()> {
        if self.unsent.is_empty() {
            return Ok(());
        }
        let sent = send_some(wire, desk.engine, &self.unsent)?;
        self.unsent.drain(..sent);
        if !self.unsent.is_empty() {
            return Err(Fate::Waits(WaitsFor::AnswerTaken));
        }
        self.unsent = Vec::new();
        Ok(())
    }

    fn close_tls(&mut self, wire: &mut impl Wire, desk: &mut Desk<'_>) -> Turn<()> {
        let Some(session) = &mut self.tls else { return Ok(()) };
        desk.buffers.outgoing.clear();
        session.close(&mut desk.buffers.outgoing);
        self.send_outgoing(wire, desk)
    }

    /// Throws away what still comes behind the last request.
    fn drain(&mut self, wire: &mut impl Wire, desk: &mut Desk<'_>) -> Turn<Fate> {
        let Phase::Draining { mut bytes_left } = self.phase else { return Ok(Fate::Again) };
        while self.readiness != Readiness::Nothing {
            let received = match self.receive(wire, desk.engine, &mut desk.buffers.received) {
                // That its client closes it is what it waits for.
                Err(Fate::Ends(End::ByClient)) => return Err(Fate::Ends(End::AfterAnswer)),
                received => received?,
            };
            bytes_left = bytes_left.saturating_sub(u32::try_from(received).unwrap_or(u32::MAX));
            if bytes_left == 0 {
                return Err(Fate::Ends(End::AfterAnswer));
            }
        }
        self.phase = Phase::Draining { bytes_left };
        Ok(Fate::Waits(WaitsFor::Close))
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
        Err(_) => Err(Fate::Ends(End::Broken)),
    }
}
