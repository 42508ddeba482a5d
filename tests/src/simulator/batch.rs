use super::Datagram;
use super::mesh::{Mesh, Message};
use engine::{Inbox, Outbox, RoutedAnnounce, RoutedScrape, Routing};
use primitives::ShardId;
use std::net::SocketAddr;

/// The datagrams of one batch of one core.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batch<'a> {
    pub(super) datagrams: &'a [Datagram],
    pub(super) indices: &'a [usize],
}

/// Outbox of one core's engine for a batch.
#[derive(Debug)]
pub(super) struct Outcomes<'a, F> {
    pub(super) batch: Batch<'a>,
    pub(super) from: ShardId,
    pub(super) buffer: &'a mut [u8],
    pub(super) mesh: &'a mut Mesh,
    pub(super) on_reply: &'a mut F,
}

impl Inbox for Batch<'_> {
    fn datagrams(&self) -> usize {
        self.indices.len()
    }

    fn datagram(&self, index: usize) -> (SocketAddr, &[u8]) {
        let datagram = &self.datagrams[self.indices[index]];
        (datagram.source, &datagram.bytes)
    }
}

impl Batch<'_> {
    fn message<T>(&self, index: usize, content: T) -> Message<T> {
        let request = self.indices[index];
        Message { request, source: self.datagrams[request].source, content }
    }
}

impl<F: FnMut(usize, SocketAddr, &[u8])> Outbox for Outcomes<'_, F> {
    fn buffer(&mut self) -> &mut [u8] {
        self.buffer
    }

    fn reply(&mut self, index: usize, length: usize) {
        let (source, _) = self.batch.datagram(index);
        (self.on_reply)(self.batch.indices[index], source, &self.buffer[..length]);
    }

    fn route_announce(&mut self, index: usize, owner: ShardId, announce: &RoutedAnnounce) -> Routing {
        self.mesh.send_announce((self.from, owner), self.batch.message(index, *announce))
    }

    fn route_scrape(&mut self, index: usize, owner: ShardId, routed_scrape: &RoutedScrape) -> Routing {
        self.mesh.send_scrape((self.from, owner), self.batch.message(index, routed_scrape.clone()))
    }
}
