use crate::limits::{ANNOUNCE_SLOTS_MIN, CONNECT_TICK_MS, SCRAPE_SLOTS_MIN, SCRAPE_SLOTS_SHARE};
use crate::messages::{AnnounceMessage, ScrapeMessage};
use engine::{RoutedRequest, Routing, routed_requests_per_owner};
use futures_lite::Future;
use glommio::channels::shared_channel::{
    ConnectedReceiver, ConnectedSender, SharedReceiver, SharedSender, new_bounded,
};
use glommio::timer::sleep;
use glommio::{GlommioError, ResourceType};
use primitives::{ShardCount, ShardId};
use std::time::Duration;

/// One core's ends of the mesh before its executor runs: a ring to and from each other core, for announces
/// and for scrapes. A ring has one producer and one consumer and takes no lock.
#[derive(Debug)]
pub struct MeshEnd {
    to: Vec<UnconnectedSenders>,
    from: Vec<UnconnectedReceivers>,
}

/// The rings between two cores, in one direction.
#[derive(Debug)]
struct Rings<A, S, E> {
    shard: ShardId,
    announces: A,
    scrapes: S,
    /// Of HTTP requests, on their way to owners.
    routed: E,
    /// The same, on their way home.
    answers: E,
}

type UnconnectedSenders =
    Rings<SharedSender<AnnounceMessage>, SharedSender<ScrapeMessage>, SharedSender<Box<RoutedRequest>>>;
type UnconnectedReceivers =
    Rings<SharedReceiver<AnnounceMessage>, SharedReceiver<ScrapeMessage>, SharedReceiver<Box<RoutedRequest>>>;
type Senders = Rings<
    ConnectedSender<AnnounceMessage>,
    ConnectedSender<ScrapeMessage>,
    ConnectedSender<Box<RoutedRequest>>,
>;
type Receivers = Rings<
    ConnectedReceiver<AnnounceMessage>,
    ConnectedReceiver<ScrapeMessage>,
    ConnectedReceiver<Box<RoutedRequest>>,
>;

/// The sending ends, by shard; none to itself.
#[derive(Debug, Default)]
pub(crate) struct MeshSenders {
    by_shard: Vec<Option<Senders>>,
}

/// The receiving ends.
#[derive(Debug, Default)]
pub(crate) struct MeshReceivers {
    pub(crate) announces: Vec<ConnectedReceiver<AnnounceMessage>>,
    pub(crate) scrapes: Vec<ConnectedReceiver<ScrapeMessage>>,
    pub(crate) routed: Vec<ConnectedReceiver<Box<RoutedRequest>>>,
    pub(crate) answers: Vec<ConnectedReceiver<Box<RoutedRequest>>>,
}

/// The ends of a mesh between all shards, in their order. Each core has `slots_per_core` for announces on their
/// way to others, dealt out to its rings, so that the mesh grows with the number of cores and not with its
/// square.
#[must_use]
pub fn full_mesh(shards: ShardCount, slots_per_core: usize) -> Vec<MeshEnd> {
    let rings = usize::from(shards.get()).saturating_sub(1).max(1);
    let slots = (slots_per_core / rings).max(ANNOUNCE_SLOTS_MIN);
    let scrape_slots = (slots / SCRAPE_SLOTS_SHARE).max(SCRAPE_SLOTS_MIN);
    let mut ends: Vec<MeshEnd> =
        shards.shards().map(|_| MeshEnd { to: Vec::new(), from: Vec::new() }).collect();
    for producer in shards.shards() {
        for consumer in shards.shards().filter(|&consumer| consumer != producer) {
            let (to_announces, from_announces) = new_bounded(slots);
            let (to_scrapes, from_scrapes) = new_bounded(scrape_slots);
            // Room for all routed requests of one core that another may have, so that each finds its way there and home.
            let (to_routed, from_routed) = new_bounded(routed_requests_per_owner(shards));
            let (to_answers, from_answers) = new_bounded(routed_requests_per_owner(shards));
            let to = Rings {
                shard: consumer,
                announces: to_announces,
                scrapes: to_scrapes,
                routed: to_routed,
                answers: to_answers,
            };
            let from = Rings {
                shard: producer,
                announces: from_announces,
                scrapes: from_scrapes,
                routed: from_routed,
                answers: from_answers,
            };
            ends[producer.index()].to.push(to);
            ends[consumer.index()].from.push(from);
        }
    }
    ends
}

