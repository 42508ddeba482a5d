use crate::limits::{
    LEAVES_PER_STEP_MAX, REQUEST_SLOTS_MIN, SCRAPES_PER_OWNER_MIN, SCRAPES_SHARE, SIGNALS_PER_RING_MAX,
};
use crate::messages::{AnnounceMessage, MeshRequest, MeshReturn, ReplyTo, ScrapeMessage, SignalMessage};
use core_link::{CoreHandle, Notify};
use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError, bounded};
use engine::{
    AnnouncedPeer, ConnectionToken, RoutedRequest, RoutedScrape, Routing, routed_requests_per_owner,
};
use primitives::{ShardCount, ShardId};
use std::collections::VecDeque;
use std::sync::Arc;

/// One core's ends of the mesh: two rings to and from each other core, one for requests and one for boxes that return. A
/// ring has one producer and one consumer and takes no lock.
#[derive(Debug)]
pub struct Mesh<P> {
    own: ShardId,
    /// The sending ends, by shard; none to itself.
    to: Vec<Option<SendingEnds<P>>>,
    from: Vec<ReceivingEnds<P>>,
    waiting: WaitingRequests,
    /// Slots of a ring for returns that offers and answers may take.
    signals_max: usize,
    scrapes: ScrapePool<P>,
}

/// The sending ends of the rings to another core. They are closed by dropping them.
#[derive(Debug)]
struct SendingEnds<P> {
    requests: Option<Sender<MeshRequest<P>>>,
    returns: Option<Sender<MeshReturn<P>>>,
    notify: Arc<Notify>,
    /// Whether something was sent that the core was not notified of.
    has_sent: bool,
}

/// A request that a ring did not accept.
struct Unsent<P> {
    request: MeshRequest<P>,
    /// Whether there may be room later; otherwise the ring is closed, because the tracker is stopping.
    is_full: bool,
}

/// The receiving ends of the rings from another core, which are dropped when they are closed and empty.
#[derive(Debug)]
struct ReceivingEnds<P> {
    requests: Option<Receiver<MeshRequest<P>>>,
    returns: Option<Receiver<MeshReturn<P>>>,
}

/// The numbers of slots of a mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeshSlots {
    /// Of a ring for requests.
    pub requests: usize,
    /// Of these, how many scrapes of one core's clients may have.
    pub scrapes_per_owner: usize,
    /// Of a ring for returns, how many offers and answers may have.
    pub signals: usize,
}

/// HTTP requests for which the ring to their owner had no room, and peers that leave, by owner. UDP requests are dropped
/// then, but an HTTP client waits for its answer, so these are the next that the ring accepts.
/// [`routed_requests_per_owner`] limits their number.
///
/// Peers leave after the requests, because the announce of a peer may be among these, and a few in each turn, because a ring
/// that is full of them would have no room for datagrams. There are at most as many as the connections may announce.
#[derive(Debug, Default)]
struct WaitingRequests {
    by_owner: Vec<WaitingForOwner>,
    total: usize,
}

#[derive(Debug, Default)]
struct WaitingForOwner {
    requests: VecDeque<Box<RoutedRequest>>,
    leaving: VecDeque<(AnnouncedPeer, ConnectionToken)>,
}

/// The boxes of the routed scrapes of this core's clients.
#[derive(Debug)]
struct ScrapePool<P> {
    idle: Vec<Box<ScrapeMessage<P>>>,
    /// Boxes that are not at home, by the owner that they went to first, so that a slow core does not hold up the scrapes of
    /// others.
    underway: Vec<usize>,
    per_owner_max: usize,
}

impl MeshSlots {
    /// Returns the slots where each core has `slots_per_core` for requests to other cores, divided among its rings and
    /// rounded up to a power of two, so that the mesh grows with the number of cores and not with its square.
    #[must_use]
    pub fn divided(slots_per_core: usize, shards: ShardCount) -> Self {
        let rings = usize::from(shards.get()).saturating_sub(1).max(1);
        let requests = (slots_per_core / rings).max(REQUEST_SLOTS_MIN).next_power_of_two();
        Self {
            requests,
            scrapes_per_owner: (requests / SCRAPES_SHARE).max(SCRAPES_PER_OWNER_MIN),
            signals: requests.min(SIGNALS_PER_RING_MAX),
        }
    }
}

