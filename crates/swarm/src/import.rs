//! The import of swarms, and of changes of swarms.

use crate::announce::SwarmCounts;
use crate::deadline::Deadline;
use crate::directory::SwarmKey;
use crate::family::{FamilySwarms, IN_USE, Moment};
use crate::limits::{EMPTY_SWARM_KEPT_S, PEER_LIFETIME_S_MAX, RECORDS_TOGETHER};
use crate::records::{Record, RecordHead, RecordKind};
use crate::shard::{PeerOfSwarm, Swarms};
use crate::swarm::{Swarm, Upkeep};
use primitives::{
    ClockShift, CompactIpv4, CompactIpv6, ImportVerdict, Imported, InfoHash, PeerReference, PeerStatus,
    Second, StatePage, SwarmFamily, WebRtcPeer,
};

/// The rules for what is imported, and who takes note of it.
pub trait ImportRules {
    /// Returns what becomes of a torrent's swarms.
    fn verdict(&mut self, info_hash: &InfoHash) -> ImportVerdict;

    /// Takes note that a swarm of the torrent has its first peers.
    fn note_first_peers(&mut self, info_hash: &InfoHash);
}

/// Without an interest in first peers.
impl<F: FnMut(&InfoHash) -> ImportVerdict> ImportRules for F {
    fn verdict(&mut self, info_hash: &InfoHash) -> ImportVerdict {
        self(info_hash)
    }

    fn note_first_peers(&mut self, _: &InfoHash) {}
}

/// Translates the deadlines of a page to the clock of the importing core.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageClock {
    now: Second,
    exported: Second,
    /// Seconds from now to the time of the export.
    ahead_s: i64,
    /// The deadline of a peer that was heard when clients began to be served, if they are.
    served: Option<Deadline>,
}

/// A peer of a record.
#[derive(Debug, Clone, Copy)]
struct ImportedPeer<A> {
    reference: A,
    status: PeerStatus,
    deadline: Deadline,
    /// The deadline rounded down: the peer may have been heard that early.
    earliest: Deadline,
}

impl PageClock {
    pub(crate) fn new(now: Second, exported: Second, shift: ClockShift, served: Option<Deadline>) -> Self {
        Self { now, exported, ahead_s: shift.ahead_s(exported, now), served }
    }

    /// Returns whether a live peer with this deadline may have been heard by this core.
    fn is_own(&self, known: Deadline) -> bool {
        self.served.is_some_and(|served| !known.is_before(served))
    }

    /// Returns a deadline with its flags by the clock of this core. `None` if it has passed.
    fn translate(&self, deadline: Deadline) -> Option<Deadline> {
        let ahead_s = self.left_s(deadline)?;
        Some(Deadline::after(self.now, ahead_s).with_flags_of(deadline))
    }

    /// Returns the seconds until a deadline. `None` if it has passed.
    fn left_s(&self, deadline: Deadline) -> Option<u32> {
        let ahead_s = i64::from(deadline.ahead_s(self.exported)).saturating_add(self.ahead_s);
        let left_s = u32::try_from(ahead_s).ok().filter(|&left_s| left_s > 0)?;
        Some(left_s.min(PEER_LIFETIME_S_MAX))
    }
}

impl<A: PeerReference> Record<'_, A> {
    /// Returns the peers whose lifetime has not passed.
    fn live_peers<'b>(&'b self, clock: &'b PageClock) -> impl Iterator<Item = ImportedPeer<A>> + 'b {
        let peers = self.references.iter().zip(self.deadlines).enumerate();
        peers.filter_map(|(place, (&reference, &deadline))| {
            let status = if place < self.seeders { PeerStatus::Seeder } else { PeerStatus::Leecher };
            let earliest = Deadline::passed(clock.now.after(clock.left_s(deadline)?));
            Some(ImportedPeer { reference, status, deadline: clock.translate(deadline)?, earliest })
        })
    }

    /// Returns until when the swarm is kept for its downloads, if it has no live peers.
    fn kept_until(&self, clock: &PageClock) -> Option<Deadline> {
        match (self.downloaded, self.references.len()) {
            (0, _) => None,
            (_, 0) => clock.translate(self.kept_until),
            _ => Some(Deadline::after(clock.now, EMPTY_SWARM_KEPT_S)),
        }
    }
}

