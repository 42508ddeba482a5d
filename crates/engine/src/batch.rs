use crate::Now;
use crate::announce::RoutedAnnounce;
use crate::decide::Decision;
use crate::engine::Engine;
use crate::error_reply::write_error;
use crate::limits::{BATCH_DATAGRAMS_MAX, REPLY_BYTES_MAX};
use crate::peer_report::details;
use crate::scrape::{self, RoutedScrape, ScrapeStep};
use core::net::SocketAddr;
use primitives::{
    AddressFamily, CompactIpv4, CompactIpv6, Counter, DropReason, KeyId, Outcome, PeerAddress, RequestKind,
    ShardId,
};
use swarm::SwarmSlot;
use udp_protocol::{ConnectResponse, Request, Scrape, decode_request};
use zerocopy::IntoBytes;

/// The datagrams of a batch, at most [`BATCH_DATAGRAMS_MAX`].
pub trait Inbox {
    /// How many there are.
    fn datagrams(&self) -> usize;

    /// Source and payload of the one at `index`.
    fn datagram(&self, index: usize) -> (SocketAddr, &[u8]);
}

/// Where the decisions about a batch go.
pub trait Outbox {
    /// Room for one reply, at least [`REPLY_BYTES_MAX`] bytes.
    fn buffer(&mut self) -> &mut [u8];

    /// The first `length` bytes of the buffer are the reply to the datagram at `index`.
    fn reply(&mut self, index: usize, length: usize);

    /// Hands an announce to its owner.
    fn route_announce(&mut self, index: usize, owner: ShardId, announce: &RoutedAnnounce) -> Routing;

    /// Hands a scrape to the owner of what is left of it.
    fn route_scrape(&mut self, index: usize, owner: ShardId, routed_scrape: &RoutedScrape) -> Routing;
}

/// Whether the mesh took a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Routing {
    /// It is on its way; the owner answers and counts it.
    Sent,
    /// The ring to its owner is full.
    Full,
}

/// A datagram between the stages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Staged {
    decision: Decision,
    hint: Hint,
}

/// Where the second stage found the swarm of an announce.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Hint {
    None,
    V4(SwarmSlot<CompactIpv4>),
    V6(SwarmSlot<CompactIpv6>),
}

impl Hint {
    pub(crate) const fn v4(self) -> Option<SwarmSlot<CompactIpv4>> {
        if let Self::V4(slot) = self { Some(slot) } else { None }
    }

    pub(crate) const fn v6(self) -> Option<SwarmSlot<CompactIpv6>> {
        if let Self::V6(slot) = self { Some(slot) } else { None }
    }
}

impl Engine {
    /// Decides about a batch of datagrams.
    ///
    /// # Panics
    /// When there are more than [`BATCH_DATAGRAMS_MAX`] or the buffer is too small.
    pub fn process(&mut self, now: Now, inbox: &impl Inbox, outbox: &mut impl Outbox) {
        let datagrams = inbox.datagrams();
        assert!(datagrams <= BATCH_DATAGRAMS_MAX, "a batch is bounded");
        assert!(outbox.buffer().len() >= REPLY_BYTES_MAX, "the longest reply fits");
        let mut staged = core::mem::take(&mut self.staged);
        staged.clear();
        for index in 0..datagrams {
            let (source, bytes) = inbox.datagram(index);
            staged.push(Staged { decision: self.decide(now, source, bytes), hint: Hint::None });
        }
        self.look_up(&mut staged);
        for (index, &staged) in staged.iter().enumerate() {
            self.carry_out(now, index, staged, inbox, outbox);
        }
        self.staged = staged;
    }

    /// The second stage: asks for the memory that the announces will read, each step for the whole batch so that its
    /// cache misses overlap: the directory, the slab entries, the peers that lie behind them.
    fn look_up(&self, staged: &mut [Staged]) {
        for staged in &mut *staged {
            staged.hint = self.find(staged.decision);
        }
        for staged in &*staged {
            match staged.hint {
                Hint::None => {}
                Hint::V4(slot) => self.swarms.prefetch_peers(slot),
                Hint::V6(slot) => self.swarms.prefetch_peers(slot),
            }
        }
    }

    /// Where the swarm of an announce lies. Its slab entry is asked for.
    fn find(&self, decision: Decision) -> Hint {
        let swarms = &self.swarms;
        match decision {
            Decision::Announce(AddressFamily::V4, key, _) => {
                swarms.find(key).inspect(|&slot| swarms.prefetch_swarm(slot)).map_or(Hint::None, Hint::V4)
            }
            Decision::Announce(AddressFamily::V6, key, _) => {
                swarms.find(key).inspect(|&slot| swarms.prefetch_swarm(slot)).map_or(Hint::None, Hint::V6)
            }
            _ => Hint::None,
        }
    }

