use super::buffers::Buffers;
use super::end::{End, Next, Step, WaitsFor};
use super::limits::{PAGE_PIECE_BYTES_MAX, STEPS_PER_SHARE_MAX};
use super::stream::{Piece, PieceContext, ScrapeStream, Stream};
use super::transport::{CloseMode, Input, Io, Payload, Transport};
use super::web_socket::WebSocket;
use crate::wire::{SendRoom, Wire};
use core::ops::{ControlFlow, Range};
use engine::{
    ConnectionToken, HttpExchange, HttpService, HttpStep, Now, Persistence, ProxyStep, RoutedRequest, Shard,
};
use http_protocol::Connection as Afterwards;
use primitives::AddressFamily;
use std::net::IpAddr;
use std::time::Instant;
use tls::{ServerIdentity, TlsError};

/// One HTTP connection, from its first byte to its last. It knows its socket only as a [`Wire`].
#[derive(Debug)]
pub(super) struct HttpConnection {
    pub(super) transport: Transport,
    exchange: HttpExchange,
    pub(super) phase: Phase,
    /// Present after the upgrade.
    pub(super) web_socket: Option<Box<WebSocket>>,
    /// Whole requests and frames received so far, plus pieces of scrapes sent.
    pub(super) requests: u32,
    /// The beginning of the turn that read the oldest whole request or message that is not answered, if there is one.
    pub(super) received: Option<Instant>,
}

#[derive(Debug)]
pub(super) enum Phase {
    /// The PROXY protocol header is to come first.
    ProxyHeader,
    FirstRequest,
    /// At least one request was answered.
    LaterRequest,
    /// The last request is at the owner of its torrent.
    AwaitsOwner(Afterwards),
    /// An answer is sent in pieces.
    Streaming(Stream, Afterwards),
    /// The next piece of a scrape is at another core.
    AwaitsPage(Box<ScrapeStream>, Afterwards),
    /// Frames are served.
    WebSocket,
    /// The last message is at the owner of its torrent.
    AwaitsMessage,
    /// It is closed when everything is sent.
    Closing(CloseMode),
    /// Everything is sent; at most this many bytes are discarded until the client closes the connection.
    Draining(u32),
}

/// The parts of a core that a connection uses in one turn.
#[derive(Debug)]
pub(super) struct ConnectionContext<'a, W> {
    pub(super) wire: &'a mut W,
    pub(super) service: &'a mut HttpService,
    pub(super) shard: &'a mut Shard,
    pub(super) now: Now,
    pub(super) connection: ConnectionToken,
    pub(super) buffers: &'a mut Buffers,
}

impl<W> ConnectionContext<'_, W> {
    pub(super) fn io(&mut self) -> Io<'_, W> {
        Io { wire: self.wire, statistics: self.shard.statistics_mut(), buffers: self.buffers }
    }

    /// Returns what makes the pieces of an answer, and the buffer for them.
    fn pieces(&mut self) -> (PieceContext<'_>, &mut Vec<u8>) {
        let Self { service, shard, now, buffers, .. } = self;
        let Buffers { answer, piece, .. } = &mut **buffers;
        (PieceContext { service, shard, now: *now, answer }, piece)
    }
}

impl HttpConnection {
    /// Returns the state of a new connection from `remote`, with TLS where there is an identity.
    ///
    /// # Errors
    /// When TLS cannot begin.
    pub(super) fn new(
        service: &HttpService,
        remote: IpAddr,
        identity: Option<&ServerIdentity>,
    ) -> Result<Self, TlsError> {
        let exchange = HttpExchange::new(service.policy(), remote);
        let has_header = exchange.expects_proxy_header(service.policy());
        Ok(Self {
            transport: Transport::new(identity)?,
            exchange,
            phase: if has_header { Phase::ProxyHeader } else { Phase::FirstRequest },
            web_socket: None,
            requests: 0,
            received: None,
        })
    }

    /// Notes that bytes have arrived.
    pub(super) const fn note_readable(&mut self) {
        self.transport.note_readable();
    }

