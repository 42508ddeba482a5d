use crate::announce::{Announce, Announced, Evicted, SwarmCounts};
use crate::deadline::Deadline;
use crate::directory::SwarmKey;
use crate::expiry::{EmptySwarms, Expired, ExpiryTurn, Slabs};
use crate::family::{AnyFamily, FamilySwarms, Moment, Shared, SwarmSlot, SwarmTotals};
use crate::hashing::KeyedHasher;
use crate::limits::{HOST_PEERS_MAX, PAGE_PLACES_MAX, PEER_LIFETIME_S_MAX, SWARM_PEERS_MAX};
use crate::newcomers::Newcomers;
use crate::records::write_dropped;
use crate::swarm::{Heard, Occupancy};
use core::fmt;
use core::marker::PhantomData;
use prefetch::prefetch_line;
use primitives::{
    ChangeLog, CompactAddress, CompactIpv4, CompactIpv6, InfoHash, PeerId, PeerReference, PeerStatus, Second,
    SwarmFamily, TableSeed, WebRtcPeer,
};

/// The limits of one shard, all families together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwarmLimits {
    /// Swarms, including those without peers.
    pub swarms_max: u64,
    /// Peers in all swarms.
    pub peers_max: u64,
    /// Peers in one swarm, at most [`SWARM_PEERS_MAX`].
    pub swarm_peers_max: u32,
    /// Peers of one host in one swarm, at most [`HOST_PEERS_MAX`]. 0 if there is no limit. Hosts are IPv4 addresses and
    /// IPv6 prefixes of 64 bits; WebRTC peers have none.
    pub peers_per_host_max: u8,
    /// Memory of tables and peers, in bytes. It is checked before a growth, so one growth (a quarter of one swarm) may
    /// exceed it.
    pub bytes_max: u64,
}

/// Settings of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwarmSettings {
    pub limits: SwarmLimits,
    /// Seconds after its last announce until a peer expires, 1 to [`PEER_LIFETIME_S_MAX`].
    pub peer_lifetime_s: u32,
    /// Seconds after which a peer may announce again. Before, it receives the same peers each time, and is kept no longer.
    /// 0 if it may at any time.
    pub interval_s_min: u32,
}

impl SwarmSettings {
    fn assert_valid(&self) {
        assert!((1..=PEER_LIFETIME_S_MAX).contains(&self.peer_lifetime_s), "peer_lifetime_s");
        assert!(self.limits.swarm_peers_max <= SWARM_PEERS_MAX, "swarm_peers_max");
        assert!(self.limits.peers_per_host_max <= HOST_PEERS_MAX, "peers_per_host_max");
    }
}

/// The random seeds of a shard. They are independent, so that the choice of peers, which clients can see, reveals
/// nothing about the tables.
#[derive(Clone, Copy)]
pub struct Seeds {
    pub tables: TableSeed,
    pub choice: u64,
}

impl fmt::Debug for Seeds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Seeds(secret)")
    }
}

/// The swarms of one shard, all families.
#[derive(Debug)]
pub struct Swarms {
    settings: SwarmSettings,
    hasher: KeyedHasher,
    /// Independent of `hasher`, as its seed is.
    choice: KeyedHasher,
    rng: fastrand::Rng,
    pub(crate) v4: FamilySwarms<CompactIpv4>,
    pub(crate) v6: FamilySwarms<CompactIpv6>,
    pub(crate) web_rtc: FamilySwarms<WebRtcPeer>,
    /// Number of torrents that have a swarm in at least one family.
    torrents: u64,
    /// Number of torrents that have a peer in at least one family.
    active: u64,
    evicted: Evicted,
    pub(crate) changes: ChangeLog,
    /// No swarm moves to another slot before this time, because an export may be in progress.
    pub(crate) still_until: Second,
    /// The deadline of a peer that was heard when clients began to be served, if they are.
    pub(crate) served: Option<Deadline>,
    /// Place in [`SwarmFamily::ALL`] of the family that expires first in the next turn.
    expires_first: usize,
}

/// The types that name the peers of a swarm: [`CompactIpv4`], [`CompactIpv6`] and [`WebRtcPeer`]. It selects the part of
/// [`Swarms`] for a family.
pub trait PeerOfSwarm: PeerReference {
    /// Returns the swarms of the family.
    #[expect(private_interfaces, reason = "only this crate implements and calls it")]
    fn of(swarms: &Swarms) -> &FamilySwarms<Self>;

