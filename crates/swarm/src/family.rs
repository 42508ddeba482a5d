use crate::announce::{Admission, Announce, Announced, Bound, Listing, PeerChange, SwarmCounts};
use crate::choose::Requester;
use crate::directory::{Directory, SwarmKey};
use crate::expiry::Cursor;
use crate::hashing::KeyedHasher;
use crate::shard::SwarmLimits;
use crate::slab::Slab;
use crate::swarm::{Heard, Occupancy, Placed, Swarm, Upkeep};
use core::marker::PhantomData;
use primitives::{AnnounceEvent, CompactAddress, InfoHash, Second};

/// Slot of a swarm in the slab. A hint: the swarm in it is checked before it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwarmSlot<A> {
    pub(crate) slot: u32,
    pub(crate) family: PhantomData<A>,
}

/// Totals of one family, or of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SwarmTotals {
    /// Swarms, including those without peers.
    pub swarms: u64,
    pub seeders: u64,
    pub leechers: u64,
    /// Completed events counted since the start.
    pub completed: u64,
    /// Memory of tables and peers, in bytes.
    pub bytes: u64,
}

/// All swarms of one family.
#[derive(Debug)]
pub(crate) struct FamilySwarms<A> {
    pub(crate) directory: Directory,
    pub(crate) slab: Slab<A>,
    pub(crate) totals: SwarmTotals,
    /// Memory of peer blocks and indexes, in bytes.
    pub(crate) peer_bytes: usize,
    pub(crate) cursor: Cursor,
}

/// Reason why a slot from the directory holds a swarm.
pub(crate) const IN_USE: &str = "the directory contains occupied slots only";

/// State shared by all announces at one time.
#[derive(Debug)]
pub(crate) struct Moment<'a> {
    pub(crate) now: Second,
    pub(crate) hasher: &'a KeyedHasher,
    pub(crate) rng: &'a mut fastrand::Rng,
    pub(crate) lifetime_s: u32,
    pub(crate) limits: &'a SwarmLimits,
    /// The swarms of the other family, which count towards the same limits.
    pub(crate) others: &'a dyn OtherFamily,
    pub(crate) shared: &'a mut Shared,
}

/// Number of torrents that have a swarm in both families.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Shared {
    pub(crate) torrents: u64,
}

/// The swarms of the shard in the other family.
pub(crate) trait OtherFamily: core::fmt::Debug {
    fn totals(&self) -> SwarmTotals;

    fn has(&self, key: SwarmKey, info_hash: &InfoHash) -> bool;
}

impl<A: CompactAddress> OtherFamily for FamilySwarms<A> {
    fn has(&self, key: SwarmKey, info_hash: &InfoHash) -> bool {
        self.totals.swarms > 0 && self.locate(key, info_hash).is_some()
    }

    fn totals(&self) -> SwarmTotals {
        let bytes = self.directory.heap_bytes() + self.slab.heap_bytes() + self.peer_bytes;
        SwarmTotals { bytes: bytes as u64, ..self.totals }
    }
}

impl SwarmTotals {
    /// Peers in all swarms.
    pub const fn peers(&self) -> u64 {
        self.seeders + self.leechers
    }

    /// Adds the change of one swarm.
    pub(crate) fn note(&mut self, before: SwarmCounts, after: SwarmCounts) {
        self.seeders = self.seeders + u64::from(after.seeders) - u64::from(before.seeders);
        self.leechers = self.leechers + u64::from(after.leechers) - u64::from(before.leechers);
        self.completed += after.downloaded - before.downloaded;
    }

    /// Returns the sum of both.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            swarms: self.swarms + other.swarms,
            seeders: self.seeders + other.seeders,
            leechers: self.leechers + other.leechers,
            completed: self.completed + other.completed,
            bytes: self.bytes + other.bytes,
        }
    }
}

impl<A: CompactAddress> FamilySwarms<A> {
    pub(crate) fn new() -> Self {
        Self {
            directory: Directory::new(),
            slab: Slab::new(),
            totals: SwarmTotals::default(),
            peer_bytes: 0,
            cursor: Cursor::START,
        }
    }

