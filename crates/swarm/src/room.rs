use crate::announce::Bound;
use crate::eviction::Need;
use crate::family::{AnyFamily, FamilySwarms, IN_USE, Moment, Shared};
use crate::limits::{
    CONTENT_PEERS, EVICTIONS_PER_ANNOUNCE_MAX, HOST_PEERS_SOUGHT, SHARED_SIXTEENTHS, SHRINKING_EVICTIONS,
    SLAB_SIXTEENTHS_KEPT_MAX, SLAB_SIXTEENTHS_MAX, SMALL_SLAB_PART,
};
use crate::newcomers::HostLimit;
use crate::swarm::{Swarm, Upkeep};
use primitives::PeerReference;

/// Whether a swarm has room for another peer of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HostRoom {
    Free,
    /// The peer at this position has to give way.
    InPlaceOf(usize),
    /// There is none, and none of the peers of the host was found: it would take long to look at all.
    Full,
}

impl<A: PeerReference> FamilySwarms<A> {
    /// Makes room for a swarm with its first peer: others give way.
    pub(crate) fn make_room_for_swarm(&mut self, moment: &mut Moment<'_>) -> Result<(), Bound> {
        if self.has_oversized_slabs(&moment.shared) {
            // More swarms go than come, so that expiry finds chunks to free.
            (0..SHRINKING_EVICTIONS).for_each(|_| {
                self.evict(moment, Bound::Memory, Need::Slot, None);
            });
        }
        for _ in 0..EVICTIONS_PER_ANNOUNCE_MAX {
            let Err(limit) = self.room_for_swarm(&moment.shared) else { break };
            let need = match limit {
                Bound::Memory => Need::Slot,
                Bound::Peers => Need::Peer,
                _ => Need::Swarm,
            };
            if !self.evict(moment, limit, need, None) {
                return Err(limit);
            }
        }
        // If there is still none, limits were lowered, and more have gone than come.
        Ok(())
    }

    /// Makes room for one more peer in the swarm: a peer of its host gives way, other peers of the swarm, or others.
    #[inline(never)]
    pub(crate) fn make_room_for_peer(
        &mut self,
        moment: &mut Moment<'_>,
        slot: u32,
        peer: &A,
        host_limit: HostLimit,
    ) -> Result<(), Bound> {
        let host_room = match host_limit {
            HostLimit::Applies => self.swarm(slot).host_room(moment, peer),
            HostLimit::Exempt => HostRoom::Free,
        };
        match host_room {
            HostRoom::Free => self.make_room_in_swarm(moment, slot),
            HostRoom::InPlaceOf(position) => {
                self.replace(moment, slot, position, Bound::Host);
                Ok(())
            }
            HostRoom::Full => Err(Bound::Host),
        }
    }

    fn make_room_in_swarm(&mut self, moment: &mut Moment<'_>, slot: u32) -> Result<(), Bound> {
        let is_content = self.swarm(slot).peers() >= CONTENT_PEERS;
        for round in 0..EVICTIONS_PER_ANNOUNCE_MAX {
            let Err(limit) = self.room_for_peer(&moment.shared, self.swarm(slot)) else { return Ok(()) };
            let has_evicted = match limit {
                Bound::Peers if !is_content => self.evict(moment, limit, Need::Peer, Some(slot)),
                Bound::Memory if !is_content && round == 0 => {
                    self.evict(moment, limit, Need::Block, Some(slot))
                }
                _ => false,
            };
            if !has_evicted {
                return self.replace_lowest(moment, slot, limit);
            }
        }
        // If there is still no room, limits were lowered, and more have gone than come.
        Ok(())
    }

    /// Removes a peer of the swarm for one that is added next.
    fn replace_lowest(&mut self, moment: &mut Moment<'_>, slot: u32, limit: Bound) -> Result<(), Bound> {
        let position = self.swarm(slot).lowest(moment.now, moment.shared.rng).ok_or(limit)?;
        self.replace(moment, slot, position, limit);
        Ok(())
    }

    fn replace(&mut self, moment: &mut Moment<'_>, slot: u32, position: usize, limit: Bound) {
        let is_recorded = self.is_recorded(slot, moment.shared.changes);
        let swarm = self.slab.get_mut(slot).expect(IN_USE);
        let before = swarm.counts();
        if is_recorded {
            swarm.record_gone(moment.now, position, None, moment.shared.changes);
        }
        swarm.remove(position, &Upkeep { hasher: moment.shared.hasher, heap_bytes: &mut self.peer_bytes });
        let (info_hash, after) = (swarm.info_hash, swarm.counts());
        self.totals.note(before, after);
        moment.shared.note_peers(&info_hash, before, after);
        moment.shared.evicted.count(limit, 1);
    }

    /// Whether there is room for a swarm with its first peer: at the memory limit, only in a vacant slot.
    pub(crate) fn room_for_swarm(&self, shared: &Shared<'_>) -> Result<(), Bound> {
        self.room_for_swarms(shared)?;
        self.room_for_peers(shared)?;
        if self.slab.has_room() { Ok(()) } else { self.room_for_slab(shared) }
    }

    /// Whether there is room for one more peer in the swarm: at the memory limit, only in its present block.
    fn room_for_peer(&self, shared: &Shared<'_>, swarm: &Swarm<A>) -> Result<(), Bound> {
        let swarm_peers_max = u64::from(shared.settings.limits.swarm_peers_max);
        within(swarm.peers() as u64, swarm_peers_max, Bound::SwarmPeers)?;
        self.room_for_peers(shared)?;
        let has_room = swarm.peers() < swarm.storage.capacity();
        if has_room { Ok(()) } else { self.room_for_block(shared) }
    }