/// Returns the ends of a mesh between all cores, in their order.
#[must_use]
pub fn full_mesh<P>(cores: &[CoreHandle], shards: ShardCount, slots: MeshSlots) -> Vec<Mesh<P>> {
    // Room for all boxes of one core, so that each returns home.
    let boxes = routed_requests_per_owner(shards) + cores.len() * slots.scrapes_per_owner;
    let returns = boxes + slots.signals;
    let end = |own: &CoreHandle| Mesh {
        own: own.shard(),
        to: cores.iter().map(|_| None).collect(),
        from: Vec::new(),
        waiting: WaitingRequests::default(),
        signals_max: slots.signals,
        scrapes: ScrapePool {
            idle: Vec::new(),
            underway: vec![0; cores.len()],
            per_owner_max: slots.scrapes_per_owner,
        },
    };
    let mut ends: Vec<Mesh<P>> = cores.iter().map(end).collect();
    for producer in 0..cores.len() {
        for consumer in (0..cores.len()).filter(|&consumer| consumer != producer) {
            let (to_requests, from_requests) = bounded(slots.requests);
            let (to_returns, from_returns) = bounded(returns);
            ends[producer].to[consumer] = Some(SendingEnds {
                requests: Some(to_requests),
                returns: Some(to_returns),
                notify: cores[consumer].notify(),
                has_sent: false,
            });
            ends[consumer]
                .from
                .push(ReceivingEnds { requests: Some(from_requests), returns: Some(from_returns) });
        }
    }
    ends
}

impl<P: Copy> Mesh<P> {
    /// Returns the number of cores from which messages come.
    pub(crate) const fn others(&self) -> usize {
        self.from.len()
    }

    /// Receives a request from the core at `index` of the others.
    pub(crate) fn next_request(&mut self, index: usize) -> Option<MeshRequest<P>> {
        next(&mut self.from[index].requests)
    }

    /// Receives a box of this core's clients that comes back from the core at `index` of the others.
    pub(crate) fn next_return(&mut self, index: usize) -> Option<MeshReturn<P>> {
        next(&mut self.from[index].returns)
    }

    /// Returns how many requests, and how many boxes of this core's clients, wait to be received.
    pub(crate) fn queued(&self) -> (usize, usize) {
        let requests = self.from.iter().filter_map(|ends| ends.requests.as_ref().map(Receiver::len));
        let returns = self.from.iter().filter_map(|ends| ends.returns.as_ref().map(Receiver::len));
        (requests.sum(), returns.sum())
    }

    /// Whether all other cores have closed their rings for requests, and every request has been received.
    pub(crate) fn requests_have_ended(&self) -> bool {
        self.from.iter().all(|ends| ends.requests.is_none())
    }

    /// Whether all other cores have closed their rings for returns, and every box has been received.
    pub(crate) fn returns_have_ended(&self) -> bool {
        self.from.iter().all(|ends| ends.returns.is_none())
    }

    pub(crate) fn send_announce(&mut self, owner: ShardId, message: AnnounceMessage<P>) -> Routing {
        match self.send_datagram(owner, MeshRequest::Announce(message)) {
            None => Routing::Sent,
            Some(_) => Routing::Full,
        }
    }

    /// Sends a scrape of a client of this core to its first owner.
    pub(crate) fn begin_scrape(
        &mut self,
        owner: ShardId,
        reply_to: ReplyTo<P>,
        scrape: &RoutedScrape,
    ) -> Routing {
        let message = self.scrapes.take(self.own, owner, reply_to, scrape);
        message.map_or(Routing::Full, |message| self.send_scrape(owner, message))
    }

    /// Sends a scrape to its next owner, or back to its home where the ring is full.
    pub(crate) fn send_scrape(&mut self, owner: ShardId, message: Box<ScrapeMessage<P>>) -> Routing {
        match self.send_datagram(owner, MeshRequest::Scrape(message)) {
            Some(Unsent { request: MeshRequest::Scrape(message), .. }) => {
                self.return_scrape(message);
                Routing::Full
            }
            _ => Routing::Sent,
        }
    }

    /// Returns the box of a scrape to its home.
    pub(crate) fn return_scrape(&mut self, message: Box<ScrapeMessage<P>>) {
        if message.home == self.own {
            self.scrapes.put_back(message);
        } else {
            self.send_return(message.home, MeshReturn::Scrape(message));
        }
    }