    /// Returns the swarms of the family, and what they share with the other families.
    #[expect(private_interfaces, reason = "only this crate implements and calls it")]
    fn parts(swarms: &mut Swarms) -> (&mut FamilySwarms<Self>, Shared<'_>);
}

/// A [`PeerOfSwarm`] that is an address.
pub trait AddressOfSwarm: PeerOfSwarm + CompactAddress {}

impl<A: PeerOfSwarm + CompactAddress> AddressOfSwarm for A {}

macro_rules! peer_of_swarm {
    ($peer:ty, $field:ident, [$one:ident, $other:ident]) => {
        impl PeerOfSwarm for $peer {
            #[expect(private_interfaces, reason = "as in the trait")]
            fn of(swarms: &Swarms) -> &FamilySwarms<Self> {
                &swarms.$field
            }

            #[expect(private_interfaces, reason = "as in the trait")]
            fn parts(swarms: &mut Swarms) -> (&mut FamilySwarms<Self>, Shared<'_>) {
                let shared = Shared {
                    settings: &swarms.settings,
                    hasher: &swarms.hasher,
                    choice: &swarms.choice,
                    rng: &mut swarms.rng,
                    others: [&mut swarms.$one, &mut swarms.$other],
                    evicted: &mut swarms.evicted,
                    changes: &mut swarms.changes,
                    torrents: &mut swarms.torrents,
                    active: &mut swarms.active,
                };
                (&mut swarms.$field, shared)
            }
        }
    };
}

peer_of_swarm!(CompactIpv4, v4, [v6, web_rtc]);
peer_of_swarm!(CompactIpv6, v6, [v4, web_rtc]);
peer_of_swarm!(WebRtcPeer, web_rtc, [v4, v6]);

impl Swarms {
    /// Creates a shard without swarms.
    ///
    /// # Panics
    /// If a setting is outside of the range that its field documents.
    pub fn new(settings: SwarmSettings, seeds: Seeds) -> Self {
        settings.assert_valid();
        Self {
            settings,
            hasher: KeyedHasher(seeds.tables),
            choice: KeyedHasher(TableSeed(u128::from(seeds.choice).to_le_bytes())),
            v4: FamilySwarms::new(),
            v6: FamilySwarms::new(),
            web_rtc: FamilySwarms::new(),
            torrents: 0,
            active: 0,
            evicted: Evicted::default(),
            changes: ChangeLog::Off,
            still_until: Second(0),
            served: None,
            expires_first: 0,
            rng: fastrand::Rng::with_seed(seeds.choice),
        }
    }

    /// Takes note that clients are served from `now` on. Of what is imported afterwards, some is older than what clients announced
    /// here.
    pub fn serve(&mut self, now: Second) {
        self.served = Some(Deadline::after(now, self.settings.peer_lifetime_s));
    }

    /// Replaces the settings. A peer has the new lifetime from its next announce on: it was given the old interval. Until
    /// then, [`Self::peers`] reports the time since its last announce as if it had had the new lifetime. Swarms and peers
    /// beyond lower limits stay until newcomers take their places, or they expire.
    ///
    /// # Panics
    /// If a setting is outside of the range that its field documents.
    pub fn use_settings(&mut self, settings: SwarmSettings) {
        settings.assert_valid();
        self.settings = settings;
    }

    /// Returns the key that the swarm of `info_hash` is looked up by.
    ///
    /// Doing this for all announces of a batch, then [`Self::prefetch_directory`], [`Self::find`],
    /// [`Self::prefetch_swarm`] and [`Self::prefetch_peers`], lets the cache misses of each step overlap; within one
    /// announce each waits for the one before.
    pub fn key(&self, info_hash: &InfoHash) -> SwarmKey {
        self.hasher.key(info_hash)
    }

    /// Prefetches the part of the directory that contains the key.
    pub fn prefetch_directory<A: PeerOfSwarm>(&self, key: SwarmKey) {
        A::of(self).directory.prefetch(key);
    }

    /// Returns the slot of the swarm, if there is one: a hint, found without reading the slab.
    pub fn find<A: PeerOfSwarm>(&self, key: SwarmKey) -> Option<SwarmSlot<A>> {
        let slot = A::of(self).directory.find(key, |_| true)?;
        Some(SwarmSlot { slot, family: PhantomData })
    }

