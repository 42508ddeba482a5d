use crate::Now;
use crate::announce::{PendingAnnounce, RoutedAnnounce, within_mtu};
use crate::batch::{Hint, Staged};
use crate::connection_id::ConnectionIds;
use crate::limits::BATCH_DATAGRAMS_MAX;
use crate::scrape::{Ownership, ScrapeJourney, ScrapeStep};
use crate::settings::{EngineSettings, Secrets};
use core::net::IpAddr;
use primitives::{
    AddressFamily, CompactIpv4, CompactIpv6, Counter, DropReason, Gauge, InfoHash, Numwant, Outcome,
    PeerAddress, RequestKind, ShardCount, Statistics, SteeringKey,
};
use swarm::{AddressOfSwarm, Bound, PeerChange, SwarmSlot, Swarms};
use udp_protocol::AnnounceRequest;

/// One core's state.
#[derive(Debug)]
pub struct Engine {
    pub(crate) settings: EngineSettings,
    pub(crate) connection_ids: ConnectionIds,
    pub(crate) statistics: Statistics,
    steering: SteeringKey,
    pub(crate) swarms: Swarms,
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
    pub fn advance_scrape(&mut self, journey: &mut ScrapeJourney, out: &mut [u8]) -> ScrapeStep {
        let bytes = self.settings.reply_bytes_max(journey.family());
        let step = journey.advance(self.ownership(), &self.swarms, &mut out[..bytes]);
        if let ScrapeStep::Reply(length) = step {
            self.count_answer(journey.family(), RequestKind::Scrape, length);
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
        let [v4, v6] = AddressFamily::ALL.map(|family| self.swarms.totals(family));
        let statistics = &mut self.statistics;
        statistics.set(Gauge::SwarmsV4, v4.swarms);
        statistics.set(Gauge::SwarmsV6, v6.swarms);
        statistics.set(Gauge::SeedersV4, v4.seeders);
        statistics.set(Gauge::SeedersV6, v6.seeders);
        statistics.set(Gauge::LeechersV4, v4.leechers);
        statistics.set(Gauge::LeechersV6, v6.leechers);
        statistics.set(Gauge::SwarmBytes, v4.bytes + v6.bytes);
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

    /// What a step over this shard's swarms needs.
    pub(crate) fn with_swarms<T>(&mut self, step: impl FnOnce(Ownership<'_>, &mut Swarms) -> T) -> T {
        let ownership =
            Ownership { steering: &self.steering, shards: self.settings.shards, own: self.settings.shard };
        step(ownership, &mut self.swarms)
    }

    /// Seconds until a client that announces now should come back.
    pub(crate) fn draw_interval_s(&mut self) -> u32 {
        self.settings.announce.draw_interval_s(&mut self.rng)
    }

    /// Peers that an announce is answered with at most.
    pub(crate) fn peers_wanted(&self, numwant: Numwant) -> usize {
        usize::from(self.settings.announce.peers_wanted(numwant))
    }

    /// Counts a new peer that found no place.
    pub(crate) fn count_refused_peer(&mut self, bound: Bound) {
        self.statistics.add(counter_of(bound), 1);
    }

    /// Answers an announce that is this shard's; gives the length of the reply.
    pub(crate) fn answer_announce(
        &mut self,
        now: Now,
        ip: IpAddr,
        request: &AnnounceRequest,
        hint: Hint,
        out: &mut [u8],
    ) -> usize {
        // The family is told apart before the announce is put together: it is then written once, where it is used.
        let policy = &self.settings.announce;
        match PeerAddress::new(ip, request.port.get()) {
            PeerAddress::V4(address) => {
                let announce = PendingAnnounce::new(address, request, policy);
                self.apply(now, &announce, hint.v4(), out)
            }
            PeerAddress::V6(address) => {
                let announce = PendingAnnounce::new(address, request, policy);
                self.apply(now, &announce, hint.v6(), out)
            }
        }
    }

    fn apply<A: AddressOfSwarm>(
        &mut self,
        now: Now,
        announce: &PendingAnnounce<A>,
        hint: Option<SwarmSlot<A>>,
        out: &mut [u8],
    ) -> usize {
        let out = within_mtu::<A>(&self.settings, out);
        let interval_s = self.draw_interval_s();
        let (length, change) = announce.answer(now.monotonic, &mut self.swarms, hint, interval_s, out);
        if let PeerChange::Refused(bound) = change {
            self.count_refused_peer(bound);
        }
        self.count_answer(A::FAMILY, RequestKind::Announce, length);
        length
    }

    pub(crate) fn count_answer(&mut self, family: AddressFamily, kind: RequestKind, length: usize) {
        self.statistics.count(family, kind, Outcome::Answered);
        self.statistics.add(Counter::BytesSent, length as u64);
    }
}

const fn counter_of(bound: Bound) -> Counter {
    match bound {
        Bound::Swarms => Counter::PeersRefusedSwarms,
        Bound::Peers => Counter::PeersRefusedPeers,
        Bound::SwarmPeers => Counter::PeersRefusedSwarmPeers,
        Bound::Memory => Counter::PeersRefusedMemory,
    }
}
