//! The state of a shard, exported to another shard or process, and imported from one.

use super::forwarding::Forwarding;
use super::ownership::Ownership;
use super::state::Shard;
use crate::limits::IMPORT_EXPIRY_WORK;
use crate::now::Now;
use access::Access;
use primitives::{
    ChangesLost, ClockShift, CompactIpv4, CompactIpv6, ExportPlace, ExportedPage, ImportVerdict, Imported,
    InfoHash, StatePage, WebRtcPeer,
};
use swarm::ImportRules;

/// A kind of state, in the order in which they are exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Sessions,
    V4Swarms,
    V6Swarms,
    WebRtcSwarms,
}

/// Decides which torrents are imported, and has their peers forwarded.
struct TorrentRules<'a> {
    access: &'a Access,
    ownership: &'a Ownership,
    forwarding: Option<&'a mut Forwarding>,
}

impl ImportRules for TorrentRules<'_> {
    fn verdict(&mut self, info_hash: &InfoHash) -> ImportVerdict {
        if !self.ownership.owns(info_hash) {
            ImportVerdict::NotOwned
        } else if self.access.torrent(info_hash).is_err() {
            ImportVerdict::NotServed
        } else {
            ImportVerdict::Import
        }
    }

    fn note_first_peers(&mut self, info_hash: &InfoHash) {
        if let Some(forwarding) = &mut self.forwarding {
            forwarding.note_imported(info_hash);
        }
    }
}

impl Part {
    // Where there are sessions, they have more pages than the swarms, and fewer changes are recorded if most pages come first.
    const ALL: [Self; 4] = [Self::Sessions, Self::V4Swarms, Self::V6Swarms, Self::WebRtcSwarms];
}

const _: () = assert!(matches!(Part::ALL[ExportPlace::SWARMS.part as usize], Part::V4Swarms));

impl Shard {
    /// Returns a page of the state. It takes tens of microseconds, or a few milliseconds for a swarm of a million peers.
    ///
    /// A place that does not exist has an empty page, which is the last.
    #[must_use]
    pub fn export(&mut self, now: Now, place: ExportPlace) -> ExportedPage {
        let (number, from, now) = (usize::from(place.part), place.next, now.monotonic);
        let mut page = StatePage { exported: now, ..StatePage::default() };
        let (swarms, out) = (&mut self.swarms, &mut page.swarms);
        let next = match Part::ALL.get(number) {
            Some(Part::V4Swarms) => swarms.export::<CompactIpv4>(now, from, out),
            Some(Part::V6Swarms) => swarms.export::<CompactIpv6>(now, from, out),
            Some(Part::WebRtcSwarms) => swarms.export::<WebRtcPeer>(now, from, out),
            Some(Part::Sessions) => self.access.export_sessions(from, &mut page.sessions),
            None => None,
        };
        let next = match next {
            Some(next) => Some(ExportPlace { part: place.part, next }),
            None if number + 1 < Part::ALL.len() => Some(ExportPlace { part: place.part + 1, next: 0 }),
            None => None,
        };
        ExportedPage { page, next }
    }

    /// Returns the changes recorded since they were taken last, and a page of the state after them. Imported in this order, they
    /// and what follows are complete: what has changed before is in one of the two, and later changes are recorded.
    ///
    /// # Errors
    /// As [`Self::take_changes`].
    pub fn export_changing(
        &mut self,
        now: Now,
        place: ExportPlace,
    ) -> Result<(StatePage, ExportedPage), ChangesLost> {
        Ok((self.take_changes(now)?, self.export(now, place)))
    }

    /// Begins to record changes of swarms and sessions that are exported from now on. What was recorded is discarded.
    pub fn record_changes(&mut self) {
        self.swarms.record_changes();
        self.access.record_session_changes();
    }

    /// Discards what was recorded, and records no more.
    pub fn forget_changes(&mut self) {
        self.swarms.forget_changes();
        self.access.forget_session_changes();
    }

    /// Takes the changes recorded since the last call.
    ///
    /// # Errors
    /// If they were not recorded, or were more than the shard may hold. Then they are not recorded any more.
    pub fn take_changes(&mut self, now: Now) -> Result<StatePage, ChangesLost> {
        let taken = self.swarms.take_changes().and_then(|swarms| {
            let sessions = self.access.take_session_changes()?;
            Ok(StatePage { exported: now.monotonic, swarms, sessions })
        });
        if taken.is_err() {
            self.forget_changes();
        }
        taken
    }

    /// Takes note that clients are served from `now` on: what is imported afterwards may be older than what they announced here.
    pub fn serve(&mut self, now: Now) {
        self.swarms.serve(now.monotonic);
    }

    /// Imports a page, as far as its torrents are owned and served. Expired peers make room for it.
    pub fn import(&mut self, now: Now, page: &StatePage, shift: ClockShift) -> Imported {
        self.expire(now, IMPORT_EXPIRY_WORK);
        let Self { swarms, access, ownership, forwarding, .. } = self;
        let rules = TorrentRules { access, ownership, forwarding: forwarding.as_mut() };
        let swarms = swarms.import(now.monotonic, page, shift, rules);
        let sessions =
            access.import_sessions(now.monotonic, page, shift, |info_hash| ownership.owns(info_hash));
        swarms.plus(sessions)
    }
}