impl Swarms {
    /// Imports the swarms of a page, as far as `rules` admit their torrents and the limits have room. Nothing gives way.
    /// The limit on the peers of one host does not apply, nor do the limits of sources: the exporting core has applied them. A
    /// peer that has been heard here after the page was made stays as it is.
    ///
    /// A malformed record ends the page.
    pub fn import(
        &mut self,
        now: Second,
        page: &StatePage,
        shift: ClockShift,
        mut rules: impl ImportRules,
    ) -> Imported {
        let clock = PageClock::new(now, page.exported, shift, self.served);
        let (mut imported, mut left) = (Imported::default(), page.swarms.as_slice());
        while let Some(family) = RecordHead::family(left) {
            let (of_run, rest) = match family {
                SwarmFamily::V4 => self.import_run::<CompactIpv4>(&clock, left, &mut rules),
                SwarmFamily::V6 => self.import_run::<CompactIpv6>(&clock, left, &mut rules),
                SwarmFamily::WebRtc => self.import_run::<WebRtcPeer>(&clock, left, &mut rules),
            };
            if rest.len() == left.len() {
                break;
            }
            imported = imported.plus(of_run);
            left = rest;
        }
        Imported { malformed_bytes: left.len() as u64, ..imported }
    }

    /// Imports the first records of `bytes` that are well-formed and of this family, as many as are looked up together. Returns the
    /// bytes after them.
    fn import_run<'a, A: PeerOfSwarm>(
        &mut self,
        clock: &PageClock,
        bytes: &'a [u8],
        rules: &mut impl ImportRules,
    ) -> (Imported, &'a [u8]) {
        let mut left = bytes;
        let run: [Option<Record<'a, A>>; RECORDS_TOGETHER] = core::array::from_fn(|_| {
            let (record, rest) = Record::read(left)?;
            left = rest;
            Some(record)
        });
        self.look_up(&run);
        let records = run.iter().flatten().map(|record| self.import_record(clock, record, rules));
        (records.fold(Imported::default(), Imported::plus), left)
    }

    /// Prefetches the swarms of records, each step for all of them, so that its cache misses overlap.
    fn look_up<A: PeerOfSwarm>(&self, run: &[Option<Record<'_, A>>; RECORDS_TOGETHER]) {
        let keys = run.each_ref().map(|record| {
            let key = self.key(&record.as_ref()?.info_hash);
            self.prefetch_directory::<A>(key);
            Some(key)
        });
        let hints = keys.map(|key| self.find::<A>(key?).inspect(|&hint| self.prefetch_swarm(hint)));
        hints.into_iter().flatten().for_each(|hint| self.prefetch_peers(hint));
    }

    fn import_record<A: PeerOfSwarm>(
        &mut self,
        clock: &PageClock,
        record: &Record<'_, A>,
        rules: &mut impl ImportRules,
    ) -> Imported {
        if record.kind == RecordKind::Dropped {
            self.drop_torrent(&record.info_hash);
            return Imported::default();
        }
        let (family, shared) = A::parts(self);
        let mut moment = Moment { now: clock.now, shared };
        match (record.kind, rules.verdict(&record.info_hash)) {
            (RecordKind::Kept | RecordKind::Completed, ImportVerdict::Import) => {
                family.import(&mut moment, clock, record, rules)
            }
            (RecordKind::Kept | RecordKind::Completed, ImportVerdict::NotServed) => {
                Imported { refused: 1, ..Imported::default() }
            }
            (RecordKind::Gone, ImportVerdict::Import) => {
                family.import_gone(&mut moment, clock, record);
                Imported::default()
            }
            _ => Imported::default(),
        }
    }
}

impl<A: PeerReference> FamilySwarms<A> {
    /// Adds the swarm of a record, or what the record has of it, as far as there is room. No other swarm gives way.
    pub(crate) fn import(
        &mut self,
        moment: &mut Moment<'_>,
        clock: &PageClock,
        record: &Record<'_, A>,
        rules: &mut impl ImportRules,
    ) -> Imported {
        let live = record.live_peers(clock).count() as u64;
        let mut imported = Imported { expired: record.references.len() as u64 - live, ..Imported::default() };
        let key = moment.shared.hasher.key(&record.info_hash);
        let kept_until = record.kept_until(clock);
        let slot = match self.locate(key, &record.info_hash) {
            None if live == 0 && kept_until.is_none() => return imported,
            found => found.or_else(|| self.create_imported(moment, key, record, live)),
        };
        let Some(slot) = slot else {
            imported.refused = 1 + live;
            return imported;
        };
        let before = self.swarm(slot).counts();
        imported.peers = self.import_peers(moment, slot, clock, record);
        self.note_imported(moment, slot, before);
        let swarm = self.slab.get_mut(slot).expect(IN_USE);
        if record.kind == RecordKind::Completed && clock.served.is_some() {
            // Both cores count, and only changes come, each once.
            swarm.count_download();
        }
        swarm.raise_downloads(record.downloaded);
        imported.refused = live - imported.peers;
        imported.swarms = 1;
        if swarm.peers() == 0 {
            self.leave_imported_empty(moment, slot, kept_until);
        } else if !before.has_peers() {
            rules.note_first_peers(&record.info_hash);
        }
        imported
    }

