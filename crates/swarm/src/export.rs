//! The export of swarms, and the records of what changes meanwhile.

use crate::announce::{Completion, PeerChange};
use crate::deadline::Deadline;
use crate::family::FamilySwarms;
use crate::limits::{CHANGES_BYTES_MAX, EXPORT_PAGE_BYTES, EXPORT_S_MAX, PAGE_PLACES_MAX, SLOTS_AHEAD};
use crate::records::{RecordKind, has_exported_peers};
use crate::shard::{PeerOfSwarm, Swarms};
use crate::swarm::{Occupancy, Placed, Swarm};
use primitives::{ChangeLog, ChangesLost, PeerReference, Second};

impl Swarms {
    /// Appends records of the swarms of one family to `out`, from the slot `from` on: about 64 KiB, or one swarm if it takes
    /// more. Returns the slot to continue with, if there are more.
    ///
    /// A swarm that exists throughout an export is exported once. What changes after its page is in the
    /// [changes](Self::take_changes).
    pub fn export<A: PeerOfSwarm>(&mut self, now: Second, from: u32, out: &mut Vec<u8>) -> Option<u32> {
        self.still_until = now.after(EXPORT_S_MAX);
        let (family, _) = A::parts(self);
        let next = family.export(now, from, out);
        family.exported = family.exported.max(next.unwrap_or(u32::MAX));
        next
    }

    /// Begins to record changes of swarms whose page is exported from now on. Until then, a change is in the page. What was recorded is
    /// discarded.
    ///
    /// Recorded is what clients and the operator do: peers that are added, heard, changed, stopped, or give way to others, and
    /// all torrents that are dropped. Peers that expire do so wherever they were imported too.
    pub fn record_changes(&mut self) {
        self.changes = ChangeLog::on(CHANGES_BYTES_MAX);
        (self.v4.exported, self.v6.exported, self.web_rtc.exported) = (0, 0, 0);
    }

    /// Discards what was recorded, and records no more.
    pub fn forget_changes(&mut self) {
        self.changes = ChangeLog::Off;
    }

    /// Takes the records of the changes since the last call.
    ///
    /// # Errors
    /// If they were not recorded, or were more than the shard may hold. Then they are not recorded any more.
    pub fn take_changes(&mut self) -> Result<Vec<u8>, ChangesLost> {
        self.changes.take()
    }
}

impl<A: PeerReference> FamilySwarms<A> {
    /// Appends records of the swarms from a slot on. Returns the slot to continue with, if there are more.
    pub(crate) fn export(&self, now: Second, from: u32, out: &mut Vec<u8>) -> Option<u32> {
        for slot in from..self.slab.slots() {
            if out.len() >= EXPORT_PAGE_BYTES || slot - from == PAGE_PLACES_MAX {
                return Some(slot);
            }
            if let Some(ahead) = slot.checked_add(SLOTS_AHEAD).and_then(|ahead| self.slab.get(ahead)) {
                ahead.prefetch_peers();
            }
            let swarm = self.slab.get(slot).filter(|swarm| swarm.occupancy == Occupancy::Occupied);
            if let Some(swarm) = swarm {
                swarm.write(now, out);
            }
        }
        None
    }

    /// Whether changes of the swarm in a slot are recorded.
    pub(crate) const fn is_recorded(&self, slot: u32, changes: &ChangeLog) -> bool {
        changes.is_on() && slot < self.exported
    }
}

impl<A: PeerReference> Swarm<A> {
    /// Records what an announce did.
    pub(crate) fn record_placed(&self, now: Second, placed: &Placed, changes: &mut ChangeLog) {
        let position = match placed.change {
            PeerChange::Added | PeerChange::Refreshed | PeerChange::Early => placed.position,
            _ => None,
        };
        if has_exported_peers::<A>()
            && let Some(position) = position
        {
            let deadline = self.storage.columns().deadlines[position];
            let kind = match placed.completion {
                Completion::Counted => RecordKind::Completed,
                Completion::NotCounted => RecordKind::Kept,
            };
            changes.record(|out| self.write_peer(now, kind, (position, deadline), out));
        } else if placed.completion == Completion::Counted {
            changes.record(|out| self.write_downloads(now, out));
        }
    }

    /// Records that the peer at `position` is removed. `heard_until` is the deadline of an announce that ends it.
    pub(crate) fn record_gone(
        &self,
        now: Second,
        position: usize,
        heard_until: Option<Deadline>,
        changes: &mut ChangeLog,
    ) {
        if !has_exported_peers::<A>() {
            return;
        }
        let known = self.storage.columns().deadlines[position];
        let deadline = heard_until.map_or(known, |heard_until| heard_until.later(known));
        changes.record(|out| self.write_peer(now, RecordKind::Gone, (position, deadline), out));
    }

    /// Records that all peers of the swarm are removed.
    pub(crate) fn record_all_gone(&self, now: Second, changes: &mut ChangeLog) {
        (0..self.peers()).for_each(|position| self.record_gone(now, position, None, changes));
    }
}
