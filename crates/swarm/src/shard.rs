use crate::announce::{Admission, Announce, Announced, SwarmCounts};
use crate::directory::SwarmKey;
use crate::expiry::{EmptySwarms, Expired, ExpiryTurn};
use crate::family::{FamilySwarms, Moment, OtherFamily, Shared, SwarmSlot, SwarmTotals};
use crate::hashing::KeyedHasher;
use crate::limits::{PAGE_PLACES_MAX, PEER_LIFETIME_S_MAX, SWARM_PEERS_MAX};
use crate::swarm::{Occupancy, Swarm};
use core::fmt;
use core::marker::PhantomData;
use prefetch::prefetch_line;
use primitives::{
    AddressFamily, CompactAddress, CompactIpv4, CompactIpv6, InfoHash, PeerStatus, Second, TableSeed,
};

/// The limits of one shard, both families together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwarmLimits {
    /// Swarms, including those without peers.
    pub swarms_max: u64,
    /// Peers in all swarms.
    pub peers_max: u64,
    /// Peers in one swarm, at most [`SWARM_PEERS_MAX`].
    pub swarm_peers_max: u32,
    /// Memory of tables and peers, in bytes. When it is reached, announces that need no more memory still succeed. It
    /// is checked before a growth, so one growth (a quarter of one swarm) may exceed it.
    pub bytes_max: u64,
}

/// Settings of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwarmSettings {
    pub limits: SwarmLimits,
    /// Seconds after its last announce until a peer expires, 1 to [`PEER_LIFETIME_S_MAX`].
    pub peer_lifetime_s: u32,
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

/// The swarms of one shard, both families.
#[derive(Debug)]
pub struct Swarms {
    settings: SwarmSettings,
    hasher: KeyedHasher,
    rng: fastrand::Rng,
    v4: FamilySwarms<CompactIpv4>,
    v6: FamilySwarms<CompactIpv6>,
    shared: Shared,
    expires_first: AddressFamily,
}

/// The address types that swarms are made of: [`CompactIpv4`] and [`CompactIpv6`]. It selects the part of [`Swarms`] for
/// an address family.
pub trait AddressOfSwarm: CompactAddress {
    /// Returns the swarms of the family.
    #[expect(private_interfaces, reason = "only this crate implements and calls it")]
    fn of(swarms: &Swarms) -> &FamilySwarms<Self>;

