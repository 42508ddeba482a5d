use crate::Now;
use crate::announce::{PendingAnnounce, RoutedAnnounce, within_mtu};
use crate::batch::{Hint, Staged};
use crate::connection_id::ConnectionIds;
use crate::error_reply::write_error;
use crate::limits::{ACCESS_BYTES_EVERY_TURNS, BATCH_DATAGRAMS_MAX};
use crate::peer_report::PeerReport;
use crate::scrape::{Ownership, RoutedScrape, ScrapeStep};
use crate::settings::{EngineSettings, Secrets};
use crate::torrents::Torrents;
use access::{Access, CompletedDownload, TorrentRefusal};
use primitives::{
    AddressFamily, AnnounceEvent, CompactIpv4, CompactIpv6, Counter, DropReason, ErrorReason, Gauge,
    InfoHash, Numwant, Outcome, PeerAddress, RequestKind, ShardCount, Statistics, SteeringKey,
};
use swarm::{
    AddressOfSwarm, Admission, Announced, Bound, Completion, PeerChange, SwarmCounts, SwarmSlot, Swarms,
};
use udp_protocol::{AnnounceRequest, AnnounceResponse, TransactionId};
use zerocopy::IntoBytes;

/// What lists and keys take. To count it takes a look at each of thousands of parts, which is not done in each turn.
#[derive(Debug, Default)]
struct AccessBytes {
    turn: u32,
    counted: u64,
}

impl AccessBytes {
    fn of(&mut self, access: &Access) -> u64 {
        if self.turn.is_multiple_of(ACCESS_BYTES_EVERY_TURNS) {
            self.counted = access.heap_bytes() as u64;
        }
        self.turn = self.turn.wrapping_add(1);
        self.counted
    }
}

/// One core's state.
#[derive(Debug)]
pub struct Engine {
    pub(crate) settings: EngineSettings,
    pub(crate) connection_ids: ConnectionIds,
    pub(crate) statistics: Statistics,
    pub(crate) steering: SteeringKey,
    pub(crate) swarms: Swarms,
    pub(crate) access: Access,
    access_bytes: AccessBytes,
    rng: fastrand::Rng,
    /// The batch between its stages; made once.
    pub(crate) staged: Vec<Staged>,
}

impl Engine {
    /// A core without swarms.
    ///
    /// # Panics
    /// When the settings are not within the bounds that their fields name.
    #[must_use]
    pub fn new(settings: EngineSettings, secrets: &Secrets) -> Self {
        settings.assert_valid();
        Self {
            settings,
            connection_ids: ConnectionIds::new(secrets.connection_ids, settings.connection_id_lifetime_s),
            statistics: Statistics::default(),
            steering: secrets.steering,
            swarms: Swarms::new(settings.swarms, secrets.swarms),
            access: Access::new(settings.access, &settings.access_bounds, secrets.access),
            access_bytes: AccessBytes::default(),
            rng: fastrand::Rng::with_seed(secrets.intervals),
            staged: Vec::with_capacity(BATCH_DATAGRAMS_MAX),
        }
    }

    /// Answers an announce that another core handed over; gives the length of the reply.
    ///
    /// # Panics
    /// When `out` is shorter than [`crate::REPLY_BYTES_MAX`].
    pub fn answer_routed_announce(&mut self, now: Now, announce: &RoutedAnnounce, out: &mut [u8]) -> usize {
        match announce {
            RoutedAnnounce::V4(announce) => self.apply(now, announce, None, out),
            RoutedAnnounce::V6(announce) => self.apply(now, announce, None, out),
        }
    }

    /// Goes on with a scrape that another core handed over.
    ///
    /// # Panics
    /// When `out` is shorter than [`crate::REPLY_BYTES_MAX`].
    pub fn advance_scrape(&mut self, routed_scrape: &mut RoutedScrape, out: &mut [u8]) -> ScrapeStep {
        let bytes = self.settings.reply_bytes_max(routed_scrape.family());
        let step = routed_scrape.advance(self.ownership(), self.torrents(), &mut out[..bytes]);
        if let ScrapeStep::Reply(length) = step {
            self.count_answer(routed_scrape.family(), RequestKind::Scrape, length);
        }
        step
    }