    /// Sends an HTTP request or a message to an owner, at once or by [`Self::send_waiting`].
    ///
    /// # Errors
    /// When the rings are closed, because the tracker is stopping.
    pub(crate) fn send_http(
        &mut self,
        owner: ShardId,
        routed: Box<RoutedRequest>,
    ) -> Result<(), Box<RoutedRequest>> {
        let is_open = self.to[owner.index()].as_ref().is_some_and(|ends| ends.requests.is_some());
        if !is_open {
            return Err(routed);
        }
        self.waiting.of(owner).requests.push_back(routed);
        self.waiting.total += 1;
        self.send_waiting();
        Ok(())
    }

    /// Lets [`Self::send_leaving`] send a peer to the owner of its torrent.
    pub(crate) fn send_leave(&mut self, owner: ShardId, peer: AnnouncedPeer, connection: ConnectionToken) {
        self.waiting.of(owner).leaving.push_back((peer, connection));
        self.waiting.total += 1;
    }

    /// Sends an offer or an answer to the home of a connection. Returns whether there was room.
    pub(crate) fn send_signal(&mut self, to: ConnectionToken, frame: &[u8]) -> bool {
        let Some(SendingEnds { returns: Some(ring), has_sent, .. }) = &mut self.to[to.home.index()] else {
            return false;
        };
        // The other slots are for boxes.
        if ring.len() >= self.signals_max {
            return false;
        }
        *has_sent = true;
        ring.try_send(MeshReturn::Signal(Box::new(SignalMessage { to, frame: frame.into() }))).is_ok()
    }

    /// Sends the requests for which there is room by now. Called before datagrams may fill a ring.
    pub(crate) fn send_waiting(&mut self) {
        if self.waiting.total > 0 {
            self.waiting.send(&mut self.to, WaitingForOwner::send_requests);
        }
    }

    /// Sends some of the peers that leave, once in each step.
    pub(crate) fn send_leaving(&mut self) {
        if self.waiting.total > 0 {
            self.waiting.send(&mut self.to, WaitingForOwner::send_leaving);
        }
    }

    /// Whether requests or leaving peers wait for room in a ring.
    pub(crate) const fn has_waiting(&self) -> bool {
        self.waiting.total > 0
    }

    /// Returns an HTTP request or a message to its home, or drops it if the ring is closed, because the tracker is stopping.
    pub(crate) fn return_http(&mut self, routed: Box<RoutedRequest>) {
        self.send_return(routed.token.home, MeshReturn::Http(routed));
    }

    /// Notifies the other cores of the messages that were sent to them.
    pub(crate) fn notify(&mut self) {
        for ends in self.to.iter_mut().flatten() {
            if core::mem::take(&mut ends.has_sent) {
                ends.notify.notify();
            }
        }
    }

    /// Signals to the other cores that no more requests will come.
    pub(crate) fn close_requests(&mut self) {
        for ends in self.to.iter_mut().flatten() {
            (ends.requests, ends.has_sent) = (None, true);
        }
        self.notify();
    }

    /// Signals to the other cores that nothing more will come.
    pub(crate) fn close_returns(&mut self) {
        for ends in self.to.iter_mut().flatten() {
            (ends.returns, ends.has_sent) = (None, true);
        }
        self.notify();
    }

    /// Sends the request of a datagram, unless the ring is full, or HTTP requests wait for room in it.
    fn send_datagram(&mut self, owner: ShardId, request: MeshRequest<P>) -> Option<Unsent<P>> {
        match &mut self.to[owner.index()] {
            Some(ends) if !self.waiting.is_waiting_for(owner) => ends.send(request),
            _ => Some(Unsent { request, is_full: true }),
        }
    }

    /// There is always room, because the ring has a slot for each box; a closed ring belongs to a tracker that stops.
    fn send_return(&mut self, home: ShardId, message: MeshReturn<P>) {
        if let Some(SendingEnds { returns: Some(ring), has_sent, .. }) = &mut self.to[home.index()] {
            let sent = ring.try_send(message);
            debug_assert!(!matches!(sent, Err(TrySendError::Full(_))), "a slot for each box");
            *has_sent = true;
        }
    }
}

