use super::forwarding::Forwarding;
use super::ownership::Ownership;
use super::torrents::Torrents;
use crate::limits::{ACCESS_BYTES_EVERY_TURNS, DROPPED_SWARMS_MAX, EVENT_ITEMS_MAX, SCAN_SWARMS};
use crate::load::Load;
use crate::now::Now;
use crate::settings::{AnnouncePolicy, EngineSettings, Secrets};
use access::{Access, AccessEvent, AccessUpdate, ListQuery, ListedPage, Sweep};
use guard::{CoreGuard, Source};
use metrics::{Counter, Gauge, Statistics};
use primitives::{
    AddressFamily, AddressRanges, ClientCounts, CompactIpv4, CompactIpv6, ExternalPeers, InfoHash,
    Representative, ShardCount, ShardId, SwarmChange, SwarmFamily, TorrentList, WebRtcPeer,
};
use std::sync::Arc;
use std::time::Duration;
use swarm::{Bound, SwarmCounts, SwarmLimits, SwarmSettings, SwarmTotals, Swarms};

/// One core's slice of the info hashes.
#[derive(Debug)]
pub struct Shard {
    pub(crate) swarms: Swarms,
    pub(super) swarm_settings: SwarmSettings,
    pub(crate) access: Access,
    pub(crate) guard: CoreGuard,
    pub(crate) statistics: Statistics,
    pub(crate) ownership: Ownership,
    pub(crate) policy: AnnouncePolicy,
    pub(super) load: Load,
    /// `None` if nothing is forwarded.
    pub(super) forwarding: Option<Forwarding>,
    /// `None` where client software is not counted.
    pub(super) clients: Option<Box<ClientCounts>>,
    pub(super) rng: fastrand::Rng,
    access_bytes: AccessBytes,
}

/// How far an update has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateStep {
    /// It is to be continued with this item.
    More(usize),
    /// All of it is in effect.
    Done,
}

/// The memory of lists and keys. Measuring it visits thousands of table parts, too many for every timer turn.
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

impl Shard {
    /// Returns a shard without swarms.
    ///
    /// # Panics
    /// When a setting is outside its limits.
    #[must_use]
    pub fn new(settings: &EngineSettings, secrets: &Secrets, guard: CoreGuard) -> Self {
        settings.assert_valid();
        Self {
            swarms: Swarms::new(settings.swarms, secrets.swarms),
            swarm_settings: settings.swarms,
            access: Access::new(settings.access, &settings.access_bounds, secrets.access),
            guard,
            statistics: Statistics::default(),
            ownership: Ownership { steering: secrets.steering, shards: settings.shards, own: settings.shard },
            policy: settings.announce,
            load: Load::NONE,
            access_bytes: AccessBytes::default(),
            forwarding: settings
                .forwarding
                .map(|bounds| Forwarding::new(bounds, settings.swarms.peer_lifetime_s, secrets.access)),
            clients: None,
            rng: fastrand::Rng::with_seed(secrets.intervals),
        }
    }

    /// Replaces the settings, but not whether torrents are forwarded. Nothing is evicted: see [`Swarms::use_settings`] and
    /// [`Access::use_settings`]. If fewer torrents are served, [`AccessUpdate::DropUnserved`] has to follow.
    ///
    /// # Panics
    /// When a setting is outside its limits.
    pub fn use_settings(&mut self, settings: &EngineSettings) {
        settings.assert_valid();
        self.swarm_settings = settings.swarms;
        self.swarms.use_settings(settings.swarms);
        self.access.use_settings(settings.access, &settings.access_bounds);
        self.policy = settings.announce;
        if let (Some(forwarding), Some(bounds)) = (&mut self.forwarding, settings.forwarding) {
            forwarding.use_settings(bounds, settings.swarms.peer_lifetime_s);
        }
    }

    /// Lets the swarms take this many bytes, until the next settings.
    pub fn use_swarm_bytes(&mut self, bytes_max: u64) {
        let limits = SwarmLimits { bytes_max, ..self.swarm_settings.limits };
        self.swarms.use_settings(SwarmSettings { limits, ..self.swarm_settings });
    }

    /// Returns the banned addresses that the kernel can filter.
    #[must_use]
    pub fn filtered_networks(&self) -> Arc<AddressRanges> {
        self.access.filtered_networks()
    }

    /// Removes expired peers for at most `work` units and returns the units used. To be called several times a second.
    pub fn expire(&mut self, now: Now, work: u32) -> u32 {
        let expired = self.swarms.expire(now.monotonic, work);
        self.statistics.add(Counter::PeersExpired, expired.peers);
        expired.work
    }

