use super::batch::{Hint, Inbox, Outbox, Routing, Staged, recycled};
use super::decide::Proofs;
use super::decision::{AdmittedAnnounce, Decision, ErrorDecision};
use super::error_reply::write_error;
use super::routed::RoutedAnnounce;
use super::scrape::{self, RoutedScrape, ScrapeStep};
use crate::connection_id::ConnectionIds;
use crate::limits::{BATCH_DATAGRAMS_MAX, REPLY_BYTES_MAX};
use crate::now::Now;
use crate::settings::{EngineSettings, Secrets};
use crate::shard::{AnyAnnounce, PendingAnnounce, Shard};
use access::TorrentRefusal;
use core::net::{IpAddr, SocketAddr};
use metrics::{Counter, DropReason, ErrorReason, Outcome, Statistics};
use primitives::{AddressFamily, ConnectionEpoch, InfoHash, PeerAddress, RequestKind, ShardId};
use swarm::{AddressOfSwarm, SwarmCounts, SwarmSlot};
use udp_protocol::{AnnounceResponse, ConnectRequest, ConnectResponse, Scrape, TransactionId};
use zerocopy::IntoBytes;

/// Answers the datagrams of one core.
#[derive(Debug)]
pub struct UdpService {
    proofs: Proofs,
    /// Bytes of the longest datagram to a client of IPv4 and of IPv6.
    reply_bytes_max: [usize; 2],
    /// The batch between its stages; empty between batches, and kept for its memory.
    staged: Vec<Staged<'static>>,
}

/// An announce of a torrent of this shard.
struct OwnAnnounce<'a, A> {
    transaction_id: TransactionId,
    announce: &'a PendingAnnounce<A>,
    hint: Option<SwarmSlot<A>>,
}

impl UdpService {
    /// Returns a service for one core.
    #[must_use]
    pub fn new(settings: &EngineSettings, secrets: &Secrets) -> Self {
        Self {
            proofs: Proofs {
                connection_ids: ConnectionIds::new(secrets.connection_ids, settings.connection_id_lifetime_s),
                invalid_connection_id: settings.invalid_connection_id,
            },
            reply_bytes_max: AddressFamily::ALL.map(|family| settings.reply_bytes_max(family)),
            staged: Vec::with_capacity(BATCH_DATAGRAMS_MAX),
        }
    }

    /// Replaces the settings.
    pub fn use_settings(&mut self, now: Now, settings: &EngineSettings) {
        self.proofs.connection_ids.use_lifetime(now.unix_s, settings.connection_id_lifetime_s);
        self.proofs.invalid_connection_id = settings.invalid_connection_id;
        self.reply_bytes_max = AddressFamily::ALL.map(|family| settings.reply_bytes_max(family));
    }

    /// Returns the epochs of which each announce and scrape needs a connection id, if these are all that are accepted.
    #[must_use]
    pub fn accepted_epochs(&self, now: Now) -> Option<[ConnectionEpoch; 3]> {
        self.proofs.connection_ids.accepted_epochs(now.unix_s)
    }

    /// Returns the torrent of a request that its source has proved to have sent.
    #[must_use]
    pub fn proved_torrent(&self, now: Now, source: SocketAddr, datagram: &[u8]) -> Option<InfoHash> {
        self.proofs.proved_torrent(now, source, datagram)
    }

    /// Serves a batch of datagrams.
    ///
    /// # Panics
    /// When there are more than [`BATCH_DATAGRAMS_MAX`] or the buffer is too small.
    pub fn process(&mut self, shard: &mut Shard, now: Now, inbox: &impl Inbox, outbox: &mut impl Outbox) {
        let datagrams = inbox.datagrams();
        assert!(datagrams <= BATCH_DATAGRAMS_MAX, "a batch has at most BATCH_DATAGRAMS_MAX datagrams");
        assert!(outbox.buffer().len() >= REPLY_BYTES_MAX, "the longest reply fits");
        self.proofs.connection_ids.prepare(now.unix_s);
        let mut staged: Vec<Staged<'_>> = core::mem::take(&mut self.staged);
        for index in 0..datagrams {
            let (source, bytes) = inbox.datagram(index);
            staged.push(Staged { decision: self.proofs.decide(shard, now, source, bytes), hint: Hint::None });
        }
        look_up(shard, &mut staged);
        for (index, staged) in staged.iter().enumerate() {
            if let Some(length) = self.carry_out(shard, now, index, staged, outbox) {
                outbox.reply(index, length);
            }
        }
        self.staged = recycled(staged);
    }