    /// Returns how many peers may be added to the swarm in a slot without another giving way, if there is memory.
    pub(crate) fn room_for_imported(&self, shared: &Shared<'_>, slot: u32) -> u64 {
        let limits = &shared.settings.limits;
        let peers = self.in_shard(shared, |family| family.totals().peers());
        let of_swarm = u64::from(limits.swarm_peers_max).saturating_sub(self.swarm(slot).peers() as u64);
        limits.peers_max.saturating_sub(peers).min(of_swarm)
    }

    /// Whether there is memory for one more peer in the swarm in a slot.
    pub(crate) fn has_block_for_imported(&self, shared: &Shared<'_>, slot: u32) -> bool {
        let swarm = self.swarm(slot);
        swarm.peers() < swarm.storage.capacity() || self.room_for_block(shared).is_ok()
    }

    /// Makes the block of the swarm in a slot big enough for `peers` peers at once, if the limits admit as many.
    pub(crate) fn reserve(&mut self, moment: &Moment<'_>, slot: u32, peers: u64) {
        let bytes = self.in_shard(&moment.shared, |family| family.bytes()) + peers * (A::BYTES as u64 + 3);
        let bytes_max = sixteenths(SHARED_SIXTEENTHS, moment.shared.settings.limits.bytes_max);
        if peers > self.room_for_imported(&moment.shared, slot) || bytes >= bytes_max {
            return;
        }
        let mut upkeep = Upkeep { hasher: moment.shared.hasher, heap_bytes: &mut self.peer_bytes };
        self.slab.get_mut(slot).expect(IN_USE).reserve(usize::try_from(peers).unwrap_or(0), &mut upkeep);
    }

    /// Whether a swarm without peers may stay for its downloads.
    pub(crate) fn room_to_stay(&self, shared: &Shared<'_>) -> Result<(), Bound> {
        self.room_for_swarms(shared)?;
        self.room_for_block(shared)
    }

    fn room_for_swarms(&self, shared: &Shared<'_>) -> Result<(), Bound> {
        let swarms = self.in_shard(shared, |family| family.totals().swarms);
        within(swarms, shared.settings.limits.swarms_max, Bound::Swarms)
    }

    fn room_for_peers(&self, shared: &Shared<'_>) -> Result<(), Bound> {
        let peers = self.in_shard(shared, |family| family.totals().peers());
        within(peers, shared.settings.limits.peers_max, Bound::Peers)
    }

    fn room_for_slab(&self, shared: &Shared<'_>) -> Result<(), Bound> {
        let bytes_max = shared.settings.limits.bytes_max;
        if self.slab_bytes() < bytes_max / SMALL_SLAB_PART {
            return within(self.in_shard(shared, |family| family.bytes()), bytes_max, Bound::Memory);
        }
        let slab_bytes = self.in_shard(shared, |family| family.slab_bytes());
        within(slab_bytes, sixteenths(SLAB_SIXTEENTHS_MAX, bytes_max), Bound::Memory)?;
        self.room_for_block(shared)
    }

    /// Whether the slabs take clearly more than their part of the memory, because its limit was lowered.
    pub(crate) fn has_oversized_slabs(&self, shared: &Shared<'_>) -> bool {
        let slab_bytes = self.in_shard(shared, |family| family.slab_bytes());
        slab_bytes > sixteenths(SLAB_SIXTEENTHS_KEPT_MAX, shared.settings.limits.bytes_max)
    }

    fn room_for_block(&self, shared: &Shared<'_>) -> Result<(), Bound> {
        let bytes = self.in_shard(shared, |family| family.bytes());
        within(bytes, sixteenths(SHARED_SIXTEENTHS, shared.settings.limits.bytes_max), Bound::Memory)
    }

    /// Returns the sum of a figure over all families.
    fn in_shard(&self, shared: &Shared<'_>, figure: impl Fn(&dyn AnyFamily) -> u64) -> u64 {
        shared.others.iter().fold(figure(self), |sum, family| sum + figure(&**family))
    }
}

impl<A: PeerReference> Swarm<A> {
    fn host_room(&self, moment: &mut Moment<'_>, peer: &A) -> HostRoom {
        let peers_max = usize::from(moment.shared.settings.limits.peers_per_host_max);
        if peers_max == 0 || A::HOST_BYTES == 0 {
            return HostRoom::Free;
        }
        let columns = self.storage.columns();
        if let Some(index) = self.storage.index() {
            let count = index.hosts.count(moment.shared.hasher.host(peer));
            if usize::from(count) < peers_max {
                return HostRoom::Free;
            }
            let mut sample = self.sample(moment.shared.rng, HOST_PEERS_SOUGHT);
            let of_host = sample.find(|&position| columns.references[position].host() == peer.host());
            return of_host.map_or(HostRoom::Full, HostRoom::InPlaceOf);
        }
        let references = &columns.references[..self.peers()];
        let of_host = || references.iter().enumerate().filter(|(_, other)| other.host() == peer.host());
        if of_host().count() < peers_max {
            return HostRoom::Free;
        }
        let lowest = of_host().min_by_key(|&(position, _)| columns.deadlines[position].priority(moment.now));
        lowest.map_or(HostRoom::Free, |(position, _)| HostRoom::InPlaceOf(position))
    }
}

const fn sixteenths(count: u64, bytes: u64) -> u64 {
    bytes / 16 * count
}

fn within(value: u64, limit: u64, bound: Bound) -> Result<(), Bound> {
    if value < limit { Ok(()) } else { Err(bound) }
}
