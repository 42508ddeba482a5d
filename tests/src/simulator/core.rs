use super::mesh::{Mesh, Message};
use engine::{
    EngineSettings, HttpPolicy, HttpService, Now, REPLY_BYTES_MAX, RoutedScrape, Routing, ScrapeStep,
    Secrets, Shard, UdpService,
};
use metrics::{DropReason, Outcome};
use primitives::{RequestKind, ShardId};
use std::net::SocketAddr;

#[derive(Debug)]
pub(super) struct Core {
    pub(super) id: ShardId,
    pub(super) shard: Shard,
    pub(super) udp: UdpService,
    pub(super) http: HttpService,
    /// Buffer for its replies. It is never cleared, so that a reply that is too long shows bytes of the one before.
    pub(super) buffer: Box<[u8]>,
    /// Indices of the datagrams waiting at its socket.
    pub(super) waiting: Vec<usize>,
}

impl Core {
    pub(super) fn new(id: ShardId, settings: EngineSettings, secrets: &Secrets, http: HttpPolicy) -> Self {
        let settings = EngineSettings { shard: id, ..settings };
        Self {
            id,
            shard: Shard::new(&settings, secrets),
            udp: UdpService::new(&settings, secrets),
            http: HttpService::new(http),
            buffer: vec![0; REPLY_BYTES_MAX].into_boxed_slice(),
            waiting: Vec::new(),
        }
    }

    /// Serves the requests that other cores routed to this one.
    pub(super) fn serve_mesh(
        &mut self,
        now: Now,
        mesh: &mut Mesh,
        on_reply: &mut impl FnMut(usize, SocketAddr, &[u8]),
    ) {
        while let Some(message) = mesh.next_announce(self.id) {
            let Self { shard, udp, buffer, .. } = &mut *self;
            let length = udp.answer_routed_announce(shard, now, &message.content, buffer);
            on_reply(message.request, message.source, &self.buffer[..length]);
        }
        while let Some(message) = mesh.next_scrape(self.id) {
            self.serve_scrape(message, mesh, on_reply);
        }
    }

    fn serve_scrape(
        &mut self,
        mut message: Message<RoutedScrape>,
        mesh: &mut Mesh,
        on_reply: &mut impl FnMut(usize, SocketAddr, &[u8]),
    ) {
        match self.udp.advance_scrape(&mut self.shard, &mut message.content, &mut self.buffer) {
            ScrapeStep::Reply(length) => on_reply(message.request, message.source, &self.buffer[..length]),
            ScrapeStep::Route(owner) => {
                let family = message.content.family();
                if mesh.send_scrape((self.id, owner), message) == Routing::Full {
                    let outcome = Outcome::Dropped(DropReason::MeshFull);
                    self.shard.statistics_mut().count(family, RequestKind::Scrape, outcome);
                }
            }
        }
    }
}
