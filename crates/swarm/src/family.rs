use crate::announce::{Admission, Announce, Announced, Bound, Listing, PeerChange, SwarmCounts};
use crate::choose::Requester;
use crate::directory::{Directory, SwarmKey};
use crate::expiry::Cursor;
use crate::hashing::KeyedHasher;
use crate::shard::SwarmSettings;
use crate::slab::Slab;
use crate::swarm::{Heard, Occupancy, Placed, Swarm, Upkeep};
use core::marker::PhantomData;
use primitives::{AnnounceEvent, InfoHash, PeerReference, Second};

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
    pub(crate) shared: Shared<'a>,
}

/// What a family shares with the others of the shard.
#[derive(Debug)]
pub(crate) struct Shared<'a> {
    pub(crate) settings: &'a SwarmSettings,
    pub(crate) hasher: &'a KeyedHasher,
    pub(crate) rng: &'a mut fastrand::Rng,
    /// The swarms of the other families, which count towards the same limits.
    pub(crate) others: [&'a dyn AnyFamily; 2],
    /// Number of torrents that have a swarm in at least one family.
    pub(crate) torrents: &'a mut u64,
    /// Number of torrents that have a peer in at least one family.
    pub(crate) active: &'a mut u64,
}

impl Shared<'_> {
    /// Returns whether the torrent has a swarm in another family.
    fn is_elsewhere(&self, key: SwarmKey, info_hash: &InfoHash) -> bool {
        self.others.iter().any(|family| family.has(key, info_hash))
    }

    /// Counts a torrent as active from its first peer in any family to its last.
    pub(crate) fn note_peers(&mut self, info_hash: &InfoHash, before: SwarmCounts, after: SwarmCounts) {
        if before.has_peers() == after.has_peers() {
            return;
        }
        let counts = |family: &&dyn AnyFamily| family.counts(self.hasher, info_hash);
        if self.others.iter().filter_map(counts).any(SwarmCounts::has_peers) {
            return;
        }
        *self.active = if after.has_peers() { *self.active + 1 } else { *self.active - 1 };
    }
}

/// The swarms of one family, whatever names its peers.
pub(crate) trait AnyFamily: core::fmt::Debug {
    /// Returns the totals without the memory.
    fn totals(&self) -> &SwarmTotals;

    /// Returns the memory of tables and peers, in bytes.
    fn bytes(&self) -> u64;

    fn has(&self, key: SwarmKey, info_hash: &InfoHash) -> bool;

    /// Returns the counts of a torrent, if it has a swarm.
    fn counts(&self, hasher: &KeyedHasher, info_hash: &InfoHash) -> Option<SwarmCounts>;
}

impl<A: PeerReference> AnyFamily for FamilySwarms<A> {
    fn totals(&self) -> &SwarmTotals {
        &self.totals
    }

    fn bytes(&self) -> u64 {
        (self.directory.heap_bytes() + self.slab.heap_bytes() + self.peer_bytes) as u64
    }

    fn has(&self, key: SwarmKey, info_hash: &InfoHash) -> bool {
        self.totals.swarms > 0 && self.locate(key, info_hash).is_some()
    }