    /// Returns the slot of a new swarm for the live peers of a record, if there is room for a swarm.
    fn create_imported(
        &mut self,
        moment: &mut Moment<'_>,
        key: SwarmKey,
        record: &Record<'_, A>,
        live: u64,
    ) -> Option<u32> {
        self.room_for_swarm(&moment.shared).ok()?;
        let slot = self.create(moment, key, record.info_hash);
        self.reserve(moment, slot, live);
        Some(slot)
    }

    /// Keeps a swarm without peers for its downloads, or removes it if it has none.
    fn leave_imported_empty(&mut self, moment: &mut Moment<'_>, slot: u32, kept_until: Option<Deadline>) {
        let swarm = self.slab.get_mut(slot).expect(IN_USE);
        match kept_until {
            Some(until) => swarm.earliest = until,
            None if swarm.counts().downloaded == 0 => self.forget(&mut moment.shared, slot),
            None => {}
        }
    }

    /// Adds or updates the live peers of a record. Returns how many the swarm has afterwards.
    fn import_peers(
        &mut self,
        moment: &mut Moment<'_>,
        slot: u32,
        clock: &PageClock,
        record: &Record<'_, A>,
    ) -> u64 {
        let mut room = self.room_for_imported(&moment.shared, slot);
        let mut imported = 0;
        for peer in record.live_peers(clock) {
            let hasher = moment.shared.hasher;
            let found = self.swarm(slot).find(hasher, &peer.reference);
            if found.is_none() {
                if room == 0 || !self.has_block_for_imported(&moment.shared, slot) {
                    continue;
                }
                room -= 1;
            }
            let mut upkeep = Upkeep { hasher, heap_bytes: &mut self.peer_bytes };
            self.slab.get_mut(slot).expect(IN_USE).import_peer(clock, found, &peer, &mut upkeep);
            imported += 1;
        }
        imported
    }

    /// Removes the peers of a record, except those that have been heard after it.
    pub(crate) fn import_gone(&mut self, moment: &mut Moment<'_>, clock: &PageClock, record: &Record<'_, A>) {
        let hasher = moment.shared.hasher;
        let Some(slot) = self.locate(hasher.key(&record.info_hash), &record.info_hash) else { return };
        let swarm = self.slab.get_mut(slot).expect(IN_USE);
        let before = swarm.counts();
        let mut upkeep = Upkeep { hasher, heap_bytes: &mut self.peer_bytes };
        for peer in record.live_peers(clock) {
            if let Some(position) = swarm.find(hasher, &peer.reference)
                && !swarm.was_heard_after(clock, position, &peer)
            {
                swarm.take_out(position, &mut upkeep);
            }
        }
        self.note_imported(moment, slot, before);
        if before.has_peers() && self.swarm(slot).peers() == 0 {
            self.leave_empty(moment, slot);
        }
    }

    /// Updates the totals after an import. Imported downloads are no completed events of this process.
    fn note_imported(&mut self, moment: &mut Moment<'_>, slot: u32, before: SwarmCounts) {
        let swarm = self.swarm(slot);
        let (info_hash, after) = (swarm.info_hash, swarm.counts());
        self.totals.note(before, after);
        moment.shared.note_peers(&info_hash, before, after);
    }
}

impl<A: PeerReference> Swarm<A> {
    /// Adds a peer, or updates the one at the position `found` unless it has been heard later.
    fn import_peer(
        &mut self,
        clock: &PageClock,
        found: Option<usize>,
        peer: &ImportedPeer<A>,
        upkeep: &mut Upkeep<'_>,
    ) {
        let &ImportedPeer { reference, status, deadline, .. } = peer;
        let position = match found {
            Some(position) if self.was_heard_after(clock, position, peer) => return,
            Some(position) => self.set_status(position, status, upkeep),
            None => self.push(reference, status, upkeep),
        };
        self.keep_until(clock.now, position, deadline);
    }

    /// Whether the peer at `position` is alive and has been heard after the imported one. In doubt, because times are rounded, it
    /// has if this core heard it.
    fn was_heard_after(&self, clock: &PageClock, position: usize, peer: &ImportedPeer<A>) -> bool {
        let known = self.storage.columns().deadlines[position];
        let is_later = peer.deadline.is_before(known);
        let may_be_later = !known.is_before(peer.earliest);
        !known.is_expired(clock.now) && (is_later || may_be_later && clock.is_own(known))
    }
}