    /// Notes that the client has sent its last byte, or is gone.
    pub(super) const fn note_hung_up(&mut self) {
        self.transport.note_hung_up();
    }

    /// Continues as far as possible without waiting, for at most one share of requests.
    pub(super) fn advance(&mut self, context: &mut ConnectionContext<'_, impl Wire>) -> Next {
        after(self.take_turn(context), || Next::Again)
    }

    /// Answers the request that was routed to the owner of its torrent and is back.
    pub(super) fn answer(
        &mut self,
        mut routed: Box<RoutedRequest>,
        context: &mut ConnectionContext<'_, impl Wire>,
    ) -> Next {
        match self.take_phase() {
            Phase::AwaitsPage(scrape, afterwards) => {
                self.phase = Phase::Streaming(Stream::FullScrape(scrape), afterwards);
                after(self.send_page(routed, context), || Next::Again)
            }
            Phase::AwaitsOwner(afterwards) => {
                if let Some(owner) = context.service.send_on(context.shard, &mut routed) {
                    self.phase = Phase::AwaitsOwner(afterwards);
                    return Next::Routed(owner, routed);
                }
                let afterwards = context.service.persistence().of(afterwards);
                let written = context.service.finish(context.shard, routed, &mut context.buffers.answer);
                after(self.respond(context, written, afterwards), || self.next_after_answer())
            }
            Phase::AwaitsMessage => self.finish_message(routed, context),
            phase => self.discard(phase, routed, context),
        }
    }

    /// Answers a request that could not be sent to the owner of its torrent.
    pub(super) fn respond_busy(
        &mut self,
        routed: Box<RoutedRequest>,
        context: &mut ConnectionContext<'_, impl Wire>,
    ) -> Next {
        match self.take_phase() {
            Phase::AwaitsPage(scrape, afterwards) => {
                let phase = Phase::Streaming(Stream::FullScrape(scrape), afterwards);
                self.discard(phase, routed, context)
            }
            Phase::AwaitsOwner(afterwards) => {
                let afterwards = context.service.persistence().of(afterwards);
                let written = context.service.give_up(context.shard, routed, &mut context.buffers.answer);
                after(self.respond(context, written, afterwards), || self.next_after_answer())
            }
            phase => self.discard(phase, routed, context),
        }
    }

    /// Returns whether the key exchange, which is most of the cost of a connection, is still to come.
    pub(super) fn is_before_key_exchange(&self) -> bool {
        self.transport.is_before_key_exchange()
    }

    /// Makes the next turn answer a request that waits for its owner, in any case.
    pub(super) fn stop_waiting(&mut self) {
        match &mut self.web_socket {
            Some(web_socket) => web_socket.stop_waiting(),
            None => self.exchange.stop_waiting(),
        }
    }

    /// Returns a number that changes when a wait of this kind is over: that of the whole requests and frames received
    /// and of the pieces of scrapes sent, or, while a WebSocket waits for room, that of the times it has sent frames. A
    /// page has one deadline for all its pieces.
    #[must_use]
    pub(super) fn progress(&self, waits_for: WaitsFor) -> u32 {
        match &self.web_socket {
            Some(web_socket) if waits_for == WaitsFor::AnswerTaken => web_socket.batches_sent(),
            _ => self.requests,
        }
    }

    /// Returns what a connection waits for while it is queued.
    pub(super) const fn waits_in_queue(&self) -> WaitsFor {
        match self.phase {
            Phase::Streaming(..) => WaitsFor::AnswerTaken,
            _ => WaitsFor::Request,
        }
    }

    /// Returns whether whole requests or messages may wait for their answers after a turn that ended with `next`.
    pub(super) fn has_unanswered(&self, next: &Next) -> bool {
        let is_at_owner =
            matches!(self.phase, Phase::AwaitsOwner(_) | Phase::AwaitsPage(..) | Phase::AwaitsMessage);
        let is_unserved = match next {
            Next::WaitsForOwner(_) => true,
            Next::Again => self.transport.has_unread(),
            _ => false,
        };
        is_at_owner || is_unserved
    }

