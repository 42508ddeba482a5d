use crate::clock::Clock;
use crate::http::{CoreContext, HttpServer};
use crate::limits::DATAGRAM_BYTES_MAX;
use crate::mesh::MeshSenders;
use crate::messages::{AnnounceMessage, ListenerIndex, ReplyTo, ScrapeMessage};
use engine::{
    Engine, Inbox, Now, Outbox, REPLY_BYTES_MAX, RoutedAnnounce, RoutedScrape, Routing, ScrapeStep,
};
use latency::{ReplyCounts, ReplyKind, ReplyTag, ReplyTimer};
use primitives::{AddressFamily, Counter, PublishedStatistics, ShardId};
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use udp_socket::{BatchSocket, ReceiveBatch, ReceiveTimestamps, SendBatch};

/// What the tasks of one core share. Nothing is borrowed across an await.
#[derive(Debug)]
pub(crate) struct CoreState {
    pub(crate) clock: Clock,
    pub(crate) engine: RefCell<Engine>,
    pub(crate) mesh: RefCell<MeshSenders>,
    pub(crate) sockets: Vec<BatchSocket>,
    pub(crate) published: Arc<PublishedStatistics>,
    /// When the busy tasks let the reactor have its turn.
    pub(crate) reactor_due: Cell<Instant>,
    /// When the last replies were handed to the kernel: the time of the end of a batch, which nothing else has to
    /// read the clock for.
    pub(crate) flushed: Cell<Instant>,
    pub(crate) reply_timer: RefCell<ReplyTimer>,
    pub(crate) http_server: RefCell<HttpServer>,
    receive: RefCell<ReceiveBatch>,
    send: RefCell<SendBatch>,
}

/// What a core's state is made of.
#[derive(Debug)]
pub(crate) struct CoreParts {
    pub(crate) clock: Clock,
    pub(crate) engine: Engine,
    pub(crate) mesh: MeshSenders,
    pub(crate) sockets: Vec<BatchSocket>,
    pub(crate) http_server: HttpServer,
    pub(crate) published: Arc<PublishedStatistics>,
    pub(crate) batch_datagrams: usize,
}

/// What a turn of a socket found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Nothing was waiting.
    Idle,
    /// A batch was answered.
    Busy,
    /// The socket failed; it is counted.
    Failed,
}

/// A batch as the engine reads it.
struct Received<'a>(&'a ReceiveBatch);

/// Where the engine's decisions about a batch go.
struct Replies<'a> {
    listener: ListenerIndex,
    received: Instant,
    receive: &'a ReceiveBatch,
    send: &'a mut SendBatch,
    mesh: &'a MeshSenders,
    timer: &'a mut ReplyTimer,
}

const ROOM: &str = "the send batch was emptied and has room for each datagram of a receive batch";
const IN_BATCH: &str = "the engine names datagrams of the batch only";

impl CoreState {
    pub(crate) fn new(parts: CoreParts) -> Self {
        let CoreParts { clock, engine, mesh, sockets, http_server, published, batch_datagrams } = parts;
        let receive = ReceiveBatch::new(batch_datagrams, DATAGRAM_BYTES_MAX);
        let send = SendBatch::new(receive.capacity(), REPLY_BYTES_MAX);
        assert!(send.capacity() >= receive.capacity(), "a reply for each datagram");
        Self {
            clock,
            engine: RefCell::new(engine),
            mesh: RefCell::new(mesh),
            sockets,
            published,
            reactor_due: Cell::new(Instant::now()),
            flushed: Cell::new(Instant::now()),
            reply_timer: RefCell::new(ReplyTimer::new(send.capacity())),
            http_server: RefCell::new(http_server),
            receive: RefCell::new(receive),
            send: RefCell::new(send),
        }
    }

    /// Answers one batch of the socket of `listener`.
    pub(crate) fn serve_batch(&self, listener: ListenerIndex) -> Turn {
        let socket = &self.sockets[listener.get()];
        let receive = &mut *self.receive.borrow_mut();
        let engine = &mut *self.engine.borrow_mut();
        match socket.receive(receive) {
            Ok(0) => return Turn::Idle,
            Ok(_) => engine.statistics_mut().add(Counter::BatchesReceived, 1),
            Err(_) => {
                engine.statistics_mut().add(Counter::ReceiveErrors, 1);
                return Turn::Failed;
            }
        }
        let received = Instant::now();
        let send = &mut *self.send.borrow_mut();
        let mesh = &*self.mesh.borrow();
        let timer = &mut *self.reply_timer.borrow_mut();
        let before = ReplyCounts::of(engine.statistics_mut());
        let mut replies = Replies { listener, received, receive, send, mesh, timer };
        engine.process(self.clock.at(received), &Received(receive), &mut replies);
        timer.batch_written(received, before, ReplyCounts::of(engine.statistics_mut()));
        flush(socket, send, engine);
        self.note_flush(timer);
        Turn::Busy
    }

    /// Serves the HTTP connections that something has come by.
    pub(crate) fn serve_connections(&self) -> Turn {
        let mesh = &*self.mesh.borrow();
        let engine = &mut *self.engine.borrow_mut();
        let instant = Instant::now();
        let mut around = CoreContext { engine, mesh, now: self.clock.at(instant), instant };
        let turn = self.http_server.borrow_mut().take_turn(&mut around);
        self.flushed.set(around.instant);
        turn
    }

