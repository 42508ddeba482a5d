use super::entry::{Entry, Phase};
use super::{UpstreamId, UpstreamSchedule};
use crate::limits::REPRESENTATIVE_S_MAX;
use primitives::{ExternalCounts, InfoHash, Representative, Second, ShardId};
use std::collections::BTreeMap;

/// Whether there is room for what is known of another torrent that is not in use, beyond what the next announce needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    Left,
    None,
}

/// A torrent that has local peers, or had some and upstream trackers still have to learn that they are gone, or must not be asked
/// for it again yet.
#[derive(Debug)]
pub(crate) struct Torrent {
    pub(crate) owner: ShardId,
    pub(crate) representative: Representative,
    /// When the representative was chosen.
    chosen: Second,
    /// Whether it has local peers.
    pub(crate) in_use: bool,
    pub(crate) entries: Vec<Entry>,
}

impl Torrent {
    /// Creates a torrent that is not in use yet.
    pub(crate) const fn new(owner: ShardId, representative: Representative, chosen: Second) -> Self {
        Self { owner, representative, chosen, in_use: false, entries: Vec::new() }
    }

    pub(crate) const fn set_representative(&mut self, representative: Representative, chosen: Second) {
        (self.representative, self.chosen) = (representative, chosen);
    }

    /// Returns whether the representative can be announced without a question to the owner.
    pub(crate) const fn is_representative_fresh(&self, now: Second) -> bool {
        now.0.saturating_sub(self.chosen.0) < REPRESENTATIVE_S_MAX
    }

    pub(crate) fn entry(&mut self, upstream: UpstreamId) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.upstream == upstream)
    }

    /// Returns whether it needs an announce to an upstream tracker, at some time.
    pub(crate) fn needs_announce(&self, upstream: UpstreamId) -> bool {
        let entry = self.entries.iter().find(|entry| entry.upstream == upstream);
        entry.is_some_and(|entry| entry.event(self.in_use).is_some())
    }

    /// Lets the torrent be announced to an upstream tracker, at once if it is new there. A `stopped` that waits there is
    /// cancelled.
    pub(crate) fn start_at(
        &mut self,
        id: UpstreamId,
        upstream: &mut UpstreamSchedule,
        info_hash: InfoHash,
        now: Second,
    ) {
        if let Some(entry) = self.entry(id) {
            if matches!(entry.phase, Phase::Queued { .. }) {
                upstream.place(entry, info_hash, entry.regular.max(now));
            }
            return;
        }
        let mut entry = Entry::new(id);
        upstream.place(&mut entry, info_hash, now);
        self.entries.push(entry);
    }

    /// Keeps the entries that are needed though the torrent is not in use.
    pub(crate) fn settle(
        &mut self,
        upstreams: &mut BTreeMap<UpstreamId, UpstreamSchedule>,
        info_hash: InfoHash,
        now: Second,
        room: Room,
    ) {
        self.entries.retain_mut(|entry| {
            let upstream = upstreams.get_mut(&entry.upstream);
            upstream.is_some_and(|upstream| upstream.stop(entry, info_hash, now, room))
        });
    }

    pub(crate) fn remove(&mut self, upstream: UpstreamId) {
        self.entries.retain(|entry| entry.upstream != upstream);
    }

    /// Returns whether anything has to be remembered of it.
    pub(crate) const fn is_needed(&self) -> bool {
        self.in_use || !self.entries.is_empty()
    }

    /// Returns the largest of the fresh counts of all upstream trackers, and when the last of them is to be forgotten.
    pub(crate) fn counts(&self, now: Second) -> (ExternalCounts, Second) {
        let fresh = self.entries.iter().filter(|entry| entry.counts_expire > now);
        fresh.fold((ExternalCounts::default(), now), |(largest, expire), entry| {
            let seeders = largest.seeders.max(entry.counts.seeders);
            let leechers = largest.leechers.max(entry.counts.leechers);
            (ExternalCounts { seeders, leechers }, expire.max(entry.counts_expire))
        })
    }
}