    /// Returns the size of its buffers, and of what it holds of its client's messages.
    pub(super) fn buffered_bytes(&self) -> usize {
        let web_socket = self.web_socket.as_ref().map_or(0, |web_socket| web_socket.buffered_bytes());
        self.transport.buffered_bytes() + web_socket
    }

    /// Returns the family of its client.
    pub(super) fn family(&self) -> AddressFamily {
        self.web_socket.as_ref().map_or_else(|| self.exchange.family(), |web_socket| web_socket.family())
    }

    fn take_turn(&mut self, context: &mut ConnectionContext<'_, impl Wire>) -> Step<()> {
        if self.transport.is_abandoned() {
            // The client is gone, and would not see the certificate.
            return ControlFlow::Break(Next::Ends(End::ByClient));
        }
        self.send_frames(context)?;
        match &self.phase {
            Phase::Closing(_) | Phase::Draining(_) => return self.close(context),
            Phase::WebSocket => self.serve_waiting(context)?,
            Phase::AwaitsOwner(_) | Phase::AwaitsPage(..) | Phase::AwaitsMessage => {
                return ControlFlow::Break(Next::Waits(WaitsFor::RoutedRequest));
            }
            Phase::Streaming(..) => self.stream_on(context)?,
            Phase::ProxyHeader => self.read_proxy_header(context)?,
            Phase::FirstRequest | Phase::LaterRequest => {}
        }
        self.serve_requests(context)
    }

    fn read_proxy_header(&mut self, context: &mut ConnectionContext<'_, impl Wire>) -> Step<()> {
        let Self { transport, exchange, phase, .. } = self;
        transport.read_proxy_header(&mut context.io(), |bytes| {
            let step = exchange.read_proxy_header(bytes);
            if let ProxyStep::Complete(_) = step {
                *phase = Phase::FirstRequest;
            }
            step
        })
    }

    /// Serves the requests that are there, then those that arrive, until there are no more or the share is used up. The
    /// rest of the input is kept.
    fn serve_requests(&mut self, context: &mut ConnectionContext<'_, impl Wire>) -> Step<()> {
        self.transport.take_unread(&mut context.buffers.input);
        let mut start = 0;
        let served = self.serve_share(context, &mut start);
        let rest = context.buffers.input.get(start..).unwrap_or_default();
        if !rest.is_empty() && self.reads_on() {
            self.transport.keep_unread(rest);
        }
        served
    }

    fn serve_share(&mut self, context: &mut ConnectionContext<'_, impl Wire>, start: &mut usize) -> Step<()> {
        for _ in 0..STEPS_PER_SHARE_MAX {
            if let Input::More = self.serve_one(context, start)? {
                continue;
            }
            context.buffers.input.drain(..*start);
            *start = 0;
            if let Input::Nothing = self.transport.fill(&mut context.io())? {
                return ControlFlow::Break(Next::Waits(self.waits_for(&context.buffers.input)));
            }
        }
        ControlFlow::Continue(())
    }

    /// Whether the requests that follow in the input will be served.
    const fn reads_on(&self) -> bool {
        !matches!(self.phase, Phase::Closing(_) | Phase::Draining(_))
    }

