use crate::limits::{ANNOUNCE_SLOTS_MIN, CONNECT_TICK_MS, ROUTED_SCRAPES_MAX};
use crate::messages::{AnnounceMessage, MeshRequest, MeshReturn, ReplyTo, ScrapeMessage};
use engine::{RoutedRequest, RoutedScrape, Routing, routed_requests_per_owner};
use futures_lite::Future;
use glommio::channels::shared_channel::{
    ConnectedReceiver, ConnectedSender, SharedReceiver, SharedSender, new_bounded,
};
use glommio::timer::sleep;
use glommio::{GlommioError, ResourceType};
use primitives::{ShardCount, ShardId};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

/// One core's ends of the mesh before its executor runs: two rings to and from each other core, one for requests and
/// one for boxes that return. A ring has one producer and one consumer and takes no lock.
#[derive(Debug)]
pub struct MeshEnd {
    shard: ShardId,
    to: Vec<Rings<SharedSender<MeshRequest>, SharedSender<MeshReturn>>>,
    from: Vec<Rings<SharedReceiver<MeshRequest>, SharedReceiver<MeshReturn>>>,
}

/// The rings between two cores, in one direction.
#[derive(Debug)]
struct Rings<Q, R> {
    /// The other core.
    shard: ShardId,
    requests: Q,
    returns: R,
}

/// The sending ends, by shard; none to itself.
#[derive(Debug)]
pub(crate) struct MeshSenders {
    own: ShardId,
    by_shard: Vec<Option<Rings<ConnectedSender<MeshRequest>, ConnectedSender<MeshReturn>>>>,
    /// HTTP requests for which a ring had no room. UDP requests are dropped then, but an HTTP client waits for its
    /// answer. The number is limited by [`routed_requests_per_owner`].
    waiting: RefCell<VecDeque<(ShardId, Box<RoutedRequest>)>>,
    scrapes: RefCell<ScrapePool>,
}

/// The boxes of the routed scrapes of this core's clients.
#[derive(Debug, Default)]
struct ScrapePool {
    #[expect(clippy::vec_box, reason = "the boxes travel")]
    idle: Vec<Box<ScrapeMessage>>,
    /// At most [`ROUTED_SCRAPES_MAX`].
    underway: usize,
}

/// The receiving ends.
#[derive(Debug, Default)]
pub(crate) struct MeshReceivers {
    pub(crate) requests: Vec<ConnectedReceiver<MeshRequest>>,
    pub(crate) returns: Vec<ConnectedReceiver<MeshReturn>>,
}

/// Returns the ends of a mesh between all shards, in their order. Each core has `slots_per_core` for announces to other
/// cores, divided among its rings, so that the mesh grows with the number of cores and not with its square.
#[must_use]
pub fn full_mesh(shards: ShardCount, slots_per_core: usize) -> Vec<MeshEnd> {
    let rings = usize::from(shards.get()).saturating_sub(1).max(1);
    let http_boxes = routed_requests_per_owner(shards);
    let requests = (slots_per_core / rings).max(ANNOUNCE_SLOTS_MIN) + http_boxes;
    // Room for all boxes of one core, so that each returns home.
    let returns = http_boxes + ROUTED_SCRAPES_MAX;
    let end = |shard| MeshEnd { shard, to: Vec::new(), from: Vec::new() };
    let mut ends: Vec<MeshEnd> = shards.shards().map(end).collect();
    for producer in shards.shards() {
        for consumer in shards.shards().filter(|&consumer| consumer != producer) {
            let (to_requests, from_requests) = new_bounded(requests);
            let (to_returns, from_returns) = new_bounded(returns);
            let to = Rings { shard: consumer, requests: to_requests, returns: to_returns };
            let from = Rings { shard: producer, requests: from_requests, returns: from_returns };
            ends[producer.index()].to.push(to);
            ends[consumer.index()].from.push(from);
        }
    }
    ends
}