impl MeshEnd {
    /// Meets the other cores. All of them have to do it at the same time.
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
        let mut senders = MeshSenders { by_shard: Vec::new() };
        for ring in join_all(to).await {
            let index = ring.shard.index();
            senders.by_shard.resize_with(senders.by_shard.len().max(index + 1), || None);
            senders.by_shard[index] = Some(ring);
        }
        let mut receivers = MeshReceivers::default();
        for ring in join_all(from).await {
            receivers.announces.push(ring.announces);
            receivers.scrapes.push(ring.scrapes);
            receivers.routed.push(ring.routed);
            receivers.answers.push(ring.answers);
        }
        (senders, receivers)
    }
}

impl MeshSenders {
    pub(crate) fn send_announce(&self, owner: ShardId, message: AnnounceMessage) -> Routing {
        let ring = self.by_shard.get(owner.index()).and_then(Option::as_ref);
        routing(ring.is_some_and(|ring| ring.announces.try_send(message).is_ok()))
    }

    pub(crate) fn send_scrape(&self, owner: ShardId, message: ScrapeMessage) -> Routing {
        let ring = self.by_shard.get(owner.index()).and_then(Option::as_ref);
        routing(ring.is_some_and(|ring| ring.scrapes.try_send(message).is_ok()))
    }

    /// Hands a routed request to its next owner; gives it back where the ring is closed, since the tracker stops.
    pub(crate) fn send_routed(
        &self,
        owner: ShardId,
        routed: Box<RoutedRequest>,
    ) -> Result<(), Box<RoutedRequest>> {
        match self.by_shard.get(owner.index()).and_then(Option::as_ref) {
            Some(rings) => rings.routed.try_send(routed).map_err(unsent),
            None => Err(routed),
        }
    }

    /// Sends a routed request home. There is room for it; one that its home does not take in any more, since
    /// the tracker stops, is let go.
    pub(crate) fn send_answer(&self, home: ShardId, routed: Box<RoutedRequest>) {
        if let Some(rings) = self.by_shard.get(home.index()).and_then(Option::as_ref) {
            drop(rings.answers.try_send(routed));
        }
    }

    /// Tells the other cores that no more requests will come.
    pub(crate) fn close_requests(&self) {
        for rings in self.by_shard.iter().flatten() {
            rings.announces.close();
            rings.scrapes.close();
            rings.routed.close();
        }
    }

    /// Tells the other cores that nothing more will come.
    pub(crate) fn close(&mut self) {
        self.by_shard.clear();
    }
}

const fn routing(was_sent: bool) -> Routing {
    if was_sent { Routing::Sent } else { Routing::Full }
}

/// Keeps the executor from sleeping: glommio does not wake one that waits for the other end of a channel when
/// that end comes, but it looks whenever it is awake.
async fn tick() {
    loop {
        sleep(Duration::from_millis(CONNECT_TICK_MS)).await;
    }
}

/// What a ring did not take.
fn unsent(error: GlommioError<Box<RoutedRequest>>) -> Box<RoutedRequest> {
    match error {
        GlommioError::Closed(ResourceType::Channel(routed))
        | GlommioError::WouldBlock(ResourceType::Channel(routed)) => routed,
        error => unreachable!("a ring is full or closed, and not {error}"),
    }
}

async fn connect_sender(rings: UnconnectedSenders) -> Senders {
    Rings {
        shard: rings.shard,
        announces: rings.announces.connect().await,
        scrapes: rings.scrapes.connect().await,
        routed: rings.routed.connect().await,
        answers: rings.answers.connect().await,
    }
}

async fn connect_receiver(rings: UnconnectedReceivers) -> Receivers {
    Rings {
        shard: rings.shard,
        announces: rings.announces.connect().await,
        scrapes: rings.scrapes.connect().await,
        routed: rings.routed.connect().await,
        answers: rings.answers.connect().await,
    }
}

async fn join_all<T>(futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut results = Vec::with_capacity(futures.len());
    for future in futures {
        results.push(future.await);
    }
    results
}