    /// Serves the request at `start` of the input, if it is whole.
    fn serve_one(
        &mut self,
        context: &mut ConnectionContext<'_, impl Wire>,
        start: &mut usize,
    ) -> Step<Input> {
        if self.web_socket.is_some() {
            return self.serve_frame(context, start);
        }
        let ConnectionContext { service, shard, now, buffers, .. } = &mut *context;
        let Buffers { input, answer, .. } = &mut **buffers;
        let bytes = &input[*start..];
        if bytes.is_empty() {
            return ControlFlow::Continue(Input::Nothing);
        }
        match self.exchange.advance(service, shard, *now, bytes, answer) {
            HttpStep::Incomplete => ControlFlow::Continue(Input::Nothing),
            HttpStep::NotHttp => ControlFlow::Break(Next::Ends(End::NotHttp)),
            HttpStep::Answered { consumed, written, connection } => {
                self.note_request(start, consumed);
                self.respond(context, written, connection)?;
                ControlFlow::Continue(Input::More)
            }
            HttpStep::Routed { consumed, owner, routed, connection } => {
                self.note_request(start, consumed);
                self.phase = Phase::AwaitsOwner(connection);
                ControlFlow::Break(Next::Routed(owner, routed))
            }
            HttpStep::OwnerBusy(owner) => ControlFlow::Break(Next::WaitsForOwner(owner)),
            HttpStep::Stream { consumed, written, body, connection } => {
                self.note_request(start, consumed);
                let stream = Stream::new(body);
                if let Stream::FullScrape(_) = stream {
                    context.io().wire.use_send_room(SendRoom::FullScrape);
                }
                self.phase = Phase::Streaming(stream, connection);
                self.transport.send(&mut context.io(), Payload::Answer(written))?;
                ControlFlow::Break(Next::Again)
            }
            HttpStep::Upgraded { consumed, written, client } => {
                self.note_request(start, consumed);
                self.upgrade(client);
                self.transport.send(&mut context.io(), Payload::Answer(written))?;
                ControlFlow::Continue(Input::More)
            }
            HttpStep::Refused(written) => self.refuse(context, written),
        }
    }

    /// Sends an answer to something that is not a request, and closes the connection.
    fn refuse(
        &mut self,
        context: &mut ConnectionContext<'_, impl Wire>,
        written: Range<usize>,
    ) -> Step<Input> {
        self.phase = Phase::Closing(CloseMode::WhenRead);
        self.transport.send(&mut context.io(), Payload::Answer(written))?;
        self.close(context)?;
        ControlFlow::Break(Next::Again)
    }

    const fn note_request(&mut self, start: &mut usize, consumed: usize) {
        self.requests = self.requests.wrapping_add(1);
        *start += consumed;
    }

    /// Sends an answer, and closes the connection if it was the last one.
    fn respond(
        &mut self,
        context: &mut ConnectionContext<'_, impl Wire>,
        written: Range<usize>,
        afterwards: Afterwards,
    ) -> Step<()> {
        self.phase = self.phase_after(afterwards, context.service.persistence());
        self.transport.send(&mut context.io(), Payload::Answer(written))?;
        self.close_after_last(context)
    }

    fn phase_after(&self, afterwards: Afterwards, persistence: Persistence) -> Phase {
        let is_ours = self.exchange.is_used_up() || persistence == Persistence::UntilNextAnswer;
        match afterwards {
            Afterwards::KeepAlive => Phase::LaterRequest,
            // The tracker closes it, not the client.
            Afterwards::Close if is_ours => Phase::Closing(CloseMode::WhenRead),
            Afterwards::Close => Phase::Closing(CloseMode::AtOnce),
        }
    }

    fn close_after_last(&mut self, context: &mut ConnectionContext<'_, impl Wire>) -> Step<()> {
        if self.reads_on() { ControlFlow::Continue(()) } else { self.close(context) }
    }

    /// Closes the connection after everything is sent, and discards what the client still sends.
    pub(super) fn close(&mut self, context: &mut ConnectionContext<'_, impl Wire>) -> Step<()> {
        let bytes_left = match self.phase {
            Phase::Closing(mode) => self.transport.close(&mut context.io(), mode)?,
            Phase::Draining(bytes_left) => bytes_left,
            _ => return ControlFlow::Continue(()),
        };
        self.phase = Phase::Draining(bytes_left);
        self.phase = Phase::Draining(self.transport.drain(&mut context.io(), bytes_left)?);
        ControlFlow::Break(Next::Waits(WaitsFor::Close))
    }

    /// Sends the next piece of the answer that is being streamed. Continues when all of it is sent.
    fn stream_on(&mut self, context: &mut ConnectionContext<'_, impl Wire>) -> Step<()> {
        let Phase::Streaming(stream, afterwards) = self.take_phase() else {
            return ControlFlow::Continue(());
        };
        match stream {
            Stream::FullScrape(scrape) => self.scrape_on(scrape, afterwards, context),
            Stream::Page(mut page) => {
                let piece = &mut context.buffers.piece;
                piece.clear();
                piece.extend_from_slice(page.next_piece(PAGE_PIECE_BYTES_MAX));
                let rest = (!page.is_sent()).then_some(Stream::Page(page));
                self.send_next(rest, afterwards, context)
            }
        }
    }