    fn counts(&self, hasher: &KeyedHasher, info_hash: &InfoHash) -> Option<SwarmCounts> {
        self.swarm_of(hasher, info_hash).map(Swarm::counts)
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

impl<A: PeerReference> FamilySwarms<A> {
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
    pub(crate) fn drop_swarm(&mut self, mut shared: Shared<'_>, info_hash: &InfoHash) -> bool {
        let Some(slot) = self.locate(shared.hasher.key(info_hash), info_hash) else { return false };
        let swarm = self.slab.get_mut(slot).expect(IN_USE);
        let before = swarm.counts();
        self.peer_bytes -= swarm.storage.heap_bytes();
        swarm.clear();
        let after = swarm.counts();
        self.totals.note(before, after);
        shared.note_peers(info_hash, before, after);
        self.forget(&mut shared, slot);
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
        let key = moment.shared.hasher.key(&announce.info_hash);
        if let Some(slot) = self.locate(key, &announce.info_hash) {
            return self.announce_to(moment, slot, announce, out);
        }
        if admit(&announce.info_hash) == Admission::Refused {
            return Announced::of_no_swarm(PeerChange::NotAdmitted);
        }
        if !announce.lists() {
            return Announced::of_no_swarm(PeerChange::NotListed);
        }
        match self.room_for_swarm(&moment.shared) {
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
            swarm.choose(moment.now, requester, announce.peers_wanted, moment.shared.rng, out)
        };
        if swarm.peers() == 0 {
            self.leave_empty(moment, slot);
        }
        Announced { counts, peers, change: placed.change, completion: placed.completion }
    }

    /// Adds, updates or removes the announcing peer.
    fn upsert(&mut self, moment: &mut Moment<'_>, slot: u32, announce: &Announce<A>) -> Placed {
        let swarm = self.swarm(slot);
        let before = swarm.counts();
        let found = swarm.find(moment.shared.hasher, &announce.peer);
        let room = match found {
            None if announce.lists() => self.room_for_peer(&moment.shared, swarm),
            _ => Ok(()),
        };
        let swarm = self.slab.get_mut(slot).expect(IN_USE);
        let mut upkeep = Upkeep { hasher: moment.shared.hasher, heap_bytes: &mut self.peer_bytes };
        let heard = Heard { now: moment.now, lifetime_s: moment.shared.settings.peer_lifetime_s };
        let placed = match (found, announce.event, announce.listing) {
            (Some(position), AnnounceEvent::Stopped, _) if swarm.is_held(position, &announce.peer) => {
                swarm.take_out(position, &mut upkeep);
                Placed::without_completion(PeerChange::Removed, None)
            }
            (_, AnnounceEvent::Stopped, _) | (_, _, Listing::Unlisted) => {
                Placed::without_completion(PeerChange::NotListed, found)
            }
            (Some(position), _, Listing::Listed) => swarm.refresh(heard, position, announce, &upkeep),
            (None, _, Listing::Listed) => match room {
                Ok(()) => swarm.add(heard, announce, &mut upkeep),
                Err(bound) => Placed::without_completion(PeerChange::Refused(bound), None),
            },
        };
        let after = swarm.counts();
        self.totals.note(before, after);
        moment.shared.note_peers(&announce.info_hash, before, after);
        placed
    }

    /// Prolongs the life of a live peer that is still held by the same connection. Returns whether there is one.
    pub(crate) fn prolong(
        &mut self,
        hasher: &KeyedHasher,
        heard: Heard,
        info_hash: &InfoHash,
        peer: &A,
    ) -> bool {
        let slot = self.locate(hasher.key(info_hash), info_hash);
        slot.is_some_and(|slot| self.slab.get_mut(slot).expect(IN_USE).prolong(hasher, heard, peer))
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
    fn room_for_swarm(&self, shared: &Shared<'_>) -> Result<(), Bound> {
        self.room_for_swarms(shared)?;
        self.room_for_peers(shared)?;
        if self.slab.has_room() { Ok(()) } else { self.room_in_memory(shared) }
    }

    /// Whether there is room for one more peer in the swarm: at the memory limit, only in its present block.
    fn room_for_peer(&self, shared: &Shared<'_>, swarm: &Swarm<A>) -> Result<(), Bound> {
        let swarm_peers_max = u64::from(shared.settings.limits.swarm_peers_max);
        within(swarm.peers() as u64, swarm_peers_max, Bound::SwarmPeers)?;
        self.room_for_peers(shared)?;
        let has_room = swarm.peers() < swarm.storage.capacity();
        if has_room { Ok(()) } else { self.room_in_memory(shared) }
    }

    /// Whether a swarm without peers may stay for its downloads.
    fn room_to_stay(&self, shared: &Shared<'_>) -> Result<(), Bound> {
        self.room_for_swarms(shared)?;
        self.room_in_memory(shared)
    }

    fn room_for_swarms(&self, shared: &Shared<'_>) -> Result<(), Bound> {
        let swarms = self.in_shard(shared, |family| family.totals().swarms);
        within(swarms, shared.settings.limits.swarms_max, Bound::Swarms)
    }

    fn room_for_peers(&self, shared: &Shared<'_>) -> Result<(), Bound> {
        let peers = self.in_shard(shared, |family| family.totals().peers());
        within(peers, shared.settings.limits.peers_max, Bound::Peers)
    }

    fn room_in_memory(&self, shared: &Shared<'_>) -> Result<(), Bound> {
        within(
            self.in_shard(shared, |family| family.bytes()),
            shared.settings.limits.bytes_max,
            Bound::Memory,
        )
    }

    /// Returns the sum of a figure over all families.
    fn in_shard(&self, shared: &Shared<'_>, figure: impl Fn(&dyn AnyFamily) -> u64) -> u64 {
        shared.others.iter().fold(figure(self), |sum, &family| sum + figure(family))
    }

    fn create(&mut self, moment: &mut Moment<'_>, key: SwarmKey, info_hash: InfoHash) -> u32 {
        let slot = self.slab.insert(Swarm::new(info_hash));
        self.directory.insert(key, slot);
        self.totals.swarms += 1;
        *moment.shared.torrents += u64::from(!moment.shared.is_elsewhere(key, &info_hash));
        slot
    }

    /// Removes a swarm whose last peer left, or keeps it for its downloads.
    fn leave_empty(&mut self, moment: &mut Moment<'_>, slot: u32) {
        if self.swarm(slot).counts().downloaded > 0 && self.room_to_stay(&moment.shared).is_ok() {
            self.slab.get_mut(slot).expect(IN_USE).keep_empty(moment.now);
        } else {
            self.forget(&mut moment.shared, slot);
        }
    }

    /// Removes a swarm that has no peers.
    pub(crate) fn forget(&mut self, shared: &mut Shared<'_>, slot: u32) {
        let info_hash = self.swarm(slot).info_hash;
        debug_assert_eq!(self.swarm(slot).storage.heap_bytes(), 0, "an empty swarm holds no memory");
        let key = shared.hasher.key(&info_hash);
        self.directory.remove(key, slot);
        self.slab.remove(slot);
        self.totals.swarms -= 1;
        *shared.torrents -= u64::from(!shared.is_elsewhere(key, &info_hash));
    }
}

fn within(value: u64, limit: u64, bound: Bound) -> Result<(), Bound> {
    if value < limit { Ok(()) } else { Err(bound) }
}
