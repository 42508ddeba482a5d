use crate::core_state::CoreState;
use crate::mesh::Mesh;
use crate::messages::{AnnounceMessage, ListenerIndex, ReplyTo, ScrapeMessage};
use crate::sockets::{ReceivedBatch, ReplyBatch, Sockets};
use crate::torrent_sample::TorrentSample;
use engine::{
    EngineSettings, Inbox, Now, Outbox, RoutedAnnounce, RoutedScrape, Routing, ScrapeStep, UdpService,
};
use latency::{ReplyCounts, ReplyKind, ReplyTag, ReplyTimer};
use metrics::{Counter, DropReason, Outcome};
use primitives::{AddressFamily, ConnectionEpoch, InfoHash, RequestKind, ShardId};
use std::time::{Duration, Instant};

/// Serves the UDP clients of a core.
#[derive(Debug)]
pub(crate) struct UdpServer<S: Sockets> {
    service: UdpService,
    received: S::Received,
    replies: S::Replies,
    /// Whether datagrams may wait, by listener.
    ready: Vec<bool>,
    sample: TorrentSample,
}

/// The replies to a batch, and the requests that are routed to other cores.
struct BatchReplies<'a, S: Sockets> {
    listener: ListenerIndex,
    /// When the batch was received.
    at: Instant,
    received: &'a S::Received,
    replies: &'a mut S::Replies,
    mesh: &'a mut Mesh<S::Path>,
    latency: &'a mut ReplyTimer,
}

impl<S: Sockets> UdpServer<S> {
    pub(crate) fn new(
        service: UdpService,
        received: S::Received,
        replies: S::Replies,
        listeners: u8,
    ) -> Self {
        assert!(replies.capacity() >= received.capacity(), "a reply for each datagram");
        let ready = vec![true; usize::from(listeners)];
        Self { service, received, replies, ready, sample: TorrentSample::default() }
    }

    pub(crate) fn use_settings(&mut self, now: Now, settings: &EngineSettings) {
        self.service.use_settings(now, settings);
    }

    /// Returns the epochs of which each announce and scrape needs a connection id, if these are all that are accepted.
    pub(crate) fn accepted_epochs(&self, now: Now) -> Option<[ConnectionEpoch; 3]> {
        self.service.accepted_epochs(now)
    }

    /// Returns the torrent that most of the datagrams since the last call were for, each from a proved source.
    pub(crate) fn take_busiest_torrent(&mut self) -> Option<InfoHash> {
        self.sample.take()
    }

    /// Notes that datagrams have arrived at a listener.
    pub(crate) fn note_ready(&mut self, listener: ListenerIndex) {
        self.ready[listener.get()] = true;
    }

    /// Notes that each listener is to be tried, whether or not datagrams are known to wait: a receive that failed may have
    /// left some.
    pub(crate) fn note_all_ready(&mut self) {
        self.ready.fill(true);
    }

    /// Notes that no listener is to be tried.
    pub(crate) fn note_none_ready(&mut self) {
        self.ready.fill(false);
    }

