use crate::clock::Clock;
use crate::connection::{CoreContext, HttpServer};
use crate::limits::DATAGRAM_BYTES_MAX;
use crate::mesh::MeshSenders;
use crate::messages::{AnnounceMessage, ListenerIndex, ReplyTo, ScrapeMessage};
use crate::turn::Turn;
use core_link::CoreEnd;
use engine::{
    Inbox, Now, Outbox, REPLY_BYTES_MAX, RoutedAnnounce, RoutedRequest, RoutedScrape, Routing, ScrapeStep,
    Shard, UdpService,
};
use latency::{ReplyCounts, ReplyKind, ReplyTag, ReplyTimer};
use metrics::{Counter, DropReason, Outcome, PublishedStatistics};
use primitives::{AddressFamily, RequestKind, ShardId};
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use udp_socket::{BatchSocket, ReceiveBatch, ReceiveTimestamps, SendBatch};

/// The state that the tasks of one core share. Nothing is borrowed across an await.
#[derive(Debug)]
pub(crate) struct CoreState {
    pub(crate) clock: Clock,
    pub(crate) shard: RefCell<Shard>,
    pub(crate) mesh: RefCell<MeshSenders>,
    pub(crate) sockets: Vec<BatchSocket>,
    pub(crate) published: Arc<PublishedStatistics>,
    pub(crate) link: CoreEnd,
    /// When the busy tasks yield to the reactor.
    pub(crate) reactor_due: Cell<Instant>,
    /// When the last turn ended, so that the clock need not be read again.
    pub(crate) turn_end: Cell<Instant>,
    pub(crate) reply_timer: RefCell<ReplyTimer>,
    pub(crate) http_server: RefCell<HttpServer>,
    udp: RefCell<UdpService>,
    receive: RefCell<ReceiveBatch>,
    send: RefCell<SendBatch>,
}

#[derive(Debug)]
pub(crate) struct CoreParts {
    pub(crate) clock: Clock,
    pub(crate) shard: Shard,
    pub(crate) udp: UdpService,
    pub(crate) mesh: MeshSenders,
    pub(crate) sockets: Vec<BatchSocket>,
    pub(crate) http_server: HttpServer,
    pub(crate) published: Arc<PublishedStatistics>,
    pub(crate) link: CoreEnd,
    pub(crate) batch_datagrams: usize,
}

struct Received<'a>(&'a ReceiveBatch);

