use engine::{RoutedAnnounce, RoutedScrape, Routing};
use primitives::{ShardCount, ShardId};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// A request between cores.
#[derive(Debug)]
pub(super) struct Message<T> {
    /// Index of its datagram.
    pub(super) request: usize,
    pub(super) source: SocketAddr,
    pub(super) content: T,
}

/// A bounded ring, allocated in full at the start.
#[derive(Debug)]
struct Ring<T> {
    messages: VecDeque<Message<T>>,
    slots: usize,
}

/// Rings from each core to each: one for announces and one for scrapes.
#[derive(Debug)]
pub(super) struct Mesh {
    shards: usize,
    announces: Vec<Ring<RoutedAnnounce>>,
    scrapes: Vec<Ring<RoutedScrape>>,
}

impl<T> Ring<T> {
    fn new(slots: usize) -> Self {
        Self { messages: VecDeque::with_capacity(slots), slots }
    }

    fn send(&mut self, message: Message<T>) -> Routing {
        if self.messages.len() >= self.slots {
            return Routing::Full;
        }
        self.messages.push_back(message);
        Routing::Sent
    }
}

impl Mesh {
    pub(super) fn new(shards: ShardCount, announce_slots: usize, scrape_slots: usize) -> Self {
        let shards = usize::from(shards.get());
        Self {
            shards,
            announces: (0..shards * shards).map(|_| Ring::new(announce_slots)).collect(),
            scrapes: (0..shards * shards).map(|_| Ring::new(scrape_slots)).collect(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.announces.iter().all(|ring| ring.messages.is_empty())
            && self.scrapes.iter().all(|ring| ring.messages.is_empty())
    }

    pub(super) fn send_announce(
        &mut self,
        (from, to): (ShardId, ShardId),
        message: Message<RoutedAnnounce>,
    ) -> Routing {
        let ring = self.ring(from, to);
        self.announces[ring].send(message)
    }

    pub(super) fn send_scrape(
        &mut self,
        (from, to): (ShardId, ShardId),
        message: Message<RoutedScrape>,
    ) -> Routing {
        let ring = self.ring(from, to);
        self.scrapes[ring].send(message)
    }

    /// Takes the next announce for `to`, from any core.
    pub(super) fn next_announce(&mut self, to: ShardId) -> Option<Message<RoutedAnnounce>> {
        let rings = self.announces.iter_mut().skip(to.index()).step_by(self.shards);
        rings.into_iter().find_map(|ring| ring.messages.pop_front())
    }

    /// Takes the next scrape for `to`, from any core.
    pub(super) fn next_scrape(&mut self, to: ShardId) -> Option<Message<RoutedScrape>> {
        let rings = self.scrapes.iter_mut().skip(to.index()).step_by(self.shards);
        rings.into_iter().find_map(|ring| ring.messages.pop_front())
    }

    fn ring(&self, from: ShardId, to: ShardId) -> usize {
        assert_ne!(from, to, "a core's own requests do not cross the mesh");
        from.index() * self.shards + to.index()
    }
}