    /// Prefetches the swarm.
    pub fn prefetch_swarm<A: PeerOfSwarm>(&self, hint: SwarmSlot<A>) {
        if let Some(swarm) = A::of(self).slab.get(hint.slot) {
            prefetch_line(swarm);
        }
    }

    /// Prefetches the peers that an announce reads first.
    pub fn prefetch_peers<A: PeerOfSwarm>(&self, hint: SwarmSlot<A>) {
        if let Some(swarm) = A::of(self).slab.get(hint.slot) {
            swarm.prefetch_peers();
        }
    }

    /// Applies an announce of any torrent and source, and writes compact peers into `out`.
    pub fn announce<A: PeerOfSwarm>(
        &mut self,
        now: Second,
        hint: Option<SwarmSlot<A>>,
        announce: &Announce<A>,
        out: &mut [u8],
    ) -> Announced {
        self.announce_if(now, hint, announce, out, &mut ())
    }

    /// Applies an announce as far as `newcomers` admits its torrent and its peer, and writes compact peers into `out`.
    pub fn announce_if<A: PeerOfSwarm>(
        &mut self,
        now: Second,
        hint: Option<SwarmSlot<A>>,
        announce: &Announce<A>,
        out: &mut [u8],
        newcomers: &mut impl Newcomers<A>,
    ) -> Announced {
        let (family, shared) = A::parts(self);
        family.announce(&mut Moment { now, shared }, hint, announce, out, newcomers)
    }

    /// Removes the swarms of a torrent with all peers. Returns whether there was one.
    pub fn drop_torrent(&mut self, info_hash: &InfoHash) -> bool {
        let v4 = self.drop_swarm::<CompactIpv4>(info_hash);
        let v6 = self.drop_swarm::<CompactIpv6>(info_hash);
        let is_dropped = self.drop_swarm::<WebRtcPeer>(info_hash) || v6 || v4;
        if is_dropped {
            self.changes.record(|out| write_dropped(info_hash, out));
        }
        is_dropped
    }

    fn drop_swarm<A: PeerOfSwarm>(&mut self, info_hash: &InfoHash) -> bool {
        let (family, shared) = A::parts(self);
        family.drop_swarm(shared, info_hash)
    }

    /// Returns the WebRTC peer with this peer id as it announced last, unless its lifetime has passed.
    pub fn web_rtc_peer(&self, now: Second, info_hash: &InfoHash, peer_id: &PeerId) -> Option<WebRtcPeer> {
        let peer = WebRtcPeer::new(*peer_id, WebRtcPeer::UNSPECIFIED.connection());
        self.web_rtc.swarm_of(&self.hasher, info_hash)?.live(&self.hasher, now, &peer)
    }

    /// Prolongs the life of a WebRTC peer after a sign of life that is not an announce. It has no effect on a peer that
    /// another connection holds, or whose lifetime has passed. Returns whether there is such a peer.
    pub fn refresh_web_rtc_peer(&mut self, now: Second, info_hash: &InfoHash, peer: &WebRtcPeer) -> bool {
        let heard = Heard::at::<WebRtcPeer>(now, &self.settings);
        self.web_rtc.prolong(&self.hasher, heard, info_hash, peer)
    }

    /// Returns the counts of a torrent in one family, if it has a swarm there.
    pub fn counts<A: PeerOfSwarm>(&self, info_hash: &InfoHash) -> Option<SwarmCounts> {
        A::of(self).counts(&self.hasher, info_hash)
    }

    /// Like [`Self::counts`], for a family known only at run time.
    pub fn counts_in(&self, family: SwarmFamily, info_hash: &InfoHash) -> Option<SwarmCounts> {
        self.family(family).counts(&self.hasher, info_hash)
    }

    /// Reports at most `peers_max` peers of a torrent in one family: what names them, status, and seconds since the last
    /// announce.
    pub fn peers<A: PeerOfSwarm>(
        &self,
        now: Second,
        info_hash: &InfoHash,
        peers_max: usize,
        tell: impl FnMut(A, PeerStatus, u32),
    ) {
        let lifetime_s = self.settings.peer_lifetime_s;
        if let Some(swarm) = A::of(self).swarm_of(&self.hasher, info_hash) {
            swarm.for_each_peer(now, lifetime_s, peers_max, tell);
        }
    }

