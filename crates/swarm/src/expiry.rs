use crate::deadline::Deadline;
use crate::family::{FamilySwarms, IN_USE, Shared};
use crate::limits::{
    EXPIRY_ROUND_S_MIN, INDEXED_REMOVAL_WORK, PEER_REMOVAL_WORK, PEERS_PER_WORK, SLOTS_AHEAD,
    SWARM_REMOVAL_WORK, SWARM_VISIT_WORK, SWEEP_PEERS, SWEEP_REMOVALS,
};
use crate::swarm::{Occupancy, Swarm, Upkeep};
use primitives::{PeerReference, Second};

/// What a turn of expiry removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expired {
    /// Peers whose lifetime had passed.
    pub peers: u64,
    /// Swarms without peers that were removed.
    pub swarms: u64,
    /// Units of work that the turn took.
    pub work: u32,
}

impl Expired {
    #[must_use]
    pub(crate) const fn plus(self, other: Self) -> Self {
        Self {
            peers: self.peers + other.peers,
            swarms: self.swarms + other.swarms,
            work: self.work.saturating_add(other.work),
        }
    }
}

/// How far the sweep over the swarms of a family has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cursor {
    /// The last round is complete; the next begins at this time.
    Resting { until: Second },
    /// In a round that began at `since`: the next slot, and the next peer of its swarm.
    Sweeping { since: Second, slot: u32, peer: usize },
}

impl Cursor {
    pub(crate) const START: Self = Self::Resting { until: Second(0) };
}

/// The result of one step over a swarm.
#[derive(Debug, Clone, Copy)]
struct Sweep {
    looked_at: usize,
    removed: usize,
    removal_work: usize,
    /// Peer to continue with, if the swarm is not finished.
    next: Option<usize>,
}

impl Sweep {
    fn work(self) -> u32 {
        let work = self.looked_at / PEERS_PER_WORK + self.removal_work;
        u32::try_from(work).unwrap_or(u32::MAX)
    }
}

/// State shared by all steps of a turn.
#[derive(Debug)]
pub(crate) struct ExpiryTurn<'a> {
    pub(crate) now: Second,
    /// Units of work that the turn may still take.
    pub(crate) work: u32,
    pub(crate) empty: EmptySwarms,
    pub(crate) slabs: Slabs,
    pub(crate) shared: Shared<'a>,
}

/// What happens to swarms that have no peers, but a count of downloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EmptySwarms {
    /// They stay for [`crate::EMPTY_SWARM_KEPT_S`].
    Kept,
    /// They are removed because a limit is near.
    Dropped,
}

/// What happens to the slabs in a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slabs {
    Stay,
    /// Swarms move to the first chunks, because a lowered limit on memory is exceeded.
    Shrink,
}

impl<A: PeerReference> FamilySwarms<A> {
    /// Continues the sweep until the work of the turn is used up or the round is complete.
    pub(crate) fn expire(&mut self, mut turn: ExpiryTurn<'_>) -> Expired {
        let mut expired = Expired::default();
        let allowed = turn.work;
        let (since, mut slot, mut peer) = match self.cursor {
            Cursor::Resting { until } if turn.now < until => return expired,
            Cursor::Resting { .. } => (turn.now, 0, 0),
            Cursor::Sweeping { since, slot, peer } => (since, slot, peer),
        };
        while turn.work > 0 {
            if slot >= self.slab.slots() {
                self.cursor = Cursor::Resting { until: since.after(EXPIRY_ROUND_S_MIN) };
                return Expired { work: allowed - turn.work, ..expired };
            }
            if peer == 0 {
                self.prepare(&turn, slot + SLOTS_AHEAD);
            }
            let next = self.visit(&mut turn, slot, peer, &mut expired);
            (slot, peer) = next.map_or((slot + 1, 0), |peer| (slot, peer));
        }
        self.cursor = Cursor::Sweeping { since, slot, peer };
        Expired { work: allowed, ..expired }
    }

    /// Prefetches what a visit to a due swarm reads besides its entry: its peers, and its place in the directory.
    fn prepare(&self, turn: &ExpiryTurn<'_>, slot: u32) {
        let is_due =
            |swarm: &&Swarm<A>| swarm.occupancy == Occupancy::Occupied && swarm.earliest.is_expired(turn.now);
        if let Some(swarm) = self.slab.get(slot).filter(is_due) {
            swarm.prefetch_peers();
            self.directory.prefetch(turn.shared.hasher.key(&swarm.info_hash));
        }
    }