    /// Answers an announce that another core routed here, and returns the length of the reply.
    ///
    /// # Panics
    /// When `out` is shorter than [`REPLY_BYTES_MAX`].
    pub fn answer_routed_announce(
        &self,
        shard: &mut Shard,
        now: Now,
        routed: &RoutedAnnounce,
        out: &mut [u8],
    ) -> usize {
        let transaction_id = routed.transaction_id;
        match &routed.announce {
            AnyAnnounce::V4(announce) => {
                self.apply(shard, now, OwnAnnounce { transaction_id, announce, hint: None }, out)
            }
            AnyAnnounce::V6(announce) => {
                self.apply(shard, now, OwnAnnounce { transaction_id, announce, hint: None }, out)
            }
        }
    }

    /// Looks up this shard's torrents of a scrape.
    ///
    /// # Panics
    /// When `out` is shorter than [`REPLY_BYTES_MAX`].
    pub fn advance_scrape(&self, shard: &mut Shard, scrape: &mut RoutedScrape, out: &mut [u8]) -> ScrapeStep {
        let bytes = self.reply_bytes_max(scrape.family());
        let step = scrape.advance(&shard.ownership, shard.torrents(), &mut out[..bytes]);
        if let ScrapeStep::Reply(length) = step {
            count_answer(&mut shard.statistics, scrape.family(), RequestKind::Scrape, length);
        }
        step
    }

    /// The third stage. Returns the length of the reply that is in the buffer, if there is one.
    fn carry_out(
        &self,
        shard: &mut Shard,
        now: Now,
        index: usize,
        staged: &Staged<'_>,
        outbox: &mut impl Outbox,
    ) -> Option<usize> {
        match &staged.decision {
            Decision::Done => None,
            Decision::Connect(source, request) => {
                Some(self.connect(shard, now, *source, request, outbox.buffer()))
            }
            Decision::Error(error) => Some(send_error(shard, error, outbox.buffer())),
            Decision::Announce(_, announce) => {
                Some(self.answer_announce(shard, now, announce, staged.hint, outbox.buffer()))
            }
            Decision::RouteAnnounce(owner, announce) => {
                route_announce(shard, index, *owner, announce, outbox);
                None
            }
            Decision::Scrape(family, scrape) => self.scrape(shard, index, *family, scrape, outbox),
        }
    }

    fn connect(
        &self,
        shard: &mut Shard,
        now: Now,
        source: IpAddr,
        request: &ConnectRequest,
        out: &mut [u8],
    ) -> usize {
        let connection_id = self.proofs.connection_ids.issue(now.unix_s, source);
        let response = ConnectResponse::new(request.transaction_id, connection_id);
        let bytes = response.as_bytes();
        out[..bytes.len()].copy_from_slice(bytes);
        count_answer(&mut shard.statistics, AddressFamily::of(source), RequestKind::Connect, bytes.len());
        bytes.len()
    }

    fn answer_announce(
        &self,
        shard: &mut Shard,
        now: Now,
        admitted: &AdmittedAnnounce<'_>,
        hint: Hint,
        out: &mut [u8],
    ) -> usize {
        let (announce, client) = (admitted.announce_in(), admitted.client);
        let transaction_id = admitted.request.transaction_id;
        // The family is matched before the announce is built, so that it is written once, where it is used.
        match client.address {
            PeerAddress::V4(address) => {
                let announce = &shard.pending(address, client.key, &announce);
                self.apply(shard, now, OwnAnnounce { transaction_id, announce, hint: hint.v4() }, out)
            }
            PeerAddress::V6(address) => {
                let announce = &shard.pending(address, client.key, &announce);
                self.apply(shard, now, OwnAnnounce { transaction_id, announce, hint: hint.v6() }, out)
            }
        }
    }

    const fn reply_bytes_max(&self, family: AddressFamily) -> usize {
        self.reply_bytes_max[family as usize]
    }

    /// Applies an announce of a torrent of this shard and writes the reply.
    fn apply<A: AddressOfSwarm>(
        &self,
        shard: &mut Shard,
        now: Now,
        OwnAnnounce { transaction_id, announce, hint }: OwnAnnounce<'_, A>,
        out: &mut [u8],
    ) -> usize {
        let bytes_max = self.reply_bytes_max(A::FAMILY).min(out.len());
        let out = &mut out[..bytes_max];
        let (head, peers) = out.split_at_mut(size_of::<AnnounceResponse>());
        let announced = match shard.announce(now, hint, announce, peers) {
            Ok(announced) => announced,
            Err(refusal) => return refuse_torrent(shard, A::FAMILY, transaction_id, &refusal, out),
        };
        let SwarmCounts { seeders, leechers, .. } = announced.counts;
        let response = AnnounceResponse::new(transaction_id, announced.interval_s, leechers, seeders);
        head.copy_from_slice(response.as_bytes());
        let length = size_of::<AnnounceResponse>() + announced.peers * A::BYTES;
        count_answer(&mut shard.statistics, A::FAMILY, RequestKind::Announce, length);
        length
    }

