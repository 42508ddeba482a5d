use super::mesh::{Mesh, Message};
use engine::{
    Engine, EngineSettings, HttpPolicy, HttpService, Now, REPLY_BYTES_MAX, RoutedScrape, Routing, ScrapeStep,
    Secrets,
};
use primitives::ShardId;
use std::net::SocketAddr;

/// One core of the tracker.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) shard: ShardId,
    pub(super) engine: Engine,
    pub(super) http: HttpService,
    /// Where its replies are written. It is never cleared: a reply that is too long shows the one before.
    pub(super) buffer: Box<[u8]>,
    /// Datagrams at its socket.
    pub(super) waiting: Vec<usize>,
}

impl Core {
    pub(super) fn new(shard: ShardId, settings: EngineSettings, secrets: &Secrets, http: HttpPolicy) -> Self {
        Self {
            shard,
            engine: Engine::new(EngineSettings { shard, ..settings }, secrets),
            http: HttpService::new(http),
            buffer: vec![0; REPLY_BYTES_MAX].into_boxed_slice(),
            waiting: Vec::new(),
        }
    }

    /// Serves what other cores handed over.
    pub(super) fn serve_mesh(
        &mut self,
        now: Now,
        mesh: &mut Mesh,
        on_reply: &mut impl FnMut(usize, SocketAddr, &[u8]),
    ) {
        while let Some(message) = mesh.next_announce(self.shard) {
            let length = self.engine.answer_routed_announce(now, &message.content, &mut self.buffer);
            on_reply(message.request, message.source, &self.buffer[..length]);
        }
        while let Some(message) = mesh.next_scrape(self.shard) {
            self.serve_scrape(message, mesh, on_reply);
        }
    }

    fn serve_scrape(
        &mut self,
        mut message: Message<RoutedScrape>,
        mesh: &mut Mesh,
        on_reply: &mut impl FnMut(usize, SocketAddr, &[u8]),
    ) {
        match self.engine.advance_scrape(&mut message.content, &mut self.buffer) {
            ScrapeStep::Reply(length) => on_reply(message.request, message.source, &self.buffer[..length]),
            ScrapeStep::Route(owner) => {
                let family = message.content.family();
                if mesh.send_scrape((self.shard, owner), message) == Routing::Full {
                    self.engine.drop_scrape(family);
                }
            }
        }
    }
}