    /// Returns the figures of this core, with current gauges.
    pub fn statistics(&mut self) -> &Statistics {
        self.count_shortfalls();
        self.count_evicted();
        let (swarms, statistics) = (&self.swarms, &mut self.statistics);
        if let Some(forwarding) = &self.forwarding {
            forwarding.record(statistics);
        }
        let mut all = SwarmTotals::default();
        for (family, totals) in SwarmFamily::ALL.map(|family| swarms.totals(family)).into_iter().enumerate() {
            statistics.set(Gauge::SWARMS[family], totals.swarms);
            statistics.set(Gauge::SEEDERS[family], totals.seeders);
            statistics.set(Gauge::LEECHERS[family], totals.leechers);
            all = all.plus(totals);
        }
        statistics.set(Gauge::Torrents, swarms.torrents());
        statistics.set(Gauge::TorrentsActive, swarms.active_torrents());
        statistics.set(Gauge::SwarmBytes, all.bytes);
        let interval_s = self.policy.interval_s(self.load, 0);
        statistics.set(Gauge::AnnounceIntervalUs, u64::from(interval_s) * 1_000_000);
        for (gauge, torrents) in Gauge::LISTED.into_iter().zip(self.access.torrent_table().listed()) {
            statistics.set(gauge, torrents as u64);
        }
        statistics.set(Gauge::AccessBytes, self.access_bytes.of(&self.access));
        statistics.add(Counter::Completed, all.completed - statistics.counter(Counter::Completed));
        statistics
    }

    /// Returns the figures, for the worker to count in.
    pub const fn statistics_mut(&mut self) -> &mut Statistics {
        &mut self.statistics
    }

    /// Returns the limits by source, for the worker to ask about connections.
    pub const fn guard(&mut self) -> &mut CoreGuard {
        &mut self.guard
    }

    /// Returns whether the network of a source is banned, for the worker to ask about connections.
    #[must_use]
    pub fn is_banned(&self, source: Source) -> bool {
        self.access.network(source.ip()).is_err()
    }

    /// Returns which shard of the tracker this is.
    #[must_use]
    pub const fn id(&self) -> ShardId {
        self.ownership.own
    }

    /// Returns the number of shards of the tracker.
    pub(crate) const fn shards(&self) -> ShardCount {
        self.ownership.shards
    }

    /// Prefetches the memory where the look-up of a torrent begins.
    pub(crate) fn prefetch_directory(&self, family: AddressFamily, info_hash: &InfoHash) {
        let key = self.swarms.key(info_hash);
        match family {
            AddressFamily::V4 => self.swarms.prefetch_directory::<CompactIpv4>(key),
            AddressFamily::V6 => self.swarms.prefetch_directory::<CompactIpv6>(key),
        }
    }

