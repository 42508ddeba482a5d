use crate::limits::{CONNECT_TICK_MS, REQUEST_SLOTS_MIN, SCRAPES_PER_OWNER_MIN, SCRAPES_SHARE};
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
    scrapes_per_owner: usize,
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
    waiting: RefCell<WaitingRequests>,
    scrapes: RefCell<ScrapePool>,
}

/// HTTP requests for which the ring to their owner had no room, by owner. UDP requests are dropped then, but an HTTP client
/// waits for its answer, so these are the next that the ring accepts. [`routed_requests_per_owner`] limits their number.
#[derive(Debug, Default)]
struct WaitingRequests {
    by_owner: Vec<VecDeque<Box<RoutedRequest>>>,
    total: usize,
}

/// The boxes of the routed scrapes of this core's clients.
#[derive(Debug)]
struct ScrapePool {
    #[expect(clippy::vec_box, reason = "the boxes travel")]
    idle: Vec<Box<ScrapeMessage>>,
    /// Boxes that are not at home, by the owner that they went to first, so that a slow core does not hold up the scrapes of
    /// others.
    underway: Vec<usize>,
    per_owner_max: usize,
}

/// The receiving ends.
#[derive(Debug, Default)]
pub(crate) struct MeshReceivers {
    pub(crate) requests: Vec<ConnectedReceiver<MeshRequest>>,
    pub(crate) returns: Vec<ConnectedReceiver<MeshReturn>>,
}