    /// Whether datagrams may wait at a listener.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.contains(&true)
    }

    /// Answers one batch of each listener at which datagrams wait. Returns how many datagrams these were.
    pub(crate) fn take_turn(&mut self, core: &mut CoreState<S>) -> usize {
        let mut datagrams = 0;
        for (listener, index) in (0..).map(ListenerIndex).zip(0..self.ready.len()) {
            if self.ready[index] {
                self.ready[index] = self.serve_batch(listener, core);
                datagrams += self.received.datagrams();
            }
        }
        datagrams
    }

    /// Returns whether more datagrams may wait: a batch that is not full has emptied the socket.
    fn serve_batch(&mut self, listener: ListenerIndex, core: &mut CoreState<S>) -> bool {
        if core.sockets.receive(listener, &mut self.received).is_err() {
            core.shard.statistics_mut().add(Counter::ReceiveErrors, 1);
            return false;
        }
        if self.received.datagrams() == 0 {
            return false;
        }
        let (source, datagram) = self.received.datagram(0);
        let torrent = self.service.proved_torrent(core.now, source, datagram);
        self.sample.note(torrent, self.received.datagrams());
        core.shard.statistics_mut().count_batch(self.received.datagrams());
        core.instant = core.clock.instant();
        let CoreState { shard, mesh, instant: at, now, latency, .. } = core;
        let before = ReplyCounts::of(shard.statistics_mut());
        let Self { service, received, replies, .. } = self;
        let mut outbox = BatchReplies::<S> { listener, at: *at, received, replies, mesh, latency };
        service.process(shard, *now, &*received, &mut outbox);
        latency.batch_written(*at, ReplyCounts::of(shard.statistics_mut()).since(before));
        self.flush(listener, core);
        self.received.datagrams() == self.received.capacity()
    }

    /// Answers an announce from another core. The reply waits for [`Self::flush`].
    pub(crate) fn serve_announce(&mut self, message: &AnnounceMessage<S::Path>, core: &mut CoreState<S>) {
        let AnnounceMessage { reply_to, announce } = message;
        self.make_room(reply_to.listener, core);
        let buffer = self.replies.buffer();
        let length = self.service.answer_routed_announce(&mut core.shard, core.now, announce, buffer);
        self.replies.commit(length, &reply_to.path);
        let tag = ReplyTag::udp(ReplyKind::Announce, announce.family());
        core.latency.reply_written(tag, reply_to.received);
    }

    /// Looks up this core's torrents of a scrape from another core. The reply waits for [`Self::flush`].
    pub(crate) fn serve_scrape(&mut self, mut message: Box<ScrapeMessage<S::Path>>, core: &mut CoreState<S>) {
        self.make_room(message.reply_to.listener, core);
        let family = message.scrape.family();
        let buffer = self.replies.buffer();
        match self.service.advance_scrape(&mut core.shard, &mut message.scrape, buffer) {
            ScrapeStep::Reply(length) => {
                self.replies.commit(length, &message.reply_to.path);
                let tag = ReplyTag::udp(ReplyKind::Scrape, family);
                core.latency.reply_written(tag, message.reply_to.received);
                core.mesh.return_scrape(message);
            }
            ScrapeStep::Route(owner) => {
                if core.mesh.send_scrape(owner, message) == Routing::Full {
                    let outcome = Outcome::Dropped(DropReason::MeshFull);
                    core.shard.statistics_mut().count(family, RequestKind::Scrape, outcome);
                }
            }
        }
    }

    /// Sends the waiting replies, and records that the kernel has them.
    pub(crate) fn flush(&mut self, listener: ListenerIndex, core: &mut CoreState<S>) {
        if !self.replies.is_empty() {
            let not_sent = core.sockets.send(listener, &mut self.replies);
            let statistics = core.shard.statistics_mut();
            statistics.add(Counter::RepliesRefused, not_sent.refused as u64);
            statistics.add(Counter::RepliesUnsent, not_sent.unsent as u64);
        }
        core.note_sent();
    }

    fn make_room(&mut self, listener: ListenerIndex, core: &mut CoreState<S>) {
        if self.replies.len() == self.replies.capacity() {
            self.flush(listener, core);
        }
    }
}

impl<S: Sockets> BatchReplies<'_, S> {
    fn reply_to(&self, index: usize) -> ReplyTo<S::Path> {
        ReplyTo { listener: self.listener, path: *self.received.path(index), received: self.at }
    }

    /// Records that the reply in the buffer answers a datagram that the kernel stamped.
    #[cold]
    fn note_stamped(&mut self, index: usize, arrived: Duration) {
        let (source, _) = self.received.datagram(index);
        if let Some(tag) = ReplyTag::of_reply(self.replies.buffer(), AddressFamily::of(source.ip())) {
            self.latency.stamped_written(tag, arrived);
        }
    }
}

impl<S: Sockets> Outbox for BatchReplies<'_, S> {
    fn buffer(&mut self) -> &mut [u8] {
        self.replies.buffer()
    }

    fn reply(&mut self, index: usize, length: usize) {
        if let Some(arrived) = self.received.arrived(index) {
            self.note_stamped(index, arrived);
        }
        self.replies.commit(length, self.received.path(index));
    }

    fn route_announce(&mut self, index: usize, owner: ShardId, announce: &RoutedAnnounce) -> Routing {
        let message = AnnounceMessage { reply_to: self.reply_to(index), announce: *announce };
        self.mesh.send_announce(owner, message)
    }

    fn route_scrape(&mut self, index: usize, owner: ShardId, scrape: &RoutedScrape) -> Routing {
        let reply_to = self.reply_to(index);
        self.mesh.begin_scrape(owner, reply_to, scrape)
    }
}