    /// Notes the time at the end of a turn that sent no datagrams.
    pub(crate) fn note_turn_over(&self) {
        self.flushed.set(Instant::now());
    }

    /// Answers an announce from another core. The reply waits for [`Self::flush`].
    pub(crate) fn serve_announce(&self, now: Now, message: &AnnounceMessage) {
        self.make_room(message.reply_to.listener);
        let send = &mut *self.send.borrow_mut();
        let buffer = send.next_buffer().expect(ROOM);
        let length = self.engine.borrow_mut().answer_routed_announce(now, &message.announce, buffer);
        send.commit(length, &message.reply_to.path);
        self.note_routed(ReplyKind::Announce, message.announce.family(), &message.reply_to);
    }

    /// Goes on with a scrape from another core. The reply waits for [`Self::flush`].
    pub(crate) fn serve_scrape(&self, mut message: ScrapeMessage) {
        self.make_room(message.reply_to.listener);
        let send = &mut *self.send.borrow_mut();
        let engine = &mut *self.engine.borrow_mut();
        match engine.advance_scrape(&mut message.routed_scrape, send.next_buffer().expect(ROOM)) {
            ScrapeStep::Reply(length) => {
                send.commit(length, &message.reply_to.path);
                self.note_routed(ReplyKind::Scrape, message.routed_scrape.family(), &message.reply_to);
            }
            ScrapeStep::Route(owner) => {
                let family = message.routed_scrape.family();
                if self.mesh.borrow().send_scrape(owner, message) == Routing::Full {
                    engine.drop_scrape(family);
                }
            }
        }
    }

    /// Hands the waiting replies to the kernel.
    pub(crate) fn flush(&self, listener: ListenerIndex) {
        let socket = &self.sockets[listener.get()];
        flush(socket, &mut self.send.borrow_mut(), &mut self.engine.borrow_mut());
        self.note_flush(&mut self.reply_timer.borrow_mut());
    }

    /// Makes the figures visible to the control plane.
    pub(crate) fn publish(&self) {
        self.published.publish(self.engine.borrow_mut().statistics());
    }

    /// Switches the kernel's time stamps. A socket that refuses has none: its datagrams are just not sampled.
    pub(crate) fn set_receive_timestamps(&self, timestamps: ReceiveTimestamps) {
        for socket in &self.sockets {
            drop(socket.set_receive_timestamps(timestamps));
        }
    }

    fn note_routed(&self, kind: ReplyKind, family: AddressFamily, reply_to: &ReplyTo) {
        self.reply_timer.borrow_mut().routed_written(ReplyTag { kind, family }, reply_to.received);
    }

    /// The kernel has every reply that was written.
    fn note_flush(&self, timer: &mut ReplyTimer) {
        let now = Instant::now();
        self.flushed.set(now);
        timer.sent(now, SystemTime::now);
    }

    fn make_room(&self, listener: ListenerIndex) {
        if self.send.borrow().is_full() {
            self.flush(listener);
        }
    }
}

/// Sends what waits. What the kernel has no room for is given up: a client asks again, a queue would only
/// make every answer late.
fn flush(socket: &BatchSocket, send: &mut SendBatch, engine: &mut Engine) {
    if send.is_empty() {
        return;
    }
    let report = socket.send(send);
    send.clear();
    if report.refused + report.unsent > 0 {
        let statistics = engine.statistics_mut();
        statistics.add(Counter::RepliesRefused, report.refused as u64);
        statistics.add(Counter::RepliesUnsent, report.unsent as u64);
    }
}

impl Inbox for Received<'_> {
    fn datagrams(&self) -> usize {
        self.0.len()
    }

    fn datagram(&self, index: usize) -> (SocketAddr, &[u8]) {
        let received = self.0.get(index).expect(IN_BATCH);
        (received.path.remote(), received.bytes)
    }
}

impl Replies<'_> {
    fn reply_to(&self, index: usize) -> ReplyTo {
        let path = *self.receive.path(index).expect(IN_BATCH);
        ReplyTo { listener: self.listener, path, received: self.received }
    }

    /// The reply in the buffer answers a datagram that the kernel stamped.
    #[cold]
    fn note_stamped(&mut self, index: usize, arrived: Duration) {
        let family = AddressFamily::of(self.receive.path(index).expect(IN_BATCH).remote().ip());
        if let Some(tag) = ReplyTag::of_reply(self.send.next_buffer().expect(ROOM), family) {
            self.timer.stamped_written(tag, arrived);
        }
    }
}

impl Outbox for Replies<'_> {
    fn buffer(&mut self) -> &mut [u8] {
        self.send.next_buffer().expect(ROOM)
    }

    fn reply(&mut self, index: usize, length: usize) {
        if let Some(arrived) = self.receive.arrived(index) {
            self.note_stamped(index, arrived);
        }
        self.send.commit(length, self.receive.path(index).expect(IN_BATCH));
    }

    fn route_announce(&mut self, index: usize, owner: ShardId, announce: &RoutedAnnounce) -> Routing {
        let message = AnnounceMessage { reply_to: self.reply_to(index), announce: *announce };
        self.mesh.send_announce(owner, message)
    }

    fn route_scrape(&mut self, index: usize, owner: ShardId, routed_scrape: &RoutedScrape) -> Routing {
        let message = ScrapeMessage { reply_to: self.reply_to(index), routed_scrape: routed_scrape.clone() };
        self.mesh.send_scrape(owner, message)
    }
}