    fn scrape(
        &self,
        shard: &mut Shard,
        index: usize,
        family: AddressFamily,
        scrape: &Scrape<'_>,
        outbox: &mut impl Outbox,
    ) -> Option<usize> {
        if scrape.info_hashes.iter().all(|info_hash| shard.ownership.owns(info_hash)) {
            let bytes_max = self.reply_bytes_max(family);
            let length = scrape::answer(shard.torrents(), family, scrape, &mut outbox.buffer()[..bytes_max]);
            count_answer(&mut shard.statistics, family, RequestKind::Scrape, length);
            return Some(length);
        }
        shard.statistics.add(Counter::ScrapesRouted, 1);
        let mut routed = RoutedScrape::new(family, scrape);
        match self.advance_scrape(shard, &mut routed, outbox.buffer()) {
            ScrapeStep::Reply(length) => Some(length),
            ScrapeStep::Route(owner) => {
                if outbox.route_scrape(index, owner, &routed) == Routing::Full {
                    count_dropped(&mut shard.statistics, family, RequestKind::Scrape);
                }
                None
            }
        }
    }
}

/// The second stage: prefetches the memory that the announces will read, each step for the whole batch so that its
/// cache misses overlap: the directory, the slab entries, the peers that these point to, the sessions of users.
fn look_up(shard: &Shard, staged: &mut [Staged<'_>]) {
    for staged in &mut *staged {
        staged.hint = find(shard, &staged.decision);
    }
    for staged in &*staged {
        match staged.hint {
            Hint::None => {}
            Hint::V4(slot) => shard.swarms.prefetch_peers(slot),
            Hint::V6(slot) => shard.swarms.prefetch_peers(slot),
        }
        if let Decision::Announce(_, AdmittedAnnounce { request, client }) = &staged.decision
            && let Some(key) = client.key
        {
            shard.access.prefetch_session(key, &request.info_hash, &request.peer_id);
        }
    }
}

/// Finds the swarm of an announce and prefetches its slab entry.
fn find(shard: &Shard, decision: &Decision<'_>) -> Hint {
    let Decision::Announce(key, announce) = *decision else { return Hint::None };
    let swarms = &shard.swarms;
    match announce.client.address {
        PeerAddress::V4(_) => {
            swarms.find(key).inspect(|&slot| swarms.prefetch_swarm(slot)).map_or(Hint::None, Hint::V4)
        }
        PeerAddress::V6(_) => {
            swarms.find(key).inspect(|&slot| swarms.prefetch_swarm(slot)).map_or(Hint::None, Hint::V6)
        }
    }
}

fn send_error(shard: &mut Shard, error: &ErrorDecision, out: &mut [u8]) -> usize {
    let bytes_max = error.bytes_max.min(out.len());
    let length = write_error(error.transaction_id, &error.refusal, &mut out[..bytes_max]);
    shard.statistics.add(Counter::BytesSent, length as u64);
    length
}

fn route_announce(
    shard: &mut Shard,
    index: usize,
    owner: ShardId,
    admitted: &AdmittedAnnounce<'_>,
    outbox: &mut impl Outbox,
) {
    let announce = shard.any_announce(admitted.client, &admitted.announce_in());
    let routed = RoutedAnnounce { transaction_id: admitted.request.transaction_id, announce };
    if outbox.route_announce(index, owner, &routed) == Routing::Full {
        count_dropped(&mut shard.statistics, routed.family(), RequestKind::Announce);
    }
}

/// Writes the error for a client whose torrent is not served here, and returns its length.
#[cold]
fn refuse_torrent(
    shard: &mut Shard,
    family: AddressFamily,
    transaction_id: TransactionId,
    refusal: &TorrentRefusal,
    out: &mut [u8],
) -> usize {
    shard.statistics.count(family, RequestKind::Announce, Outcome::Error(ErrorReason::Refused));
    shard.statistics.add(Counter::RefusedTorrents, 1);
    let length = write_error(transaction_id, refusal, out);
    shard.statistics.add(Counter::BytesSent, length as u64);
    length
}

fn count_answer(statistics: &mut Statistics, family: AddressFamily, kind: RequestKind, length: usize) {
    statistics.count(family, kind, Outcome::Answered);
    statistics.add(Counter::BytesSent, length as u64);
}

fn count_dropped(statistics: &mut Statistics, family: AddressFamily, kind: RequestKind) {
    statistics.count(family, kind, Outcome::Dropped(DropReason::MeshFull));
}