    fn scrape_on(
        &mut self,
        mut scrape: Box<ScrapeStream>,
        afterwards: Afterwards,
        context: &mut ConnectionContext<'_, impl Wire>,
    ) -> Step<()> {
        let (pieces, out) = context.pieces();
        let rest = match scrape.next_piece(pieces, out) {
            Piece::Written => Some(Stream::FullScrape(scrape)),
            Piece::Last => {
                context.io().wire.use_send_room(SendRoom::Answers);
                None
            }
            Piece::Routed(owner, routed) => {
                self.phase = Phase::AwaitsPage(scrape, afterwards);
                return ControlFlow::Break(Next::Routed(owner, routed));
            }
            Piece::OwnerBusy(owner) => {
                self.phase = Phase::Streaming(Stream::FullScrape(scrape), afterwards);
                return ControlFlow::Break(Next::WaitsForOwner(owner));
            }
        };
        self.requests = self.requests.wrapping_add(1);
        self.send_next(rest, afterwards, context)
    }

    /// Sends the piece of a scrape that has come back.
    fn send_page(
        &mut self,
        routed: Box<RoutedRequest>,
        context: &mut ConnectionContext<'_, impl Wire>,
    ) -> Step<()> {
        let Phase::Streaming(Stream::FullScrape(scrape), _) = &mut self.phase else {
            return ControlFlow::Continue(());
        };
        let (pieces, out) = context.pieces();
        scrape.finish_piece(routed, pieces, out);
        self.requests = self.requests.wrapping_add(1);
        self.send_piece(context)
    }

    /// Sends a piece of an answer, of which `rest` is to follow.
    fn send_next(
        &mut self,
        rest: Option<Stream>,
        afterwards: Afterwards,
        context: &mut ConnectionContext<'_, impl Wire>,
    ) -> Step<()> {
        if let Some(rest) = rest {
            self.phase = Phase::Streaming(rest, afterwards);
            self.send_piece(context)?;
            return ControlFlow::Break(Next::Again);
        }
        self.phase = self.phase_after(afterwards, context.service.persistence());
        self.send_piece(context)?;
        self.close_after_last(context)
    }

    fn send_piece(&mut self, context: &mut ConnectionContext<'_, impl Wire>) -> Step<()> {
        if context.buffers.piece.is_empty() {
            return ControlFlow::Continue(());
        }
        self.transport.send(&mut context.io(), Payload::Piece)
    }

    /// Takes the phase, which is to be set again afterwards.
    fn take_phase(&mut self) -> Phase {
        core::mem::replace(&mut self.phase, Phase::LaterRequest)
    }

    /// Takes back a routed request for which nothing is to be done.
    pub(super) fn discard<W>(
        &mut self,
        phase: Phase,
        routed: Box<RoutedRequest>,
        context: &mut ConnectionContext<'_, W>,
    ) -> Next {
        self.phase = phase;
        context.service.take_back(routed);
        Next::Again
    }

    pub(super) fn next_after_answer(&self) -> Next {
        if self.transport.has_input() { Next::Again } else { Next::Waits(self.waits_for(&[])) }
    }

    fn waits_for(&self, unread: &[u8]) -> WaitsFor {
        match self.phase {
            Phase::LaterRequest if unread.is_empty() && !self.transport.is_amid_record() => {
                WaitsFor::NextRequest
            }
            Phase::WebSocket => self.waits_for_frame(unread),
            Phase::LaterRequest => WaitsFor::Request,
            _ => WaitsFor::FirstRequest,
        }
    }
}

/// Returns how the turn ended, or `next` where it did not.
pub(super) fn after(step: Step<()>, next: impl FnOnce() -> Next) -> Next {
    match step {
        ControlFlow::Break(ended) => ended,
        ControlFlow::Continue(()) => next(),
    }
}