    /// Sweeps one swarm from `peer` on. Returns the peer to continue with, if it is not finished.
    fn visit(
        &mut self,
        turn: &mut ExpiryTurn<'_>,
        slot: u32,
        peer: usize,
        expired: &mut Expired,
    ) -> Option<usize> {
        turn.work = turn.work.saturating_sub(SWARM_VISIT_WORK);
        let swarm = self.slab.get_mut(slot).filter(|swarm| swarm.occupancy == Occupancy::Occupied)?;
        let is_due = swarm.earliest.is_expired(turn.now);
        if !is_due && turn.slabs == Slabs::Shrink && self.slab.has_room_before(slot) {
            self.move_forward(turn, slot);
            return None;
        }
        let swarm = self.slab.get_mut(slot)?;
        if swarm.peers() == 0 {
            if is_due || turn.empty == EmptySwarms::Dropped {
                self.forget_in(turn, slot, expired);
            }
            return None;
        }
        if !is_due {
            return None;
        }
        let before = swarm.counts();
        let mut upkeep = Upkeep { hasher: turn.shared.hasher, heap_bytes: &mut self.peer_bytes };
        let sweep = swarm.sweep(turn.now, peer, &mut upkeep);
        let after = swarm.counts();
        self.totals.note(before, after);
        turn.shared.note_peers(&swarm.info_hash, before, after);
        expired.peers += sweep.removed as u64;
        turn.work = turn.work.saturating_sub(sweep.work());
        if swarm.peers() == 0 {
            self.after_last_peer(turn, slot, expired);
            return None;
        }
        sweep.next
    }

    /// Moves a swarm to an earlier chunk, so that the last ones become empty and are freed.
    fn move_forward(&mut self, turn: &mut ExpiryTurn<'_>, slot: u32) {
        let key = turn.shared.hasher.key(&self.swarm(slot).info_hash);
        if let Some(to) = self.slab.relocate(slot) {
            self.directory.remove(key, slot);
            self.directory.insert(key, to);
        }
        turn.work = turn.work.saturating_sub(SWARM_REMOVAL_WORK);
    }

    fn after_last_peer(&mut self, turn: &mut ExpiryTurn<'_>, slot: u32, expired: &mut Expired) {
        let swarm = self.slab.get_mut(slot).expect(IN_USE);
        if swarm.counts().downloaded > 0 && turn.empty == EmptySwarms::Kept {
            swarm.keep_empty(turn.now);
        } else {
            self.forget_in(turn, slot, expired);
        }
    }

    fn forget_in(&mut self, turn: &mut ExpiryTurn<'_>, slot: u32, expired: &mut Expired) {
        self.forget(&mut turn.shared, slot);
        turn.work = turn.work.saturating_sub(SWARM_REMOVAL_WORK);
        expired.swarms += 1;
    }
}

impl<A: PeerReference> Swarm<A> {
    /// Removes the expired peers among the [`SWEEP_PEERS`] from `from` on, at most [`SWEEP_REMOVALS`].
    ///
    /// Only a sweep that sees all peers at once finds the earliest deadline. After a sweep in several steps the swarm
    /// stays due, because peers move between the steps. Such a swarm is big, so some peer of it is due at any time.
    fn sweep(&mut self, now: Second, from: usize, upkeep: &mut Upkeep<'_>) -> Sweep {
        let mut position = from;
        let mut removed = 0;
        let mut earliest: Option<Deadline> = None;
        let work_each = if self.storage.index().is_some() { INDEXED_REMOVAL_WORK } else { PEER_REMOVAL_WORK };
        while removed < SWEEP_REMOVALS {
            let Some(expired) = self.next_expired(now, position..from + SWEEP_PEERS, &mut earliest) else {
                position = from + SWEEP_PEERS;
                break;
            };
            self.remove(expired, upkeep);
            removed += 1;
            position = expired;
        }
        let is_through = position >= self.peers();
        self.earliest = earliest.filter(|_| from == 0 && is_through).unwrap_or_else(|| Deadline::passed(now));
        self.shrink(upkeep);
        let looked_at = position.min(self.peers()).saturating_sub(from);
        Sweep {
            looked_at,
            removed,
            removal_work: removed * work_each,
            next: (!is_through).then_some(position),
        }
    }

    /// Returns the first expired peer at `positions`. `earliest` is updated with the live ones before it.
    fn next_expired(
        &self,
        now: Second,
        positions: core::ops::Range<usize>,
        earliest: &mut Option<Deadline>,
    ) -> Option<usize> {
        let end = positions.end.min(self.peers());
        let deadlines = self.storage.columns().deadlines.get(positions.start..end)?;
        for (offset, &deadline) in deadlines.iter().enumerate() {
            if deadline.is_expired(now) {
                return Some(positions.start + offset);
            }
            *earliest = Some(earliest.map_or(deadline, |earliest| earliest.earlier(deadline)));
        }
        None
    }
}