    /// The third stage.
    fn carry_out(
        &mut self,
        now: Now,
        index: usize,
        staged: Staged,
        inbox: &impl Inbox,
        outbox: &mut impl Outbox,
    ) {
        match staged.decision {
            Decision::Done => {}
            Decision::Connect => self.connect(now, index, inbox, outbox),
            Decision::Error(transaction_id, refusal) => {
                let (_, bytes) = inbox.datagram(index);
                let room = refusal.room(bytes.len(), outbox.buffer());
                let length = write_error(transaction_id, &refusal, room);
                self.statistics.add(Counter::BytesSent, length as u64);
                outbox.reply(index, length);
            }
            Decision::Announce(.., key) => self.announce(now, index, (staged.hint, key), inbox, outbox),
            Decision::RouteAnnounce(owner, key) => self.route_announce(index, (owner, key), inbox, outbox),
            Decision::Scrape => self.scrape(index, inbox, outbox),
        }
    }

    fn connect(&mut self, now: Now, index: usize, inbox: &impl Inbox, outbox: &mut impl Outbox) {
        let (source, bytes) = inbox.datagram(index);
        let Ok(Request::Connect(connect)) = decode_request(bytes) else { return };
        let connection_id = self.connection_ids.issue(now.unix_s, source.ip());
        let response = ConnectResponse::new(connect.transaction_id, connection_id);
        let bytes = response.as_bytes();
        outbox.buffer()[..bytes.len()].copy_from_slice(bytes);
        let family = AddressFamily::of(source.ip());
        self.count_answer(family, RequestKind::Connect, bytes.len());
        outbox.reply(index, bytes.len());
    }

    fn announce(
        &mut self,
        now: Now,
        index: usize,
        (hint, key): (Hint, Option<KeyId>),
        inbox: &impl Inbox,
        outbox: &mut impl Outbox,
    ) {
        let (source, bytes) = inbox.datagram(index);
        let Ok(Request::Announce(announce)) = decode_request(bytes) else { return };
        let Ok(address) = PeerAddress::new(source.ip(), announce.request.port.get()) else { return };
        let peer_report = self.peer_report(key, announce.request.event(), || details(announce.request));
        let length =
            self.answer_announce(now, address, (announce.request, peer_report), hint, outbox.buffer());
        outbox.reply(index, length);
    }

    fn route_announce(
        &mut self,
        index: usize,
        (owner, key): (ShardId, Option<KeyId>),
        inbox: &impl Inbox,
        outbox: &mut impl Outbox,
    ) {
        let (source, bytes) = inbox.datagram(index);
        let Ok(Request::Announce(announce)) = decode_request(bytes) else { return };
        let Ok(address) = PeerAddress::new(source.ip(), announce.request.port.get()) else { return };
        let peer_report = self.peer_report(key, announce.request.event(), || details(announce.request));
        let routed = RoutedAnnounce::new(address, (announce.request, peer_report), &self.settings.announce);
        if outbox.route_announce(index, owner, &routed) == Routing::Full {
            let outcome = Outcome::Dropped(DropReason::MeshFull);
            self.statistics.count(routed.family(), RequestKind::Announce, outcome);
        }
    }

    fn scrape(&mut self, index: usize, inbox: &impl Inbox, outbox: &mut impl Outbox) {
        let (source, bytes) = inbox.datagram(index);
        let Ok(Request::Scrape(scrape)) = decode_request(bytes) else { return };
        let family = AddressFamily::of(source.ip());
        if self.owns_all(&scrape) {
            let limit = self.settings.reply_bytes_max(family);
            let length = scrape::answer(self.torrents(), family, &scrape, &mut outbox.buffer()[..limit]);
            self.count_answer(family, RequestKind::Scrape, length);
            outbox.reply(index, length);
            return;
        }
        self.statistics.add(Counter::ScrapesRouted, 1);
        let mut routed_scrape = RoutedScrape::new(family, &scrape);
        match self.advance_scrape(&mut routed_scrape, outbox.buffer()) {
            ScrapeStep::Reply(length) => outbox.reply(index, length),
            ScrapeStep::Route(owner) => {
                if outbox.route_scrape(index, owner, &routed_scrape) == Routing::Full {
                    self.drop_scrape(family);
                }
            }
        }
    }

    fn owns_all(&self, scrape: &Scrape<'_>) -> bool {
        let ownership = self.ownership();
        scrape.info_hashes.iter().all(|info_hash| ownership.owner(info_hash) == ownership.own)
    }
}
