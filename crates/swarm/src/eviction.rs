use crate::announce::{Bound, SwarmCounts};
use crate::deadline::Priority;
use crate::family::{AnyFamily, FamilySwarms, IN_USE, Moment};
use crate::hashing::KeyedHasher;
use crate::limits::{
    CANDIDATE_ROUNDS_MAX, CANDIDATES, CONTENT_PEERS, INLINE_PEERS, PEERS_COMPARED, SLAB_CHUNK,
    SLOTS_PROBED_MAX,
};
use crate::swarm::{Swarm, Upkeep};
use primitives::{ChangeLog, InfoHash, PeerReference, Second};

/// What a newcomer needs of another swarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Its place among the swarms of the shard.
    Swarm,
    /// Its slot, in the newcomer's own family.
    Slot,
    /// The place of one of its peers.
    Peer,
    /// The memory of its peers.
    Block,
}

/// What a swarm needs to give way.
#[derive(Debug)]
pub(crate) struct GivingWay<'a> {
    pub(crate) need: Need,
    pub(crate) now: Second,
    pub(crate) hasher: &'a KeyedHasher,
    pub(crate) rng: &'a mut fastrand::Rng,
    pub(crate) changes: &'a mut ChangeLog,
}

/// What has given way.
#[derive(Debug)]
pub(crate) struct Gone {
    info_hash: InfoHash,
    peers: u64,
    left: Left,
}

/// What is left of a swarm that has given way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Nothing,
    /// All of its peers but one.
    Peers,
}

/// A swarm that may give way.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    /// 0 for the family of the newcomer, otherwise one more than its place among the others.
    family: usize,
    slot: u32,
    priority: Priority,
}

impl<A: PeerReference> FamilySwarms<A> {
    /// Makes the swarm of the lowest priority in a random sample give way, but not the one in the slot `spared`. Returns
    /// whether there was one.
    pub(crate) fn evict(
        &mut self,
        moment: &mut Moment<'_>,
        limit: Bound,
        need: Need,
        spared: Option<u32>,
    ) -> bool {
        let Some(Candidate { family, slot, .. }) = self.candidate(moment, need, spared) else { return false };
        let Moment { now, shared } = moment;
        let mut context =
            GivingWay { need, now: *now, hasher: shared.hasher, rng: shared.rng, changes: shared.changes };
        let gone = match family.checked_sub(1) {
            None => self.take(slot, &mut context),
            Some(other) => shared.others[other].give_way(slot, &mut context),
        };
        shared.evicted.count(limit, gone.peers);
        self.note_gone(moment, &gone);
        true
    }

    fn candidate(&self, moment: &mut Moment<'_>, need: Need, spared: Option<u32>) -> Option<Candidate> {
        let [one, other] = &moment.shared.others;
        let families: [&dyn AnyFamily; 3] = [self, &**one, &**other];
        let [own, one, other] = families.map(|family| family.totals().swarms);
        let swarms = if need == Need::Slot { [own, 0, 0] } else { [own, one, other] };
        let (now, rng) = (moment.now, &mut *moment.shared.rng);
        let mut lowest: Option<Candidate> = None;
        for round in 0..CANDIDATE_ROUNDS_MAX {
            let places: [_; CANDIDATES] = core::array::from_fn(|_| {
                let family = random_family(swarms, rng)?;
                Some((family, families[family].random_place(rng)?))
            });
            // Chunks with few swarms are searched only if nothing else was found.
            let is_last = round + 1 == CANDIDATE_ROUNDS_MAX && lowest.is_none();
            let slots_max = if is_last { SLAB_CHUNK } else { SLOTS_PROBED_MAX };
            let slots = places.map(|place| {
                place.and_then(|(family, place)| {
                    Some((family, families[family].swarm_near(place, slots_max)?))
                })
            });
            for (family, slot) in slots.into_iter().flatten() {
                if family == 0 && spared == Some(slot) {
                    continue;
                }
                let Some(priority) = families[family].priority(slot, now, need, rng) else { continue };
                if lowest.is_none_or(|lowest| priority < lowest.priority) {
                    lowest = Some(Candidate { family, slot, priority });
                }
            }
            if lowest.is_some_and(|lowest| !lowest.priority.is_established()) {
                break;
            }
        }
        lowest
    }