    /// Counts a scrape of a client of `family` that found the ring to its next owner full.
    pub fn drop_scrape(&mut self, family: AddressFamily) {
        let outcome = Outcome::Dropped(DropReason::MeshFull);
        self.statistics.count(family, RequestKind::Scrape, outcome);
    }

    /// One turn of expiry of at most `work` units, to be called several times a second. Gives how many it took.
    pub fn expire(&mut self, now: Now, work: u32) -> u32 {
        let expired = self.swarms.expire(now.monotonic, work);
        self.statistics.add(Counter::PeersExpired, expired.peers);
        expired.work
    }

    /// The figures of this core, with the gauges as they are now.
    pub fn statistics(&mut self) -> &Statistics {
        self.count_shortfalls();
        let [v4, v6] = AddressFamily::ALL.map(|family| self.swarms.totals(family));
        let (torrents, statistics) = (self.swarms.torrents(), &mut self.statistics);
        statistics.set(Gauge::Torrents, torrents);
        statistics.set(Gauge::SwarmsV4, v4.swarms);
        statistics.set(Gauge::SwarmsV6, v6.swarms);
        statistics.set(Gauge::SeedersV4, v4.seeders);
        statistics.set(Gauge::SeedersV6, v6.seeders);
        statistics.set(Gauge::LeechersV4, v4.leechers);
        statistics.set(Gauge::LeechersV6, v6.leechers);
        statistics.set(Gauge::SwarmBytes, v4.bytes + v6.bytes);
        statistics.set(Gauge::AccessBytes, self.access_bytes.of(&self.access));
        let completed = v4.completed + v6.completed;
        statistics.add(Counter::Completed, completed - statistics.counter(Counter::Completed));
        statistics
    }

    /// For what the worker counts itself.
    pub const fn statistics_mut(&mut self) -> &mut Statistics {
        &mut self.statistics
    }