/// Returns the ends of a mesh between all shards, in their order. Each core has `slots_per_core` for requests to other
/// cores, divided among its rings, so that the mesh grows with the number of cores and not with its square.
#[must_use]
pub fn full_mesh(shards: ShardCount, slots_per_core: usize) -> Vec<MeshEnd> {
    let rings = usize::from(shards.get()).saturating_sub(1).max(1);
    let requests = (slots_per_core / rings).max(REQUEST_SLOTS_MIN);
    let scrapes_per_owner = (requests / SCRAPES_SHARE).max(SCRAPES_PER_OWNER_MIN);
    // Room for all boxes of one core, so that each returns home.
    let returns = routed_requests_per_owner(shards) + rings * scrapes_per_owner;
    let end = |shard| MeshEnd { shard, scrapes_per_owner, to: Vec::new(), from: Vec::new() };
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
        let mut senders = MeshSenders::new(self.shard, self.scrapes_per_owner);
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
    pub(crate) fn new(own: ShardId, scrapes_per_owner: usize) -> Self {
        let scrapes = ScrapePool { idle: Vec::new(), underway: Vec::new(), per_owner_max: scrapes_per_owner };
        Self { own, by_shard: Vec::new(), waiting: RefCell::default(), scrapes: RefCell::new(scrapes) }
    }

    pub(crate) fn send_announce(&self, owner: ShardId, message: AnnounceMessage) -> Routing {
        match self.ring_for_datagrams(owner) {
            Some(ring) if ring.try_send(MeshRequest::Announce(message)).is_ok() => Routing::Sent,
            _ => Routing::Full,
        }
    }

    /// Sends a scrape of a client of this core to its first owner.
    pub(crate) fn begin_scrape(&self, owner: ShardId, reply_to: ReplyTo, scrape: &RoutedScrape) -> Routing {
        let message = self.scrapes.borrow_mut().take(self.own, owner, reply_to, scrape);
        message.map_or(Routing::Full, |message| self.send_scrape(owner, message))
    }

    /// Sends a scrape to its next owner, or back to its home where the ring is full.
    pub(crate) fn send_scrape(&self, owner: ShardId, message: Box<ScrapeMessage>) -> Routing {
        let Some(ring) = self.ring_for_datagrams(owner) else {
            self.return_scrape(message);
            return Routing::Full;
        };
        let Err(error) = ring.try_send(MeshRequest::Scrape(message)) else { return Routing::Sent };
        if let MeshRequest::Scrape(message) = unsent(error) {
            self.return_scrape(message);
        }
        Routing::Full
    }

    /// Returns the box of a scrape to its home.
    pub(crate) fn return_scrape(&self, message: Box<ScrapeMessage>) {
        if message.home == self.own {
            self.scrapes.borrow_mut().put_back(message);
        } else {
            self.send_return(message.home, MeshReturn::Scrape(message));
        }
    }

    /// Sends an HTTP request to an owner, at once or by [`Self::send_waiting`].
    ///
    /// # Errors
    /// When the rings are closed, because the tracker is stopping.
    pub(crate) fn send_http(
        &self,
        owner: ShardId,
        routed: Box<RoutedRequest>,
    ) -> Result<(), Box<RoutedRequest>> {
        if self.ring(owner).is_none() {
            return Err(routed);
        }
        self.waiting.borrow_mut().push(owner, routed);
        self.send_waiting();
        Ok(())
    }

    /// Sends the HTTP requests for which there is room by now. Called at the beginning of each turn that may fill a ring.
    pub(crate) fn send_waiting(&self) {
        let waiting = &mut *self.waiting.borrow_mut();
        if waiting.total > 0 {
            waiting.send(&self.by_shard);
        }
    }

    /// Whether HTTP requests wait for room in a ring.
    pub(crate) fn has_waiting(&self) -> bool {
        self.waiting.borrow().total > 0
    }

    /// Returns an HTTP request to its home, or drops it if the ring is closed, because the tracker is stopping.
    pub(crate) fn return_http(&self, routed: Box<RoutedRequest>) {
        self.send_return(routed.token.home, MeshReturn::Http(routed));
    }

    /// Signals to the other cores that no more requests will come.
    pub(crate) fn close_requests(&self) {
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

    /// Returns the ring to an owner, unless HTTP requests wait for room in it.
    fn ring_for_datagrams(&self, owner: ShardId) -> Option<&ConnectedSender<MeshRequest>> {
        self.ring(owner).filter(|_| !self.waiting.borrow().is_waiting_for(owner))
    }

    /// There is always room, because the ring has a slot for each box; a closed ring belongs to a tracker that stops.
    fn send_return(&self, home: ShardId, message: MeshReturn) {
        if let Some(rings) = self.by_shard.get(home.index()).and_then(Option::as_ref) {
            let sent = rings.returns.try_send(message);
            debug_assert!(!matches!(sent, Err(GlommioError::WouldBlock(_))), "a slot for each box");
        }
    }
}

impl WaitingRequests {
    fn push(&mut self, owner: ShardId, routed: Box<RoutedRequest>) {
        if self.by_owner.len() <= owner.index() {
            self.by_owner.resize_with(owner.index() + 1, VecDeque::new);
        }
        self.by_owner[owner.index()].push_back(routed);
        self.total += 1;
    }

    fn is_waiting_for(&self, owner: ShardId) -> bool {
        self.total > 0 && self.by_owner.get(owner.index()).is_some_and(|queue| !queue.is_empty())
    }

    /// Sends from the front of each queue until its ring is full. Those whose ring is closed are dropped, because the
    /// tracker is stopping.
    fn send<R>(&mut self, rings: &[Option<Rings<ConnectedSender<MeshRequest>, R>>]) {
        for (queue, rings) in self.by_owner.iter_mut().zip(rings) {
            let Some(ring) = rings.as_ref().map(|rings| &rings.requests) else { continue };
            while let Some(routed) = queue.pop_front() {
                self.total -= 1;
                let Err(error) = ring.try_send(MeshRequest::Http(routed)) else { continue };
                let is_full = matches!(error, GlommioError::WouldBlock(_));
                if let (true, MeshRequest::Http(routed)) = (is_full, unsent(error)) {
                    queue.push_front(routed);
                    self.total += 1;
                    break;
                }
            }
        }
    }
}

impl ScrapePool {
    /// Returns a box for a scrape, unless the owner has as many as it may.
    fn take(
        &mut self,
        home: ShardId,
        first_owner: ShardId,
        reply_to: ReplyTo,
        scrape: &RoutedScrape,
    ) -> Option<Box<ScrapeMessage>> {
        if self.underway.len() <= first_owner.index() {
            self.underway.resize(first_owner.index() + 1, 0);
        }
        let underway = &mut self.underway[first_owner.index()];
        if *underway >= self.per_owner_max {
            return None;
        }
        *underway += 1;
        let Some(mut message) = self.idle.pop() else {
            return Some(Box::new(ScrapeMessage { home, first_owner, reply_to, scrape: scrape.clone() }));
        };
        (message.first_owner, message.reply_to) = (first_owner, reply_to);
        message.scrape.clone_from(scrape);
        Some(message)
    }

    fn put_back(&mut self, message: Box<ScrapeMessage>) {
        self.underway[message.first_owner.index()] -= 1;
        self.idle.push(message);
    }
}

/// Returns a message that a ring did not accept.
fn unsent(error: GlommioError<MeshRequest>) -> MeshRequest {
    match error {
        GlommioError::Closed(ResourceType::Channel(request))
        | GlommioError::WouldBlock(ResourceType::Channel(request)) => request,
        error => unreachable!("a ring is full or closed, and not {error}"),
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