    pub(crate) fn swarm_of(&self, hasher: &KeyedHasher, info_hash: &InfoHash) -> Option<&Swarm<A>> {
        if self.totals.swarms == 0 {
            return None;
        }
        self.locate(hasher.key(info_hash), info_hash).map(|slot| self.swarm(slot))
    }

    /// Removes a swarm with its peers, if there is one, and returns whether there was.
    pub(crate) fn drop_swarm(
        &mut self,
        hasher: &KeyedHasher,
        others: &dyn OtherFamily,
        shared: &mut Shared,
        info_hash: &InfoHash,
    ) -> bool {
        let Some(slot) = self.locate(hasher.key(info_hash), info_hash) else { return false };
        let swarm = self.slab.get_mut(slot).expect(IN_USE);
        let before = swarm.counts();
        self.peer_bytes -= swarm.storage.heap_bytes();
        swarm.clear();
        self.totals.note(before, swarm.counts());
        self.forget(hasher, others, shared, slot);
        true
    }

    pub(crate) fn announce(
        &mut self,
        moment: &mut Moment<'_>,
        hint: Option<SwarmSlot<A>>,
        announce: &Announce<A>,
        out: &mut [u8],
        admit: impl FnOnce(&InfoHash) -> Admission,
    ) -> Announced {
        let hint = hint.map(|hint| hint.slot).filter(|&slot| self.holds(slot, &announce.info_hash));
        if let Some(slot) = hint {
            return self.announce_to(moment, slot, announce, out);
        }
        let key = moment.hasher.key(&announce.info_hash);
        if let Some(slot) = self.locate(key, &announce.info_hash) {
            return self.announce_to(moment, slot, announce, out);
        }
        if admit(&announce.info_hash) == Admission::Refused {
            return Announced::of_no_swarm(PeerChange::NotAdmitted);
        }
        if !announce.lists() {
            return Announced::of_no_swarm(PeerChange::NotListed);
        }
        match self.room_for_swarm(moment) {
            Ok(()) => {
                let slot = self.create(moment, key, announce.info_hash);
                self.announce_to(moment, slot, announce, out)
            }
            Err(bound) => Announced::of_no_swarm(PeerChange::Refused(bound)),
        }
    }

    fn announce_to(
        &mut self,
        moment: &mut Moment<'_>,
        slot: u32,
        announce: &Announce<A>,
        out: &mut [u8],
    ) -> Announced {
        let placed = self.upsert(moment, slot, announce);
        let swarm = self.slab.get(slot).expect(IN_USE);
        let counts = swarm.counts();
        let peers = if announce.event == AnnounceEvent::Stopped {
            0
        } else {
            let requester = Requester { status: announce.status, position: placed.position };
            swarm.choose(moment.now, requester, announce.peers_wanted, moment.rng, out)
        };
        if swarm.peers() == 0 {
            self.leave_empty(moment, slot);
        }
        Announced { counts, peers, change: placed.change, completion: placed.completion }
    }

    /// Adds, updates or removes the announcing peer.
    fn upsert(&mut self, moment: &Moment<'_>, slot: u32, announce: &Announce<A>) -> Placed {
        let swarm = self.swarm(slot);
        let before = swarm.counts();
        let found = swarm.find(moment.hasher, &announce.address);
        let room = match found {
            None if announce.lists() => self.room_for_peer(moment, swarm),
            _ => Ok(()),
        };
        let swarm = self.slab.get_mut(slot).expect(IN_USE);
        let mut upkeep = Upkeep { hasher: moment.hasher, heap_bytes: &mut self.peer_bytes };
        let heard = Heard { now: moment.now, lifetime_s: moment.lifetime_s };
        let placed = match (found, announce.event, announce.listing) {
            (Some(position), AnnounceEvent::Stopped, _) => {
                swarm.take_out(position, &mut upkeep);
                Placed::without_completion(PeerChange::Removed, None)
            }
            (None, AnnounceEvent::Stopped, _) | (_, _, Listing::Unlisted) => {
                Placed::without_completion(PeerChange::NotListed, found)
            }
            (Some(position), _, Listing::Listed) => swarm.refresh(heard, position, announce, &upkeep),
            (None, _, Listing::Listed) => match room {
                Ok(()) => swarm.add(heard, announce, &mut upkeep),
                Err(bound) => Placed::without_completion(PeerChange::Refused(bound), None),
            },
        };
        self.totals.note(before, swarm.counts());
        placed
    }