impl MeshEnd {
    /// Connects to the other cores. All of them have to do it at the same time.
    pub(crate) async fn connect(self) -> (MeshSenders, MeshReceivers) {
        let ticking = glommio::spawn_local(tick());
        let ends = self.connect_ends().await;
        ticking.cancel().await;
        ends
    }

    async fn connect_ends(self) -> (MeshSenders, MeshReceivers) {
        // An end waits for its other end, so all of them wait at once.
        let to: Vec<_> = self.to.into_iter().map(|ring| glommio::spawn_local(connect_sender(ring))).collect();
        let from: Vec<_> =
            self.from.into_iter().map(|ring| glommio::spawn_local(connect_receiver(ring))).collect();
        let mut senders = MeshSenders::new(self.shard);
        for ring in join_all(to).await {
            let index = ring.shard.index();
            senders.by_shard.resize_with(senders.by_shard.len().max(index + 1), || None);
            senders.by_shard[index] = Some(ring);
        }
        let mut receivers = MeshReceivers::default();
        for ring in join_all(from).await {
            receivers.requests.push(ring.requests);
            receivers.returns.push(ring.returns);
        }
        (senders, receivers)
    }
}

impl MeshSenders {
    /// Returns the senders of a core that is connected to no other.
    pub(crate) fn new(own: ShardId) -> Self {
        Self { own, by_shard: Vec::new(), waiting: RefCell::default(), scrapes: RefCell::default() }
    }

    pub(crate) fn send_announce(&self, owner: ShardId, message: AnnounceMessage) -> Routing {
        let ring = self.ring(owner);
        routing(ring.is_some_and(|ring| ring.try_send(MeshRequest::Announce(message)).is_ok()))
    }

    /// Sends a scrape of a client of this core to its first owner.
    pub(crate) fn begin_scrape(&self, owner: ShardId, reply_to: ReplyTo, scrape: &RoutedScrape) -> Routing {
        let Some(message) = self.scrapes.borrow_mut().take(self.own, reply_to, scrape) else {
            return Routing::Full;
        };
        self.send_scrape(owner, message)
    }

    /// Sends a scrape to its next owner, or back to its home where the ring is full.
    pub(crate) fn send_scrape(&self, owner: ShardId, message: Box<ScrapeMessage>) -> Routing {
        let Some(ring) = self.ring(owner) else {
            self.return_scrape(message);
            return Routing::Full;
        };
        if let Err(error) = ring.try_send(MeshRequest::Scrape(message)) {
            if let MeshRequest::Scrape(message) = unsent(error).1 {
                self.return_scrape(message);
            }
            return Routing::Full;
        }
        Routing::Sent
    }

    /// Returns the box of a scrape to its home.
    pub(crate) fn return_scrape(&self, message: Box<ScrapeMessage>) {
        if message.home == self.own {
            self.scrapes.borrow_mut().put_back(message);
        } else {
            self.send_return(message.home, MeshReturn::Scrape(message));
        }
    }

    /// Puts the box of a scrape of this core back into its pool.
    pub(crate) fn put_back_scrape(&self, message: Box<ScrapeMessage>) {
        self.scrapes.borrow_mut().put_back(message);
    }

    /// Sends an HTTP request to an owner, now or when its ring has room.
    ///
    /// # Errors
    /// When the ring is closed, because the tracker is stopping.
    pub(crate) fn send_http(
        &self,
        owner: ShardId,
        routed: Box<RoutedRequest>,
    ) -> Result<(), Box<RoutedRequest>> {
        let Some(ring) = self.ring(owner) else { return Err(routed) };
        let Err(error) = ring.try_send(MeshRequest::Http(routed)) else { return Ok(()) };
        match unsent(error) {
            (RingState::Full, MeshRequest::Http(routed)) => {
                self.waiting.borrow_mut().push_back((owner, routed));
            }
            (RingState::Closed, MeshRequest::Http(routed)) => return Err(routed),
            _ => {}
        }
        Ok(())
    }