impl<P> SendingEnds<P> {
    /// Returns how many peers that leave may be sent now: a few, and none while a quarter of the ring is taken. No other core
    /// takes this room.
    fn room_for_leaving(&self) -> usize {
        // If the ring is closed, because the tracker is stopping, they are dropped.
        let Some(ring) = &self.requests else { return LEAVES_PER_STEP_MAX };
        let (used, slots) = (ring.len(), ring.capacity().unwrap_or(usize::MAX));
        if used > slots / 4 { 0 } else { LEAVES_PER_STEP_MAX.min(slots - used) }
    }

    fn send(&mut self, request: MeshRequest<P>) -> Option<Unsent<P>> {
        let Some(ring) = &self.requests else { return Some(Unsent { request, is_full: false }) };
        match ring.try_send(request) {
            Ok(()) => {
                self.has_sent = true;
                None
            }
            Err(TrySendError::Full(request)) => Some(Unsent { request, is_full: true }),
            Err(TrySendError::Disconnected(request)) => Some(Unsent { request, is_full: false }),
        }
    }
}

/// Receives a message, or drops a ring that is closed and empty.
fn next<T>(ring: &mut Option<Receiver<T>>) -> Option<T> {
    match ring.as_ref()?.try_recv() {
        Ok(message) => Some(message),
        Err(TryRecvError::Empty) => None,
        Err(TryRecvError::Disconnected) => {
            *ring = None;
            None
        }
    }
}

impl WaitingRequests {
    fn of(&mut self, owner: ShardId) -> &mut WaitingForOwner {
        if self.by_owner.len() <= owner.index() {
            self.by_owner.resize_with(owner.index() + 1, WaitingForOwner::default);
        }
        &mut self.by_owner[owner.index()]
    }

    /// Whether requests wait that datagrams must not overtake.
    fn is_waiting_for(&self, owner: ShardId) -> bool {
        self.total > 0 && self.by_owner.get(owner.index()).is_some_and(|waiting| !waiting.requests.is_empty())
    }

    /// Sends to each owner. `send` returns how many were sent or dropped.
    fn send<P>(
        &mut self,
        to: &mut [Option<SendingEnds<P>>],
        send: impl Fn(&mut WaitingForOwner, &mut SendingEnds<P>) -> usize,
    ) {
        for (waiting, ends) in self.by_owner.iter_mut().zip(to) {
            self.total -= ends.as_mut().map_or(0, |ends| send(waiting, ends));
        }
    }
}

impl WaitingForOwner {
    /// Sends requests until the ring is full. Those whose ring is closed are dropped, because the tracker is stopping.
    fn send_requests<P>(&mut self, ends: &mut SendingEnds<P>) -> usize {
        let (mut sent, had_sent) = (0, ends.has_sent);
        while let Some(routed) = self.requests.pop_front() {
            if let Some(Unsent { request: MeshRequest::Http(routed), is_full: true }) =
                ends.send(MeshRequest::Http(routed))
            {
                self.requests.push_front(routed);
                break;
            }
            sent += 1;
        }
        if cfg!(feature = "canary") && sent > 1 {
            ends.has_sent = had_sent;
        }
        sent
    }

    /// Sends peers that leave, after all requests, while most of the ring is free.
    fn send_leaving<P>(&mut self, ends: &mut SendingEnds<P>) -> usize {
        let most = if self.requests.is_empty() { ends.room_for_leaving() } else { 0 };
        let leaving = self.leaving.drain(..most.min(self.leaving.len()));
        let sent = leaving.map(|(peer, connection)| ends.send(MeshRequest::Leave(peer, connection))).count();
        if self.leaving.is_empty() {
            self.leaving = VecDeque::new();
        }
        sent
    }
}

impl<P: Copy> ScrapePool<P> {
    /// Returns a box for a scrape, unless the owner has as many as it may.
    fn take(
        &mut self,
        home: ShardId,
        first_owner: ShardId,
        reply_to: ReplyTo<P>,
        scrape: &RoutedScrape,
    ) -> Option<Box<ScrapeMessage<P>>> {
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

    fn put_back(&mut self, message: Box<ScrapeMessage<P>>) {
        self.underway[message.first_owner.index()] -= 1;
        self.idle.push(message);
    }
}