    /// Returns this shard's torrents for reading.
    #[must_use]
    pub const fn torrents(&self) -> Torrents<'_> {
        Torrents { swarms: &self.swarms, access: &self.access, forwarding: self.forwarding.as_ref() }
    }

    /// Takes note of the processor time that the core used while some time passed: intervals grow with the load. To be called
    /// ten times a second.
    pub fn note_load(&mut self, used: Duration, passed: Duration) {
        self.load.note(used, passed);
    }

    /// Applies a step of an update of lists, keys or bans, from its item `from` on, in about 200 microseconds at most.
    /// Torrents that are no longer served lose their swarms.
    pub fn apply_update(&mut self, update: &AccessUpdate, from: usize) -> UpdateStep {
        if matches!(update, AccessUpdate::DropUnserved) {
            return self.drop_unserved(from);
        }
        let Self { access, swarms, ownership, .. } = self;
        let next = access.apply(update, from, |info_hash| ownership.owns(info_hash), &mut |info_hash| {
            swarms.drop_torrent(&info_hash);
        });
        next.map_or(UpdateStep::Done, UpdateStep::More)
    }

    /// Drops the swarms of torrents that are not served, of some slots from the place `from` on: the slot times the number
    /// of families, plus the family.
    fn drop_unserved(&mut self, from: usize) -> UpdateStep {
        let (slot, family) = (from / SwarmFamily::ALL.len(), from % SwarmFamily::ALL.len());
        let Some(slot) = u32::try_from(slot).ok() else { return UpdateStep::Done };
        let (mut unserved, access) = (Vec::new(), &self.access);
        let visit = |info_hash: InfoHash, _: SwarmCounts| {
            if unserved.len() < DROPPED_SWARMS_MAX && access.torrent(&info_hash).is_err() {
                unserved.push(info_hash);
            }
        };
        let next = match SwarmFamily::ALL[family] {
            SwarmFamily::V4 => self.swarms.page::<CompactIpv4>(slot, SCAN_SWARMS, visit),
            SwarmFamily::V6 => self.swarms.page::<CompactIpv6>(slot, SCAN_SWARMS, visit),
            SwarmFamily::WebRtc => self.swarms.page::<WebRtcPeer>(slot, SCAN_SWARMS, visit),
        };
        for info_hash in &unserved {
            self.swarms.drop_torrent(info_hash);
        }
        if unserved.len() == DROPPED_SWARMS_MAX {
            // There may be more in the same slots.
            return UpdateStep::More(from);
        }
        match next {
            Some(slot) => UpdateStep::More(slot as usize * SwarmFamily::ALL.len() + family),
            None if family + 1 < SwarmFamily::ALL.len() => UpdateStep::More(family + 1),
            None => UpdateStep::Done,
        }
    }

    /// Sweeps a limited part of the forwarded torrents, lists, keys and sessions, in about 100 microseconds.
    pub fn sweep_access(&mut self, now: Now) -> Sweep {
        let swarms = &mut self.swarms;
        if let Some(forwarding) = &mut self.forwarding {
            forwarding.sweep(now.monotonic, swarms, &mut self.rng);
        }
        self.access.turn(now.monotonic, &mut |info_hash| {
            swarms.drop_torrent(&info_hash);
        })
    }

    /// Returns a page of this core's part of a list.
    #[must_use]
    pub fn list_page(&self, query: ListQuery) -> ListedPage {
        let (ListQuery { list, from, torrents_max }, mut torrents) = (query, Vec::new());
        let next =
            self.access.torrent_table().page(list, from, torrents_max, |torrent| torrents.push(torrent));
        ListedPage { torrents, next }
    }

    /// Returns whether a torrent is on this core's part of a list.
    #[must_use]
    pub fn is_listed(&self, list: TorrentList, info_hash: &InfoHash) -> bool {
        self.access.torrent_table().is_on(list, info_hash)
    }

    /// Returns the representative of a forwarded torrent, if it has local peers.
    pub fn representative(&mut self, now: Now, info_hash: &InfoHash) -> Option<Representative> {
        let Self { forwarding, swarms, rng, .. } = self;
        forwarding.as_ref()?.representative(now.monotonic, swarms, rng, info_hash)
    }

    /// Adds what an upstream tracker returned to the answers to announces.
    pub fn use_external(&mut self, now: Now, peers: &ExternalPeers) {
        if let Some(forwarding) = &mut self.forwarding {
            forwarding.use_external(now.monotonic, peers);
        }
    }

    /// Counts client software in this empty table from now on, or not at all. Returns the counts since the last call.
    pub const fn take_clients(&mut self, empty: Option<Box<ClientCounts>>) -> Option<Box<ClientCounts>> {
        core::mem::replace(&mut self.clients, empty)
    }

    /// Takes a limited part of the changes of local peers that have not been reported yet.
    pub fn take_swarm_changes(&mut self) -> Option<Vec<SwarmChange>> {
        let changes = self.forwarding.as_mut()?.take_changes(EVENT_ITEMS_MAX);
        (!changes.is_empty()).then_some(changes)
    }

    /// Takes back changes that could not be reported.
    pub fn return_swarm_changes(&mut self, changes: Vec<SwarmChange>) {
        if let Some(forwarding) = &mut self.forwarding {
            forwarding.return_changes(changes);
        }
    }

    /// Removes a torrent's peers and returns whether it had a swarm.
    pub fn drop_torrent(&mut self, info_hash: &InfoHash) -> bool {
        self.swarms.drop_torrent(info_hash)
    }

    /// Takes a limited part of the changes that have not been sent to the control plane yet.
    pub fn take_event(&mut self) -> Option<AccessEvent> {
        let mut accounts = Vec::new();
        self.access.take_events(EVENT_ITEMS_MAX, &mut accounts);
        if !accounts.is_empty() {
            return Some(AccessEvent::Accounts(accounts));
        }
        let mut completed = Vec::new();
        self.access.take_completed(EVENT_ITEMS_MAX, &mut completed);
        (!completed.is_empty()).then_some(AccessEvent::Completed(completed))
    }

    /// Takes back an event that could not be sent; it is merged into a later one.
    pub fn return_event(&mut self, event: &AccessEvent) {
        match event {
            AccessEvent::Accounts(accounts) => self.access.return_events(accounts),
            AccessEvent::Completed(completed) => self.access.return_completed(completed),
        }
    }

    /// Adds the peers that gave way since the last call to the figures.
    fn count_evicted(&mut self) {
        let (evicted, statistics) = (self.swarms.evicted(), &mut self.statistics);
        for (counter, limit) in [
            (Counter::PeersEvictedSwarms, Bound::Swarms),
            (Counter::PeersEvictedPeers, Bound::Peers),
            (Counter::PeersEvictedSwarmPeers, Bound::SwarmPeers),
            (Counter::PeersEvictedMemory, Bound::Memory),
            (Counter::PeersEvictedHost, Bound::Host),
        ] {
            statistics.add(counter, evicted.at(limit) - statistics.counter(counter));
        }
    }

    /// Adds the entries that were rejected since the last call to the figures.
    fn count_shortfalls(&mut self) {
        let shortfalls = self.access.shortfalls();
        let statistics = &mut self.statistics;
        for (counter, now) in [
            (Counter::ListedTorrentsRefused, shortfalls.listed_torrents),
            (Counter::CompletedRefused, shortfalls.completed_counts),
            (Counter::KeysRefused, shortfalls.keys),
            (Counter::SessionReportsRefused, shortfalls.session_reports),
            (Counter::PeerDetailsRefused, shortfalls.peer_details),
        ] {
            statistics.add(counter, now - statistics.counter(counter));
        }
    }
}