    pub(crate) const fn ownership(&self) -> Ownership<'_> {
        Ownership { steering: &self.steering, shards: self.settings.shards, own: self.settings.shard }
    }

    /// Shards of the tracker.
    pub(crate) const fn shards(&self) -> ShardCount {
        self.settings.shards
    }

    /// Asks for the memory where a look-up of the torrent begins.
    pub(crate) fn prefetch_directory(&self, family: AddressFamily, info_hash: &InfoHash) {
        let key = self.swarms.key(info_hash);
        match family {
            AddressFamily::V4 => self.swarms.prefetch_directory::<CompactIpv4>(key),
            AddressFamily::V6 => self.swarms.prefetch_directory::<CompactIpv6>(key),
        }
    }

    /// What this shard tells of its torrents.
    pub(crate) const fn torrents(&self) -> Torrents<'_> {
        Torrents { swarms: &self.swarms, access: &self.access }
    }

    /// Seconds until a client that announces now should come back.
    pub(crate) fn draw_interval_s(&mut self) -> u32 {
        self.settings.announce.draw_interval_s(&mut self.rng)
    }

    /// Peers that an announce is answered with at most.
    pub(crate) fn peers_wanted(&self, numwant: Numwant) -> usize {
        usize::from(self.settings.announce.peers_wanted(numwant))
    }

    /// Answers an announce that is this shard's; gives the length of the reply.
    pub(crate) fn answer_announce(
        &mut self,
        now: Now,
        address: PeerAddress,
        (request, peer_report): (&AnnounceRequest, Option<PeerReport>),
        hint: Hint,
        out: &mut [u8],
    ) -> usize {
        // The family is told apart before the announce is put together: it is then written once, where it is used.
        let policy = &self.settings.announce;
        match address {
            PeerAddress::V4(address) => {
                let announce = PendingAnnounce::new(address, (request, peer_report), policy);
                self.apply(now, &announce, hint.v4(), out)
            }
            PeerAddress::V6(address) => {
                let announce = PendingAnnounce::new(address, (request, peer_report), policy);
                self.apply(now, &announce, hint.v6(), out)
            }
        }
    }

    fn apply<A: AddressOfSwarm>(
        &mut self,
        now: Now,
        pending: &PendingAnnounce<A>,
        hint: Option<SwarmSlot<A>>,
        out: &mut [u8],
    ) -> usize {
        let PendingAnnounce { transaction_id, announce, peer_report } = pending;
        let out = within_mtu::<A>(&self.settings, out);
        let (head, peers) = out.split_at_mut(AnnounceResponse::BYTES);
        let announced = match self.announce_to_swarm(now, hint, (announce, peer_report.as_ref()), peers) {
            Ok(announced) => announced,
            Err(refusal) => return self.refuse_torrent(A::FAMILY, *transaction_id, &refusal, out),
        };
        let SwarmCounts { seeders, leechers, .. } = announced.counts;
        let response = AnnounceResponse::new(*transaction_id, self.draw_interval_s(), leechers, seeders);
        head.copy_from_slice(response.as_bytes());
        let length = AnnounceResponse::BYTES + announced.peers * A::BYTES;
        self.count_answer(A::FAMILY, RequestKind::Announce, length);
        length
    }

    /// Tells a client that its torrent is not served here; gives the length of the reply.
    #[cold]
    fn refuse_torrent(
        &mut self,
        family: AddressFamily,
        transaction_id: TransactionId,
        refusal: &TorrentRefusal,
        out: &mut [u8],
    ) -> usize {
        self.statistics.count(family, RequestKind::Announce, Outcome::Error(ErrorReason::Refused));
        self.statistics.add(Counter::RefusedTorrents, 1);
        let length = write_error(transaction_id, refusal, out);
        self.statistics.add(Counter::BytesSent, length as u64);
        length
    }

    /// Takes in an announce of a torrent of this shard, whatever protocol brought it, and writes compact peers into
    /// `peers`.
    pub(crate) fn announce_to_swarm<A: AddressOfSwarm>(
        &mut self,
        now: Now,
        hint: Option<SwarmSlot<A>>,
        (announce, peer_report): (&swarm::Announce<A>, Option<&PeerReport>),
        peers: &mut [u8],
    ) -> Result<Announced, TorrentRefusal> {
        let download = completed_download(announce, peer_report);
        let without_event;
        let taken_in = match &download {
            Some(download) if self.access.was_counted_over_other_family(now.monotonic, download) => {
                without_event = swarm::Announce { event: AnnounceEvent::None, ..*announce };
                &without_event
            }
            _ => announce,
        };
        let access = &self.access;
        let admit = |info_hash: &InfoHash| match access.torrent(info_hash) {
            Ok(_) => Admission::Admitted,
            Err(_) => Admission::TurnedAway,
        };
        let harmless =
            peer_report.and_then(|peer_report| self.without_stop_of_another(announce, peer_report));
        let applied = harmless.as_ref().unwrap_or(taken_in);
        let announced = self.swarms.announce_if(now.monotonic, hint, applied, peers, admit);
        match announced.change {
            PeerChange::TurnedAway => drop(self.access.torrent(&announce.info_hash)?),
            PeerChange::Refused(bound) => self.statistics.add(counter_of(bound), 1),
            _ => {}
        }
        if announced.completion == Completion::Counted {
            self.access.count_completed(&announce.info_hash);
            download.into_iter().for_each(|download| self.access.note_completed(now.monotonic, download));
        }
        if let Some(peer_report) = peer_report {
            self.note_peer_report(now, announce, announced.change, peer_report);
        }
        Ok(announced)
    }

    pub(crate) fn count_answer(&mut self, family: AddressFamily, kind: RequestKind, length: usize) {
        self.statistics.count(family, kind, Outcome::Answered);
        self.statistics.add(Counter::BytesSent, length as u64);
    }
}

/// The download whose end the announce tells of.
fn completed_download<A: AddressOfSwarm>(
    announce: &swarm::Announce<A>,
    peer_report: Option<&PeerReport>,
) -> Option<CompletedDownload> {
    let peer_report = peer_report.filter(|_| announce.event == AnnounceEvent::Completed)?;
    let (info_hash, peer_id) = (announce.info_hash, peer_report.details.peer_id);
    Some(CompletedDownload { info_hash, peer_id, family: A::FAMILY })
}

const fn counter_of(bound: Bound) -> Counter {
    match bound {
        Bound::Swarms => Counter::PeersRefusedSwarms,
        Bound::Peers => Counter::PeersRefusedPeers,
        Bound::SwarmPeers => Counter::PeersRefusedSwarmPeers,
        Bound::Memory => Counter::PeersRefusedMemory,
    }
}
