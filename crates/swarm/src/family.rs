use crate::announce::{Announce, Announced, Bound, Listing, PeerChange, SwarmCounts};
use crate::choose::Requester;
use crate::directory::{Directory, DirectoryKey};
use crate::expiry::Cursor;
use crate::hashing::KeyedHasher;
use crate::slab::Slab;
use crate::swarm::{Occupancy, Placed, Swarm, Terms, Upkeep};
use core::marker::PhantomData;
use primitives::{AnnounceEvent, CompactAddress, InfoHash, Second};

/// Where a swarm was seen. A hint: what is there is checked before it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwarmSlot<A> {
    slot: u32,
    family: PhantomData<A>,
}

/// What a family, or a shard, holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SwarmTotals {
    /// Swarms, those without peers too.
    pub swarms: u64,
    /// Seeders in all swarms.
    pub seeders: u64,
    /// Leechers in all swarms.
    pub leechers: u64,
    /// Completed events ever counted.
    pub completed: u64,
    /// Bytes of tables and peers.
    pub bytes: u64,
}

/// All swarms of one family.
#[derive(Debug)]
pub(crate) struct FamilySwarms<A> {
    pub(crate) directory: Directory,
    pub(crate) slab: Slab<A>,
    pub(crate) totals: SwarmTotals,
    /// Bytes of peer blocks and indexes.
    pub(crate) peer_bytes: usize,
    pub(crate) cursor: Cursor,
}

/// Why a slot has a swarm.
pub(crate) const IN_USE: &str = "the directory names slots in use only";

/// What is the same for all announces of a moment.
#[derive(Debug)]
pub(crate) struct Moment<'a> {
    pub(crate) now: Second,
    pub(crate) hasher: &'a KeyedHasher,
    pub(crate) rng: &'a mut fastrand::Rng,
    pub(crate) lifetime_s: u32,
    pub(crate) room: Room,
}

/// What there is room for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    /// For one more swarm.
    pub(crate) swarm: Result<(), Bound>,
    /// For one more peer.
    pub(crate) peer: Result<(), Bound>,
    /// For more memory.
    pub(crate) memory: Result<(), Bound>,
    pub(crate) swarm_peers_max: u32,
}