    /// Removes a swarm, or the peer of the lowest priority if it has more and no more is needed.
    pub(crate) fn take(&mut self, slot: u32, context: &mut GivingWay<'_>) -> Gone {
        let GivingWay { need, now, hasher, rng, changes } = context;
        let is_recorded = self.is_recorded(slot, changes);
        let swarm = self.slab.get_mut(slot).expect(IN_USE);
        let (info_hash, before) = (swarm.info_hash, swarm.counts());
        if *need == Need::Peer
            && swarm.peers() > 1
            && let Some(position) = swarm.lowest(*now, rng)
        {
            if is_recorded {
                swarm.record_gone(*now, position, None, changes);
            }
            swarm.take_out(position, &mut Upkeep { hasher, heap_bytes: &mut self.peer_bytes });
            self.totals.note(before, swarm.counts());
            return Gone { info_hash, peers: 1, left: Left::Peers };
        }
        if is_recorded {
            swarm.record_all_gone(*now, changes);
        }
        self.clear(slot);
        self.release(hasher.key(&info_hash), slot);
        Gone { info_hash, peers: before.peers(), left: Left::Nothing }
    }

    /// Counts the torrents that are left after a swarm of any family has given way.
    fn note_gone(&self, moment: &mut Moment<'_>, gone: &Gone) {
        let Gone { info_hash, peers, left } = gone;
        if *left == Left::Peers {
            return;
        }
        let shared = &mut moment.shared;
        let [one, other] = &shared.others;
        let counts =
            [self as &dyn AnyFamily, &**one, &**other].map(|family| family.counts(shared.hasher, info_hash));
        let (has_swarm, has_peers) =
            (counts.iter().any(Option::is_some), counts.into_iter().flatten().any(SwarmCounts::has_peers));
        *shared.torrents -= u64::from(!has_swarm);
        *shared.active -= u64::from(*peers > 0 && !has_peers);
    }
}

/// Draws a family, as many swarms as it has as likely.
fn random_family(swarms: [u64; 3], rng: &mut fastrand::Rng) -> Option<usize> {
    let all = swarms.iter().sum();
    if all == 0 {
        return None;
    }
    let mut place = rng.u64(0..all);
    swarms.iter().position(|&swarms| {
        let is_here = place < swarms;
        place = place.wrapping_sub(swarms);
        is_here
    })
}

impl<A: PeerReference> Swarm<A> {
    /// Whether the swarm has what is needed. A swarm that has as many peers as its clients use does not lose them all.
    fn has(&self, need: Need) -> bool {
        match need {
            Need::Swarm | Need::Slot => true,
            Need::Peer => self.peers() > 0,
            Need::Block => (INLINE_PEERS + 1..CONTENT_PEERS).contains(&self.peers()),
        }
    }

    /// Returns the priority of the swarm, judged by a random sample of its peers. `None` if it does not have what is needed,
    /// or if it has proven peers and is to lose them all so that another may grow.
    pub(crate) fn priority(&self, now: Second, need: Need, rng: &mut fastrand::Rng) -> Option<Priority> {
        if !self.has(need) {
            return None;
        }
        let columns = self.storage.columns();
        let priority = |position: usize| columns.deadlines[position].priority(now);
        let mut first = None;
        let (mut highest, mut has_several_hosts) = (Priority::LOWEST, false);
        for position in
            self.sample(rng, PEERS_COMPARED).filter(|&position| priority(position) > Priority::LOWEST)
        {
            highest = highest.max(priority(position));
            let peer = &columns.references[position];
            has_several_hosts |= is_of_other_host(*first.get_or_insert(peer), peer);
        }
        match need {
            Need::Block if highest.is_established() => None,
            Need::Block | Need::Peer | Need::Swarm | Need::Slot if !has_several_hosts => Some(highest),
            Need::Swarm | Need::Slot if self.peers() >= CONTENT_PEERS => {
                Some(highest.with_several_hosts().with_enough_peers())
            }
            _ => Some(highest.with_several_hosts()),
        }
    }

    /// Returns the position of the peer of the lowest priority in a random sample.
    pub(crate) fn lowest(&self, now: Second, rng: &mut fastrand::Rng) -> Option<usize> {
        let deadlines = &self.storage.columns().deadlines[..self.peers()];
        self.sample(rng, PEERS_COMPARED).min_by_key(|&position| deadlines[position].priority(now))
    }

    /// Returns the positions of all peers, or of a random sample if there are more than `peers_max`.
    pub(crate) fn sample(&self, rng: &mut fastrand::Rng, peers_max: usize) -> impl Iterator<Item = usize> {
        let peers = self.peers();
        let is_small = peers <= peers_max;
        (0..peers.min(peers_max)).map(move |place| if is_small { place } else { rng.usize(0..peers) })
    }
}

/// Whether two peers are of different hosts. Where hosts are not known, each peer counts as one.
fn is_of_other_host<A: PeerReference>(one: &A, other: &A) -> bool {
    if A::HOST_BYTES > 0 { one.host() != other.host() } else { one.identity() != other.identity() }
}
