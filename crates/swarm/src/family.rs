use crate::announce::{Announce, Announced, Bound, Evicted, Listing, PeerChange, SwarmCounts};
use crate::choose::Requester;
use crate::deadline::Priority;
use crate::directory::{Directory, SwarmKey};
use crate::eviction::{GivingWay, Gone, Need};
use crate::expiry::Cursor;
use crate::hashing::KeyedHasher;
use crate::newcomers::{Newcomers, PeerVerdict, SourceVerdict, TorrentVerdict};
use crate::shard::SwarmSettings;
use crate::slab::Slab;
use crate::swarm::{Heard, Occupancy, Placed, Swarm, Upkeep};
use core::marker::PhantomData;
use prefetch::prefetch_line;
use primitives::{AnnounceEvent, ChangeLog, InfoHash, PeerReference, Second};

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
    /// While changes are recorded, the swarms in the slots below have been exported: only changes of these are recorded.
    pub(crate) exported: u32,
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
    /// Seeds the choice of peers that an early announce receives.
    pub(crate) choice: &'a KeyedHasher,
    pub(crate) rng: &'a mut fastrand::Rng,
    /// The swarms of the other families, which count towards the same limits.
    pub(crate) others: [&'a mut dyn AnyFamily; 2],
    pub(crate) evicted: &'a mut Evicted,
    pub(crate) changes: &'a mut ChangeLog,
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
        let counts = self.others.iter().filter_map(|family| family.counts(self.hasher, info_hash));
        if counts.into_iter().any(SwarmCounts::has_peers) {
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

    /// Returns the memory of the slab, in bytes.
    fn slab_bytes(&self) -> u64;

    /// Returns a random place, and prefetches it. `None` if there are no swarms.
    fn random_place(&self, rng: &mut fastrand::Rng) -> Option<u32>;

    /// Returns the slot of the swarm at a place or among the next ones, at most `slots_max` in all, and prefetches its peers.
    fn swarm_near(&self, place: u32, slots_max: usize) -> Option<u32>;

    /// Returns the priority of the swarm in a slot. `None` if it is not to give way to this need.
    fn priority(&self, slot: u32, now: Second, need: Need, rng: &mut fastrand::Rng) -> Option<Priority>;

    /// Removes the swarm in a slot, or one peer of it if that is all that is needed.
    fn give_way(&mut self, slot: u32, context: &mut GivingWay<'_>) -> Gone;
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

    fn slab_bytes(&self) -> u64 {
        self.slab.heap_bytes() as u64
    }

    fn random_place(&self, rng: &mut fastrand::Rng) -> Option<u32> {
        let place = self.slab.random_slot(rng)?;
        self.slab.get(place).inspect(|swarm| prefetch_line(*swarm));
        Some(place)
    }

    fn swarm_near(&self, place: u32, slots_max: usize) -> Option<u32> {
        let slot = self.slab.occupied_from(place, slots_max)?;
        self.swarm(slot).prefetch_peers();
        Some(slot)
    }

    fn priority(&self, slot: u32, now: Second, need: Need, rng: &mut fastrand::Rng) -> Option<Priority> {
        self.slab.get(slot)?.priority(now, need, rng)
    }

    fn give_way(&mut self, slot: u32, context: &mut GivingWay<'_>) -> Gone {
        self.take(slot, context)
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
            exported: 0,
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
        let before = self.clear(slot);
        shared.note_peers(info_hash, before, SwarmCounts { seeders: 0, leechers: 0, ..before });
        self.forget(&mut shared, slot);
        true
    }

    /// Removes all peers of a swarm. Returns the counts before.
    pub(crate) fn clear(&mut self, slot: u32) -> SwarmCounts {
        let swarm = self.slab.get_mut(slot).expect(IN_USE);
        let before = swarm.counts();
        self.peer_bytes -= swarm.storage.heap_bytes();
        swarm.clear();
        self.totals.note(before, swarm.counts());
        before
    }

    pub(crate) fn announce(
        &mut self,
        moment: &mut Moment<'_>,
        hint: Option<SwarmSlot<A>>,
        announce: &Announce<A>,
        out: &mut [u8],
        newcomers: &mut impl Newcomers<A>,
    ) -> Announced {
        let hint = hint.map(|hint| hint.slot).filter(|&slot| self.holds(slot, &announce.info_hash));
        if let Some(slot) = hint {
            return self.announce_to(moment, slot, announce, out, newcomers);
        }
        let key = moment.shared.hasher.key(&announce.info_hash);
        if let Some(slot) = self.locate(key, &announce.info_hash) {
            return self.announce_to(moment, slot, announce, out, newcomers);
        }
        self.announce_to_none(moment, key, announce, out, newcomers)
    }

    /// Applies an announce of a torrent without a swarm.
    #[inline(never)]
    fn announce_to_none(
        &mut self,
        moment: &mut Moment<'_>,
        key: SwarmKey,
        announce: &Announce<A>,
        out: &mut [u8],
        newcomers: &mut impl Newcomers<A>,
    ) -> Announced {
        if newcomers.torrent(&announce.info_hash) == TorrentVerdict::NotServed {
            return Announced::of_no_swarm(PeerChange::NotServed);
        }
        if !announce.lists() {
            return Announced::of_no_swarm(PeerChange::NotListed);
        }
        match self.make_room_for_torrent(moment, &announce.peer, newcomers) {
            // Its peer is admitted.
            Ok(()) => {
                let slot = self.create(moment, key, announce.info_hash);
                self.announce_to(moment, slot, announce, out, &mut ())
            }
            Err(limit) => Announced::of_no_swarm(PeerChange::Refused(limit)),
        }
    }

    fn make_room_for_torrent(
        &mut self,
        moment: &mut Moment<'_>,
        peer: &A,
        newcomers: &mut impl Newcomers<A>,
    ) -> Result<(), Bound> {
        if newcomers.new_peer(peer) == PeerVerdict::OverLimit {
            return Err(Bound::SourcePeers);
        }
        match newcomers.new_swarm(peer) {
            SourceVerdict::Admitted => self.make_room_for_swarm(moment),
            SourceVerdict::OverLimit => Err(Bound::SourceTorrents),
        }
    }

    fn announce_to(
        &mut self,
        moment: &mut Moment<'_>,
        slot: u32,
        announce: &Announce<A>,
        out: &mut [u8],
        newcomers: &mut impl Newcomers<A>,
    ) -> Announced {
        let placed = self.upsert(moment, slot, announce, newcomers);
        let swarm = self.slab.get(slot).expect(IN_USE);
        let counts = swarm.counts();
        let peers = if announce.event == AnnounceEvent::Stopped {
            0
        } else {
            let mut repeated;
            let rng = if placed.change == PeerChange::Early {
                repeated = swarm.repeated_choice(moment.shared.choice, placed.position);
                &mut repeated
            } else {
                &mut *moment.shared.rng
            };
            let requester = Requester { status: announce.status, position: placed.position };
            swarm.choose(moment.now, requester, announce.peers_wanted, rng, out)
        };
        if swarm.peers() == 0 {
            self.leave_empty(moment, slot);
        }
        Announced { counts, peers, change: placed.change, completion: placed.completion }
    }

    /// Adds, updates or removes the announcing peer.
    fn upsert(
        &mut self,
        moment: &mut Moment<'_>,
        slot: u32,
        announce: &Announce<A>,
        newcomers: &mut impl Newcomers<A>,
    ) -> Placed {
        let found = self.swarm(slot).find(moment.shared.hasher, &announce.peer);
        let room = match found {
            None if announce.lists() => match newcomers.new_peer(&announce.peer) {
                PeerVerdict::Admitted(limit) => self.make_room_for_peer(moment, slot, &announce.peer, limit),
                PeerVerdict::OverLimit => Err(Bound::SourcePeers),
            },
            _ => Ok(()),
        };
        let is_recorded = self.is_recorded(slot, moment.shared.changes);
        let swarm = self.slab.get_mut(slot).expect(IN_USE);
        let before = swarm.counts();
        let mut upkeep = Upkeep { hasher: moment.shared.hasher, heap_bytes: &mut self.peer_bytes };
        let heard = Heard::at::<A>(moment.now, moment.shared.settings);
        let placed = match (found, announce.event, announce.listing) {
            (Some(position), AnnounceEvent::Stopped, _) if swarm.is_held(position, &announce.peer) => {
                if is_recorded {
                    let heard_until = Some(heard.deadline());
                    swarm.record_gone(moment.now, position, heard_until, moment.shared.changes);
                }
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
        if is_recorded {
            swarm.record_placed(moment.now, &placed, moment.shared.changes);
        }
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

    pub(crate) fn locate(&self, key: SwarmKey, info_hash: &InfoHash) -> Option<u32> {
        self.directory.find(key, |slot| self.swarm(slot).info_hash == *info_hash)
    }

    fn holds(&self, slot: u32, info_hash: &InfoHash) -> bool {
        self.slab
            .get(slot)
            .is_some_and(|swarm| swarm.occupancy == Occupancy::Occupied && swarm.info_hash == *info_hash)
    }

    pub(crate) fn swarm(&self, slot: u32) -> &Swarm<A> {
        self.slab.get(slot).expect(IN_USE)
    }

    pub(crate) fn create(&mut self, moment: &mut Moment<'_>, key: SwarmKey, info_hash: InfoHash) -> u32 {
        let slot = self.slab.insert(Swarm::new(info_hash));
        self.directory.insert(key, slot);
        self.totals.swarms += 1;
        *moment.shared.torrents += u64::from(!moment.shared.is_elsewhere(key, &info_hash));
        slot
    }

    /// Removes a swarm whose last peer left, or keeps it for its downloads.
    pub(crate) fn leave_empty(&mut self, moment: &mut Moment<'_>, slot: u32) {
        if self.swarm(slot).counts().downloaded > 0 && self.room_to_stay(&moment.shared).is_ok() {
            self.slab.get_mut(slot).expect(IN_USE).keep_empty(moment.now);
        } else {
            self.forget(&mut moment.shared, slot);
        }
    }

    /// Removes a swarm that has no peers.
    pub(crate) fn forget(&mut self, shared: &mut Shared<'_>, slot: u32) {
        let info_hash = self.swarm(slot).info_hash;
        let key = shared.hasher.key(&info_hash);
        self.release(key, slot);
        *shared.torrents -= u64::from(!shared.is_elsewhere(key, &info_hash));
    }

    /// Vacates the slot of a swarm that has no peers.
    pub(crate) fn release(&mut self, key: SwarmKey, slot: u32) {
        debug_assert_eq!(self.swarm(slot).storage.heap_bytes(), 0, "an empty swarm holds no memory");
        self.directory.remove(key, slot);
        self.slab.remove(slot);
        self.totals.swarms -= 1;
    }
}