    /// Returns the swarms of the family, and what an announce needs besides them.
    #[expect(private_interfaces, reason = "only this crate implements and calls it")]
    fn with_moment(swarms: &mut Swarms, now: Second) -> (&mut FamilySwarms<Self>, Moment<'_>);
}

macro_rules! address_of_swarm {
    ($address:ty, $field:ident, $other:ident) => {
        impl AddressOfSwarm for $address {
            #[expect(private_interfaces, reason = "as in the trait")]
            fn of(swarms: &Swarms) -> &FamilySwarms<Self> {
                &swarms.$field
            }

            #[expect(private_interfaces, reason = "as in the trait")]
            fn with_moment(swarms: &mut Swarms, now: Second) -> (&mut FamilySwarms<Self>, Moment<'_>) {
                let moment = Moment {
                    now,
                    hasher: &swarms.hasher,
                    rng: &mut swarms.rng,
                    lifetime_s: swarms.settings.peer_lifetime_s,
                    limits: &swarms.settings.limits,
                    others: &swarms.$other,
                    shared: &mut swarms.shared,
                };
                (&mut swarms.$field, moment)
            }
        }
    };
}

address_of_swarm!(CompactIpv4, v4, v6);
address_of_swarm!(CompactIpv6, v6, v4);

impl Swarms {
    /// Creates a shard without swarms.
    ///
    /// # Panics
    /// If a setting is outside of the range that its field documents.
    pub fn new(settings: SwarmSettings, seeds: Seeds) -> Self {
        assert!((1..=PEER_LIFETIME_S_MAX).contains(&settings.peer_lifetime_s), "peer_lifetime_s");
        assert!(settings.limits.swarm_peers_max <= SWARM_PEERS_MAX, "swarm_peers_max");
        Self {
            settings,
            hasher: KeyedHasher(seeds.tables),
            v4: FamilySwarms::new(),
            v6: FamilySwarms::new(),
            shared: Shared::default(),
            expires_first: AddressFamily::V4,
            rng: fastrand::Rng::with_seed(seeds.choice),
        }
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
    pub fn prefetch_directory<A: AddressOfSwarm>(&self, key: SwarmKey) {
        A::of(self).directory.prefetch(key);
    }

    /// Returns the slot of the swarm, if there is one: a hint, found without reading the slab.
    pub fn find<A: AddressOfSwarm>(&self, key: SwarmKey) -> Option<SwarmSlot<A>> {
        let slot = A::of(self).directory.find(key, |_| true)?;
        Some(SwarmSlot { slot, family: PhantomData })
    }

    /// Prefetches the swarm.
    pub fn prefetch_swarm<A: AddressOfSwarm>(&self, hint: SwarmSlot<A>) {
        if let Some(swarm) = A::of(self).slab.get(hint.slot) {
            prefetch_line(swarm);
        }
    }

    /// Prefetches the peers that an announce reads first.
    pub fn prefetch_peers<A: AddressOfSwarm>(&self, hint: SwarmSlot<A>) {
        if let Some(swarm) = A::of(self).slab.get(hint.slot) {
            swarm.prefetch_peers();
        }
    }

    /// Applies an announce of any torrent, and writes compact peers into `out`.
    pub fn announce<A: AddressOfSwarm>(
        &mut self,
        now: Second,
        hint: Option<SwarmSlot<A>>,
        announce: &Announce<A>,
        out: &mut [u8],
    ) -> Announced {
        self.announce_if(now, hint, announce, out, |_| Admission::Admitted)
    }

    /// Applies an announce if its torrent has a swarm or `admit` admits it, and writes compact peers into `out`.
    ///
    /// `admit` is asked only about torrents without a swarm, so it costs the others nothing. This requires that
    /// swarms are dropped as soon as their torrent is no longer admitted.
    pub fn announce_if<A: AddressOfSwarm>(
        &mut self,
        now: Second,
        hint: Option<SwarmSlot<A>>,
        announce: &Announce<A>,
        out: &mut [u8],
        admit: impl FnOnce(&InfoHash) -> Admission,
    ) -> Announced {
        let (family, mut moment) = A::with_moment(self, now);
        family.announce(&mut moment, hint, announce, out, admit)
    }

    /// Removes the swarms of a torrent with all peers. Returns whether there was one.
    pub fn drop_torrent(&mut self, info_hash: &InfoHash) -> bool {
        let (hasher, shared) = (&self.hasher, &mut self.shared);
        let v4 = self.v4.drop_swarm(hasher, &self.v6, shared, info_hash);
        self.v6.drop_swarm(hasher, &self.v4, shared, info_hash) || v4
    }

    /// Returns the counts of a torrent in one family, if it has a swarm there.
    pub fn counts<A: AddressOfSwarm>(&self, info_hash: &InfoHash) -> Option<SwarmCounts> {
        A::of(self).swarm_of(&self.hasher, info_hash).map(Swarm::counts)
    }

    /// Reports at most `peers_max` peers of a torrent in one family: address, status, and seconds since the last
    /// announce.
    pub fn peers<A: AddressOfSwarm>(
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
    pub fn scrape<A: AddressOfSwarm>(&self, info_hash: &InfoHash) -> SwarmCounts {
        self.counts::<A>(info_hash).unwrap_or_default()
    }

    /// Reports at most `swarms_max` swarms of one family in the order of their slots, from the slot `from` on.
    /// Returns the slot to continue with, if there are more. Swarms may come and go between two pages. A page visits
    /// at most [`PAGE_PLACES_MAX`] slots, so it may be empty where few swarms are left.
    pub fn page<A: AddressOfSwarm>(
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
    /// The families take turns at going first; the other one gets the rest of the budget.
    pub fn expire(&mut self, now: Second, work: u32) -> Expired {
        let first = self.expires_first;
        self.expires_first = first.other();
        let expired = self.expire_family(now, first, work);
        expired.plus(self.expire_family(now, self.expires_first, work - expired.work))
    }

    fn expire_family(&mut self, now: Second, family: AddressFamily, work: u32) -> Expired {
        let (empty, hasher, shared) = (self.empty_swarms(), &self.hasher, &mut self.shared);
        match family {
            AddressFamily::V4 => {
                self.v4.expire(ExpiryTurn { now, hasher, work, empty, others: &self.v6, shared })
            }
            AddressFamily::V6 => {
                self.v6.expire(ExpiryTurn { now, hasher, work, empty, others: &self.v4, shared })
            }
        }
    }

    /// Number of torrents that have a swarm in either family.
    pub fn torrents(&self) -> u64 {
        let swarms = self.v4.totals().swarms + self.v6.totals().swarms;
        swarms - self.shared.torrents
    }

    /// Returns the totals of one family.
    pub fn totals(&self, family: AddressFamily) -> SwarmTotals {
        match family {
            AddressFamily::V4 => self.v4.totals(),
            AddressFamily::V6 => self.v6.totals(),
        }
    }

    /// Drops swarms without peers near the limit on swarms or memory, to make room for others.
    fn empty_swarms(&self) -> EmptySwarms {
        let limits = &self.settings.limits;
        let is_near = |value: u64, limit: u64| value >= limit - limit / 8;
        let held = self.v4.totals().plus(self.v6.totals());
        let is_needed = is_near(held.swarms, limits.swarms_max) || is_near(held.bytes, limits.bytes_max);
        if is_needed { EmptySwarms::Dropped } else { EmptySwarms::Kept }
    }
}