    /// Sends the HTTP requests for which there is room by now.
    pub(crate) fn send_waiting(&self) {
        let waiting = self.waiting.borrow().len();
        for _ in 0..waiting {
            let Some((owner, routed)) = self.waiting.borrow_mut().pop_front() else { return };
            // One whose ring is closed is dropped, because the tracker is stopping.
            drop(self.send_http(owner, routed));
        }
    }

    /// Returns an HTTP request to its home, or drops it if the ring is closed, because the tracker is stopping.
    pub(crate) fn return_http(&self, routed: Box<RoutedRequest>) {
        self.send_return(routed.token.home, MeshReturn::Http(routed));
    }

    /// Signals to the other cores that no more requests will come.
    pub(crate) fn close_requests(&self) {
        self.send_waiting();
        for rings in self.by_shard.iter().flatten() {
            rings.requests.close();
        }
    }

    /// Signals to the other cores that nothing more will come.
    pub(crate) fn close(&mut self) {
        self.by_shard.clear();
    }

    fn ring(&self, owner: ShardId) -> Option<&ConnectedSender<MeshRequest>> {
        self.by_shard.get(owner.index())?.as_ref().map(|rings| &rings.requests)
    }

    /// There is always room, because the ring has a slot for each box.
    fn send_return(&self, home: ShardId, message: MeshReturn) {
        if let Some(rings) = self.by_shard.get(home.index()).and_then(Option::as_ref) {
            drop(rings.returns.try_send(message));
        }
    }
}

/// Why a ring did not accept a message.
enum RingState {
    Full,
    Closed,
}

/// Returns a message that a ring did not accept.
fn unsent(error: GlommioError<MeshRequest>) -> (RingState, MeshRequest) {
    match error {
        GlommioError::Closed(ResourceType::Channel(request)) => (RingState::Closed, request),
        GlommioError::WouldBlock(ResourceType::Channel(request)) => (RingState::Full, request),
        error => unreachable!("a ring is full or closed, and not {error}"),
    }
}

const fn routing(is_sent: bool) -> Routing {
    if is_sent { Routing::Sent } else { Routing::Full }
}

impl ScrapePool {
    fn take(
        &mut self,
        home: ShardId,
        reply_to: ReplyTo,
        scrape: &RoutedScrape,
    ) -> Option<Box<ScrapeMessage>> {
        if self.underway >= ROUTED_SCRAPES_MAX {
            return None;
        }
        self.underway += 1;
        match self.idle.pop() {
            Some(mut message) => {
                message.reply_to = reply_to;
                message.scrape.clone_from(scrape);
                Some(message)
            }
            None => Some(Box::new(ScrapeMessage { home, reply_to, scrape: scrape.clone() })),
        }
    }

    fn put_back(&mut self, message: Box<ScrapeMessage>) {
        self.underway -= 1;
        self.idle.push(message);
    }
}

/// Keeps the executor awake: glommio does not wake an executor that waits for the other end of a channel when that end
/// connects, but checks for it whenever it is awake.
async fn tick() {
    loop {
        sleep(Duration::from_millis(CONNECT_TICK_MS)).await;
    }
}

async fn connect_sender(
    rings: Rings<SharedSender<MeshRequest>, SharedSender<MeshReturn>>,
) -> Rings<ConnectedSender<MeshRequest>, ConnectedSender<MeshReturn>> {
    let Rings { shard, requests, returns } = rings;
    Rings { shard, requests: requests.connect().await, returns: returns.connect().await }
}

async fn connect_receiver(
    rings: Rings<SharedReceiver<MeshRequest>, SharedReceiver<MeshReturn>>,
) -> Rings<ConnectedReceiver<MeshRequest>, ConnectedReceiver<MeshReturn>> {
    let Rings { shard, requests, returns } = rings;
    Rings { shard, requests: requests.connect().await, returns: returns.connect().await }
}

async fn join_all<T>(futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut results = Vec::with_capacity(futures.len());
    for future in futures {
        results.push(future.await);
    }
    results
}