impl SwarmTotals {
    /// Peers in all swarms.
    #[must_use]
    pub const fn peers(&self) -> u64 {
        self.seeders + self.leechers
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

    pub(crate) fn totals(&self) -> SwarmTotals {
        let bytes = self.directory.heap_bytes() + self.slab.heap_bytes() + self.peer_bytes;
        SwarmTotals { bytes: bytes as u64, ..self.totals }
    }

    /// The slot where the swarm is if it is anywhere, by 32 bits of its hash: a hint that costs no look at the slab.
    pub(crate) fn find(&self, hasher: &KeyedHasher, info_hash: &InfoHash) -> Option<SwarmSlot<A>> {
        let key = DirectoryKey::new(hasher.info_hash(info_hash));
        let slot = self.directory.find(key, |_| true)?;
        Some(SwarmSlot { slot, family: PhantomData })
    }

    /// Loads the swarm's slab entry.
    pub(crate) fn touch_swarm(&self, hint: SwarmSlot<A>) -> u8 {
        self.slab.get(hint.slot).map_or(0, |swarm| swarm.info_hash.0[0])
    }

    /// Loads the beginning of what is scanned for a peer, behind the slab entry.
    pub(crate) fn touch_peers(&self, hint: SwarmSlot<A>) -> u8 {
        self.slab.get(hint.slot).and_then(|swarm| swarm.storage.columns().tags.first().copied()).unwrap_or(0)
    }

    pub(crate) fn scrape(&self, hasher: &KeyedHasher, info_hash: &InfoHash) -> SwarmCounts {
        self.locate(hasher, info_hash).map_or_else(SwarmCounts::default, |slot| self.swarm(slot).counts())
    }

    pub(crate) fn announce(
        &mut self,
        moment: &mut Moment<'_>,
        hint: Option<SwarmSlot<A>>,
        announce: &Announce<A>,
        out: &mut [u8],
    ) -> Announced {
        let hint = hint.map(|hint| hint.slot).filter(|&slot| self.holds(slot, &announce.info_hash));
        let slot = hint.or_else(|| self.locate(moment.hasher, &announce.info_hash));
        let adds = announce.event != AnnounceEvent::Stopped && announce.listing == Listing::Listed;
        match (slot, self.room_for_swarm(moment.room)) {
            (Some(slot), _) => self.announce_to(moment, slot, announce, out),
            (None, Ok(())) if adds => {
                let slot = self.create(moment.hasher, announce.info_hash);
                self.announce_to(moment, slot, announce, out)
            }
            (None, room) => {
                let refused = room.err().filter(|_| adds).map(PeerChange::Refused);
                let change = refused.unwrap_or(PeerChange::NotListed);
                Announced { counts: SwarmCounts::default(), peers: 0, change }
            }
        }
    }

    fn announce_to(
        &mut self,
        moment: &mut Moment<'_>,
        slot: u32,
        announce: &Announce<A>,
        out: &mut [u8],
    ) -> Announced {
        let swarm = self.slab.get_mut(slot).expect(IN_USE);
        let before = swarm.counts();
        let mut upkeep = Upkeep { hasher: moment.hasher, heap_bytes: &mut self.peer_bytes };
        let placed = register(swarm, moment, announce, &mut upkeep);
        let counts = swarm.counts();
        let peers = if announce.event == AnnounceEvent::Stopped {
            0
        } else {
            let requester = Requester { status: announce.status, position: placed.position };
            swarm.choose(moment.now, requester, announce.peers_wanted, moment.rng, out)
        };
        self.totals.note(before, counts);
        if swarm.peers() == 0 {
            self.leave_empty(moment, slot);
        }
        Announced { counts, peers, change: placed.change }
    }

    /// The slot of the swarm.
    fn locate(&self, hasher: &KeyedHasher, info_hash: &InfoHash) -> Option<u32> {
        let key = DirectoryKey::new(hasher.info_hash(info_hash));
        self.directory.find(key, |slot| self.swarm(slot).info_hash == *info_hash)
    }

    fn holds(&self, slot: u32, info_hash: &InfoHash) -> bool {
        self.slab
            .get(slot)
            .is_some_and(|swarm| swarm.occupancy == Occupancy::Occupied && swarm.info_hash == *info_hash)
    }

    /// The swarm in a slot of the directory.
    fn swarm(&self, slot: u32) -> &Swarm<A> {
        self.slab.get(slot).expect(IN_USE)
    }

    /// Whether a new swarm with its first peer finds a place: at the bound on memory only in what is there.
    fn room_for_swarm(&self, room: Room) -> Result<(), Bound> {
        let memory = if self.slab.has_room() { Ok(()) } else { room.memory };
        room.swarm.and(room.peer).and(memory)
    }

    fn create(&mut self, hasher: &KeyedHasher, info_hash: InfoHash) -> u32 {
        let slot = self.slab.insert(Swarm::new(info_hash));
        self.directory.insert(DirectoryKey::new(hasher.info_hash(&info_hash)), slot);
        self.totals.swarms += 1;
        slot
    }

    /// The last peer left by itself: the swarm goes, or stays for its downloads.
    fn leave_empty(&mut self, moment: &Moment<'_>, slot: u32) {
        let swarm = self.slab.get_mut(slot).expect(IN_USE);
        if swarm.counts().downloaded > 0 && moment.room.swarm.and(moment.room.memory).is_ok() {
            swarm.keep_empty(moment.now);
        } else {
            self.forget(moment.hasher, slot);
        }
    }

    /// Removes a swarm that has no peers.
    pub(crate) fn forget(&mut self, hasher: &KeyedHasher, slot: u32) {
        let info_hash = self.swarm(slot).info_hash;
        debug_assert_eq!(self.swarm(slot).storage.heap_bytes(), 0, "an empty swarm holds no memory");
        self.directory.remove(DirectoryKey::new(hasher.info_hash(&info_hash)), slot);
        self.slab.remove(slot);
        self.totals.swarms -= 1;
    }
}

/// Puts the announcing peer where its announce says.
fn register<A: CompactAddress>(
    swarm: &mut Swarm<A>,
    moment: &Moment<'_>,
    announce: &Announce<A>,
    upkeep: &mut Upkeep<'_>,
) -> Placed {
    match (announce.event, announce.listing) {
        (AnnounceEvent::Stopped, _) => {
            Placed { change: swarm.take_out(&announce.address, upkeep), position: None }
        }
        (_, Listing::Unlisted) => {
            let hash = upkeep.hasher.address(&announce.address);
            Placed { change: PeerChange::NotListed, position: swarm.find(hash, &announce.address) }
        }
        (_, Listing::Listed) => {
            let full = swarm.peers() >= moment.room.swarm_peers_max as usize;
            let room = if full { Err(Bound::SwarmPeers) } else { moment.room.peer };
            let room_to_grow = room.and(moment.room.memory);
            let terms = Terms { now: moment.now, lifetime_s: moment.lifetime_s, room, room_to_grow };
            swarm.place(terms, announce, upkeep)
        }
    }
}

impl SwarmTotals {
    /// Takes over what changed in one swarm.
    pub(crate) fn note(&mut self, before: SwarmCounts, after: SwarmCounts) {
        self.seeders = self.seeders + u64::from(after.seeders) - u64::from(before.seeders);
        self.leechers = self.leechers + u64::from(after.leechers) - u64::from(before.leechers);
        self.completed += u64::from(after.downloaded - before.downloaded);
    }
}