    /// Returns the counts of a torrent in one family, zeros if it has no swarm.
    pub fn scrape<A: PeerOfSwarm>(&self, info_hash: &InfoHash) -> SwarmCounts {
        self.counts::<A>(info_hash).unwrap_or_default()
    }

    /// Reports at most `swarms_max` swarms of one family in the order of their slots, from the slot `from` on.
    /// Returns the slot to continue with, if there are more. Swarms may come and go between two pages. A page visits
    /// at most [`PAGE_PLACES_MAX`] slots, so it may be empty where few swarms are left.
    pub fn page<A: PeerOfSwarm>(
        &self,
        from: u32,
        swarms_max: usize,
        mut tell: impl FnMut(InfoHash, SwarmCounts),
    ) -> Option<u32> {
        let slab = &A::of(self).slab;
        let mut told = 0;
        for slot in from..slab.slots() {
            if told == swarms_max || slot - from == PAGE_PLACES_MAX {
                return Some(slot);
            }
            let swarm = slab.get(slot).filter(|swarm| swarm.occupancy == Occupancy::Occupied);
            if let Some(swarm) = swarm {
                tell(swarm.info_hash, swarm.counts());
                told += 1;
            }
        }
        None
    }

    /// Runs one turn of expiry with a budget of `work` units: a few nanoseconds each, more with cache misses. Called
    /// a few times a second, it visits all swarms again and again without a pause that clients would notice.
    ///
    /// The families take turns at going first; each of the others has the rest of the budget.
    pub fn expire(&mut self, now: Second, work: u32) -> Expired {
        let mut families = SwarmFamily::ALL;
        families.rotate_left(self.expires_first);
        self.expires_first = (self.expires_first + 1) % families.len();
        families.into_iter().fold(Expired::default(), |expired, family| {
            let work = work - expired.work;
            expired.plus(match family {
                SwarmFamily::V4 => self.expire_family::<CompactIpv4>(now, work),
                SwarmFamily::V6 => self.expire_family::<CompactIpv6>(now, work),
                SwarmFamily::WebRtc => self.expire_family::<WebRtcPeer>(now, work),
            })
        })
    }

    fn expire_family<A: PeerOfSwarm>(&mut self, now: Second, work: u32) -> Expired {
        let empty = self.empty_swarms();
        let is_still = now < self.still_until || self.changes.is_on();
        let (family, shared) = A::parts(self);
        let slabs =
            if !is_still && family.has_oversized_slabs(&shared) { Slabs::Shrink } else { Slabs::Stay };
        family.expire(ExpiryTurn { now, work, empty, slabs, shared })
    }

    /// Number of torrents that have a swarm in at least one family.
    pub const fn torrents(&self) -> u64 {
        self.torrents
    }

    /// Number of torrents that have a peer in at least one family.
    pub const fn active_torrents(&self) -> u64 {
        self.active
    }

    /// Returns how many peers gave way to others.
    pub const fn evicted(&self) -> &Evicted {
        &self.evicted
    }

    /// Returns the totals of one family.
    pub fn totals(&self, family: SwarmFamily) -> SwarmTotals {
        let family = self.family(family);
        SwarmTotals { bytes: family.bytes(), ..*family.totals() }
    }

    fn family(&self, family: SwarmFamily) -> &dyn AnyFamily {
        match family {
            SwarmFamily::V4 => &self.v4,
            SwarmFamily::V6 => &self.v6,
            SwarmFamily::WebRtc => &self.web_rtc,
        }
    }

    /// Drops swarms without peers near the limit on swarms or memory, to make room for others.
    fn empty_swarms(&self) -> EmptySwarms {
        let limits = &self.settings.limits;
        let is_near = |value: u64, limit: u64| value >= limit - limit / 8;
        let held = SwarmFamily::ALL
            .map(|family| self.totals(family))
            .into_iter()
            .fold(SwarmTotals::default(), SwarmTotals::plus);
        let is_needed = is_near(held.swarms, limits.swarms_max) || is_near(held.bytes, limits.bytes_max);
        if is_needed { EmptySwarms::Dropped } else { EmptySwarms::Kept }
    }
}