    fn locate(&self, key: SwarmKey, info_hash: &InfoHash) -> Option<u32> {
        self.directory.find(key, |slot| self.swarm(slot).info_hash == *info_hash)
    }

    fn holds(&self, slot: u32, info_hash: &InfoHash) -> bool {
        self.slab
            .get(slot)
            .is_some_and(|swarm| swarm.occupancy == Occupancy::Occupied && swarm.info_hash == *info_hash)
    }

    fn swarm(&self, slot: u32) -> &Swarm<A> {
        self.slab.get(slot).expect(IN_USE)
    }

    /// Whether there is room for a new swarm with its first peer: at the memory limit, only in a vacant slot.
    fn room_for_swarm(&self, moment: &Moment<'_>) -> Result<(), Bound> {
        let held = self.held_by_shard(moment);
        within(held.swarms, moment.limits.swarms_max, Bound::Swarms)?;
        within(held.peers(), moment.limits.peers_max, Bound::Peers)?;
        if self.slab.has_room() { Ok(()) } else { within(held.bytes, moment.limits.bytes_max, Bound::Memory) }
    }

    /// Whether there is room for one more peer in the swarm: at the memory limit, only in its present block.
    fn room_for_peer(&self, moment: &Moment<'_>, swarm: &Swarm<A>) -> Result<(), Bound> {
        let held = self.held_by_shard(moment);
        let swarm_peers_max = u64::from(moment.limits.swarm_peers_max);
        within(swarm.peers() as u64, swarm_peers_max, Bound::SwarmPeers)?;
        within(held.peers(), moment.limits.peers_max, Bound::Peers)?;
        let has_room = swarm.peers() < swarm.storage.capacity();
        if has_room { Ok(()) } else { within(held.bytes, moment.limits.bytes_max, Bound::Memory) }
    }

    /// Whether a swarm without peers may stay for its downloads.
    fn room_to_stay(&self, moment: &Moment<'_>) -> Result<(), Bound> {
        let held = self.held_by_shard(moment);
        within(held.swarms, moment.limits.swarms_max, Bound::Swarms)?;
        within(held.bytes, moment.limits.bytes_max, Bound::Memory)
    }

    fn held_by_shard(&self, moment: &Moment<'_>) -> SwarmTotals {
        self.totals().plus(moment.others.totals())
    }

    fn create(&mut self, moment: &mut Moment<'_>, key: SwarmKey, info_hash: InfoHash) -> u32 {
        let slot = self.slab.insert(Swarm::new(info_hash));
        self.directory.insert(key, slot);
        self.totals.swarms += 1;
        moment.shared.torrents += u64::from(moment.others.has(key, &info_hash));
        slot
    }

    /// Removes a swarm whose last peer left, or keeps it for its downloads.
    fn leave_empty(&mut self, moment: &mut Moment<'_>, slot: u32) {
        if self.swarm(slot).counts().downloaded > 0 && self.room_to_stay(moment).is_ok() {
            self.slab.get_mut(slot).expect(IN_USE).keep_empty(moment.now);
        } else {
            self.forget(moment.hasher, moment.others, moment.shared, slot);
        }
    }

    /// Removes a swarm that has no peers.
    pub(crate) fn forget(
        &mut self,
        hasher: &KeyedHasher,
        others: &dyn OtherFamily,
        shared: &mut Shared,
        slot: u32,
    ) {
        let info_hash = self.swarm(slot).info_hash;
        debug_assert_eq!(self.swarm(slot).storage.heap_bytes(), 0, "an empty swarm holds no memory");
        let key = hasher.key(&info_hash);
        self.directory.remove(key, slot);
        self.slab.remove(slot);
        self.totals.swarms -= 1;
        shared.torrents -= u64::from(others.has(key, &info_hash));
    }
}

fn within(value: u64, limit: u64, bound: Bound) -> Result<(), Bound> {
    if value < limit { Ok(()) } else { Err(bound) }
}