/// The replies to a batch, and the requests that are routed to other cores.
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
        let CoreParts { clock, shard, udp, mesh, sockets, http_server, published, link, batch_datagrams } =
            parts;
        let receive = ReceiveBatch::new(batch_datagrams, DATAGRAM_BYTES_MAX);
        let send = SendBatch::new(receive.capacity(), REPLY_BYTES_MAX);
        assert!(send.capacity() >= receive.capacity(), "a reply for each datagram");
        Self {
            clock,
            shard: RefCell::new(shard),
            udp: RefCell::new(udp),
            mesh: RefCell::new(mesh),
            sockets,
            published,
            link,
            reactor_due: Cell::new(Instant::now()),
            turn_end: Cell::new(Instant::now()),
            reply_timer: RefCell::new(ReplyTimer::new(send.capacity())),
            http_server: RefCell::new(http_server),
            receive: RefCell::new(receive),
            send: RefCell::new(send),
        }
    }

    /// Answers one batch of the socket of `listener`.
    pub(crate) fn serve_batch(&self, listener: ListenerIndex) -> Turn {
        let (socket, mesh) = (&self.sockets[listener.get()], &*self.mesh.borrow());
        mesh.send_waiting();
        let receive = &mut *self.receive.borrow_mut();
        let shard = &mut *self.shard.borrow_mut();
        match socket.receive(receive) {
            Ok(0) => return Turn::Idle,
            Ok(_) => shard.statistics_mut().add(Counter::BatchesReceived, 1),
            Err(_) => {
                shard.statistics_mut().add(Counter::ReceiveErrors, 1);
                return Turn::Failed;
            }
        }
        let received = Instant::now();
        let send = &mut *self.send.borrow_mut();
        let timer = &mut *self.reply_timer.borrow_mut();
        let before = ReplyCounts::of(shard.statistics_mut());
        let mut replies = Replies { listener, received, receive, send, mesh, timer };
        self.udp.borrow_mut().process(shard, self.clock.at(received), &Received(receive), &mut replies);
        timer.batch_written(received, before, ReplyCounts::of(shard.statistics_mut()));
        flush(socket, send, shard);
        self.note_flush(timer);
        Turn::Busy
    }

    /// Serves the HTTP connections that have something to do.
    pub(crate) fn serve_connections(&self) -> Turn {
        let mesh = &*self.mesh.borrow();
        mesh.send_waiting();
        let shard = &mut *self.shard.borrow_mut();
        let instant = Instant::now();
        let mut core = CoreContext { shard, mesh, now: self.clock.at(instant), instant };
        let turn = self.http_server.borrow_mut().take_turn(&mut core);
        self.turn_end.set(core.instant);
        turn
    }

    /// Records the end of a turn that sent no datagrams.
    pub(crate) fn note_turn_end(&self, at: Instant) {
        self.turn_end.set(at);
    }

    /// Answers an announce from another core. The reply waits for [`Self::flush`].
    pub(crate) fn serve_announce(&self, now: Now, message: &AnnounceMessage) {
        self.make_room(message.reply_to.listener);
        let (send, shard) = (&mut *self.send.borrow_mut(), &mut *self.shard.borrow_mut());
        let buffer = send.next_buffer().expect(ROOM);
        let length = self.udp.borrow().answer_routed_announce(shard, now, &message.announce, buffer);
        send.commit(length, &message.reply_to.path);
        self.note_routed(ReplyKind::Announce, message.announce.family(), &message.reply_to);
    }

    /// Looks up this core's torrents of a scrape from another core. The reply waits for [`Self::flush`].
    pub(crate) fn serve_scrape(&self, mut message: Box<ScrapeMessage>) {
        self.make_room(message.reply_to.listener);
        let (send, shard) = (&mut *self.send.borrow_mut(), &mut *self.shard.borrow_mut());
        let (mesh, family) = (&*self.mesh.borrow(), message.scrape.family());
        let buffer = send.next_buffer().expect(ROOM);
        match self.udp.borrow().advance_scrape(shard, &mut message.scrape, buffer) {
            ScrapeStep::Reply(length) => {
                send.commit(length, &message.reply_to.path);
                self.note_routed(ReplyKind::Scrape, family, &message.reply_to);
                mesh.return_scrape(message);
            }
            ScrapeStep::Route(owner) => {
                if mesh.send_scrape(owner, message) == Routing::Full {
                    let outcome = Outcome::Dropped(DropReason::MeshFull);
                    shard.statistics_mut().count(family, RequestKind::Scrape, outcome);
                }
            }
        }
    }

    /// Does this core's part of an HTTP request from another core and returns it to its home, which knows the owners
    /// that have room for the rest.
    pub(crate) fn serve_routed(&self, mut routed: Box<RoutedRequest>) -> Instant {
        let began = Instant::now();
        routed.advance(&mut self.shard.borrow_mut(), self.clock.at(began));
        self.mesh.borrow().return_http(routed);
        began
    }

    /// Passes an HTTP request that is back to its connection, and returns the time at which that began.
    pub(crate) fn bring_back(&self, routed: Box<RoutedRequest>) -> Instant {
        let (mesh, shard) = (&*self.mesh.borrow(), &mut *self.shard.borrow_mut());
        let instant = Instant::now();
        let mut core = CoreContext { shard, mesh, now: self.clock.at(instant), instant };
        self.http_server.borrow_mut().bring_back(routed, &mut core);
        instant
    }

    /// Sends the waiting replies.
    pub(crate) fn flush(&self, listener: ListenerIndex) {
        let socket = &self.sockets[listener.get()];
        flush(socket, &mut self.send.borrow_mut(), &mut self.shard.borrow_mut());
        self.note_flush(&mut self.reply_timer.borrow_mut());
    }

    /// Publishes the figures for the control plane.
    pub(crate) fn publish(&self) {
        self.published.publish(self.shard.borrow_mut().statistics());
    }

    /// Switches the kernel's receive time stamps. The datagrams of a socket that refuses are not sampled.
    pub(crate) fn set_receive_timestamps(&self, timestamps: ReceiveTimestamps) {
        for socket in &self.sockets {
            drop(socket.set_receive_timestamps(timestamps));
        }
    }

    fn note_routed(&self, kind: ReplyKind, family: AddressFamily, reply_to: &ReplyTo) {
        self.reply_timer.borrow_mut().routed_written(ReplyTag { kind, family }, reply_to.received);
    }

    /// Records that the kernel has every reply that was written.
    fn note_flush(&self, timer: &mut ReplyTimer) {
        let now = Instant::now();
        self.turn_end.set(now);
        timer.sent(now, SystemTime::now);
    }

    fn make_room(&self, listener: ListenerIndex) {
        if self.send.borrow().is_full() {
            self.flush(listener);
        }
    }
}

/// Sends the waiting replies. Those for which the kernel has no room are dropped: clients retry, and a queue would only
/// make every answer late.
fn flush(socket: &BatchSocket, send: &mut SendBatch, shard: &mut Shard) {
    if send.is_empty() {
        return;
    }
    let report = socket.send(send);
    send.clear();
    if report.refused + report.unsent > 0 {
        let statistics = shard.statistics_mut();
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

    /// Records that the reply in the buffer answers a datagram that the kernel stamped.
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

    fn route_scrape(&mut self, index: usize, owner: ShardId, scrape: &RoutedScrape) -> Routing {
        self.mesh.begin_scrape(owner, self.reply_to(index), scrape)
    }
}
