//! Which torrent is announced to which upstream tracker, when, and with which event. Nothing here waits: time is an argument.

mod announces;
mod entry;
mod queue;
mod torrent;
mod upstream_schedule;

use crate::announce::{Announces, UpstreamAnswer};
use crate::forwarder::{AddError, ForwarderSettings};
use crate::info::UpstreamInfo;
use crate::limits::{TORRENTS_AT_ONCE, UPSTREAMS_MAX};
use crate::upstream::Upstream;
use ::client::TrackerError;
use entry::Phase;
use fastrand::Rng;
use primitives::{AnnounceEvent, ExternalCounts, InfoHash, Representative, Second, ShardId};
use std::collections::{BTreeMap, HashSet};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use torrent::{Room, Torrent};
use upstream_schedule::{AddedBy, UpstreamSchedule};

/// Identifies an upstream tracker as long as it is neither removed nor replaced. Never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct UpstreamId(u32);

impl UpstreamId {
    /// Returns the number by which owners of torrents tell upstream trackers apart.
    pub(crate) const fn number(self) -> u16 {
        let [.., high, low] = self.0.to_be_bytes();
        u16::from_be_bytes([high, low])
    }
}

/// Creates the client of an upstream tracker, for that many requests at the same time.
pub(crate) type Connect = dyn Fn(&Upstream, usize) -> Arc<dyn Announces> + Send;

/// An announce that is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) upstream: UpstreamId,
    pub(crate) info_hash: InfoHash,
    pub(crate) owner: ShardId,
    pub(crate) event: AnnounceEvent,
    pub(crate) representative: Representative,
    /// Whether the owner is to be asked for another representative before.
    pub(crate) ask_owner: bool,
}

/// The end of an announce.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The answer, and how long it took.
    Answered(UpstreamAnswer, Duration),
    Failed(TrackerError),
    /// Nothing was sent: the owner knows no local peer.
    NoLocalPeers,
    /// Nothing was sent: the owner did not answer.
    OwnerBusy,
}

/// Which torrents are tried again at an upstream tracker, whatever it said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Retried {
    RefusedForever,
    /// Those that failed or were refused.
    Failed,
}

/// What follows for an upstream tracker.
pub(crate) enum Next {
    /// Let these torrents be tried again by [`Schedule::retry`].
    Retry(Retried),
    /// Announce this, and report the end to [`Schedule::end_announce`].
    Announce(Job, Arc<dyn Announces>),
    /// Wait for a notification, or until then.
    Wait(Option<Instant>),
    /// The upstream tracker is removed, or all is done at the end.
    End,
}

/// What the owner of a torrent is to be sent with the peers of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct External {
    pub(crate) counts: ExternalCounts,
    /// How long the counts live.
    pub(crate) counts_lifetime_s: u32,
    /// How long the peers live.
    pub(crate) lifetime_s: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Running,
    /// Torrents are stopped, and none are started any more.
    Ending,
    /// All torrents are stopped: after the announces of that, nothing is to be done.
    Stopped,
}

/// All torrents, all upstream trackers, and what is known of each torrent at each.
pub(crate) struct Schedule {
    settings: ForwarderSettings,
    connect: Box<Connect>,
    /// Second 0.
    start: Instant,
    rng: Rng,
    /// In an order, so that they can be handled in slices.
    torrents: BTreeMap<InfoHash, Torrent>,
    /// Torrents that have local peers. The cores limit their number.
    in_use: usize,
    /// In the order in which they were added.
    upstreams: BTreeMap<UpstreamId, UpstreamSchedule>,
    next_id: UpstreamId,
    stage: Stage,
}

impl Schedule {
    pub(crate) fn new(settings: ForwarderSettings, connect: Box<Connect>, rng: Rng, start: Instant) -> Self {
        Self {
            settings,
            connect,
            start,
            rng,
            torrents: BTreeMap::new(),
            in_use: 0,
            upstreams: BTreeMap::new(),
            next_id: UpstreamId::default(),
            stage: Stage::Running,
        }
    }

    /// Replaces the settings.
    pub(crate) fn use_settings(&mut self, settings: ForwarderSettings) {
        let before = std::mem::replace(&mut self.settings, settings);
        for known in self.upstreams.values_mut() {
            if settings.requests_max != before.requests_max {
                // Requests under way end with the old one.
                known.client = (self.connect)(&known.upstream, settings.requests_max);
            }
            known.use_settings(&settings);
        }
    }

    /// Returns how long an announce may take.
    pub(crate) const fn timeout(&self) -> Duration {
        self.settings.timeout
    }

    /// Returns the current second, rounded down.
    fn second(&self, now: Instant) -> Second {
        #[expect(clippy::cast_possible_truncation, reason = "136 years of uptime")]
        Second(now.saturating_duration_since(self.start).as_secs() as u32)
    }

    /// Replaces the upstream trackers of the file. Returns those that are new, or have changed in more than their name.
    pub(crate) fn use_file(&mut self, upstreams: Vec<Upstream>, now: Instant) -> Vec<UpstreamId> {
        let by_api = self.upstreams.values().filter(|known| known.added_by == AddedBy::Api);
        let mut names: HashSet<Arc<str>> = by_api.map(|known| Arc::clone(&known.upstream.name)).collect();
        let (mut kept, mut new) = (HashSet::new(), Vec::new());
        for mut upstream in upstreams {
            let known = self.upstreams.iter_mut().find(|(_, known)| known.upstream.uri == upstream.uri);
            if known.as_ref().is_some_and(|(_, known)| known.added_by == AddedBy::Api) {
                continue;
            }
            upstream.name = unique_name(&upstream.name, &names);
            names.insert(Arc::clone(&upstream.name));
            match known {
                Some((id, known)) if is_same_but_for_name(&known.upstream, &upstream) => {
                    known.upstream = upstream;
                    kept.insert(id.0);
                }
                _ => new.push(upstream),
            }
        }
        self.upstreams.retain(|id, known| {
            let stays = known.added_by == AddedBy::Api || kept.contains(&id.0);
            known.retry(Retried::RefusedForever);
            stays
        });
        let room = UPSTREAMS_MAX.saturating_sub(self.upstreams.len());
        if new.len() > room {
            let skipped = new.len() - room;
            tracing::warn!(skipped, "too many upstream trackers: the last ones of the file are not used");
            new.truncate(room);
        }
        new.into_iter().map(|upstream| self.insert(upstream, AddedBy::File, now)).collect()
    }

    /// Adds an upstream tracker for the management API.
    pub(crate) fn add(&mut self, upstream: Upstream, now: Instant) -> Result<UpstreamId, AddError> {
        if self.upstreams.len() >= UPSTREAMS_MAX {
            return Err(AddError::TooMany);
        }
        for known in self.upstreams.values().map(|known| &known.upstream) {
            if known.uri == upstream.uri {
                return Err(AddError::SameUri);
            }
            if known.name == upstream.name {
                return Err(AddError::SameName);
            }
        }
        Ok(self.insert(upstream, AddedBy::Api, now))
    }

    fn insert(&mut self, upstream: Upstream, added_by: AddedBy, now: Instant) -> UpstreamId {
        let id = self.next_id;
        self.next_id = UpstreamId(id.0 + 1);
        let client = (self.connect)(&upstream, self.settings.requests_max);
        self.upstreams.insert(id, UpstreamSchedule::new(upstream, added_by, client, &self.settings, now));
        id
    }

    fn named(&mut self, name: &str) -> Option<(UpstreamId, &mut UpstreamSchedule)> {
        let mut upstreams = self.upstreams.iter_mut();
        upstreams.find(|(_, known)| &*known.upstream.name == name).map(|(&id, known)| (id, known))
    }

    /// Removes an upstream tracker. Its torrents forget it by [`Self::forget`].
    pub(crate) fn remove(&mut self, name: &str) -> bool {
        let removed = self.named(name).map(|(id, _)| id).and_then(|id| self.upstreams.remove(&id));
        removed.inspect(|known| known.changed.notify_one()).is_some()
    }

    /// Ends announces to an upstream tracker until it is resumed.
    pub(crate) fn suspend(&mut self, name: &str) -> bool {
        self.named(name).map(|(_, known)| known.suspend()).is_some()
    }

    /// Allows announces to an upstream tracker at once, also of torrents that failed or were refused.
    pub(crate) fn resume(&mut self, name: &str) -> bool {
        self.named(name).map(|(_, known)| known.resume()).is_some()
    }

    /// Returns how many torrents may be handled at all upstream trackers without holding up others for long.
    pub(crate) fn torrents_at_once(&self) -> usize {
        TORRENTS_AT_ONCE.div_ceil(self.upstreams.len().max(1))
    }

    /// Returns the next torrents after one, or the first ones, to be handled together.
    pub(crate) fn info_hashes_after(&self, last: Option<InfoHash>, max: usize) -> Vec<InfoHash> {
        let after = last.map_or(Bound::Unbounded, Bound::Excluded);
        self.torrents.range((after, Bound::Unbounded)).take(max).map(|(&info_hash, _)| info_hash).collect()
    }

    /// Forgets failures and refusals at an upstream tracker: the torrents are due.
    pub(crate) fn retry(&mut self, id: UpstreamId, retried: Retried, info_hashes: &[InfoHash], now: Instant) {
        let now = self.second(now);
        let Some(upstream) = self.upstreams.get_mut(&id) else { return };
        for info_hash in info_hashes {
            let entry = self.torrents.get_mut(info_hash).and_then(|torrent| torrent.entry(id));
            if let Some(entry) = entry.filter(|entry| entry.is_retried(retried)) {
                entry.forgive();
                if entry.phase != Phase::InFlight {
                    upstream.place(entry, *info_hash, now);
                }
            }
        }
    }

    /// Lets torrents in use be announced to an upstream tracker that does not know them.
    pub(crate) fn start_all_at(&mut self, id: UpstreamId, info_hashes: &[InfoHash], now: Instant) {
        let now = self.second(now);
        let Some(upstream) = self.upstreams.get_mut(&id) else { return };
        for info_hash in info_hashes {
            if let Some(torrent) = self.torrents.get_mut(info_hash)
                && torrent.in_use
            {
                torrent.start_at(id, upstream, *info_hash, now);
            }
        }
    }

    /// Forgets what is known of torrents at an upstream tracker that was removed.
    pub(crate) fn forget(&mut self, id: UpstreamId, info_hashes: &[InfoHash]) {
        for info_hash in info_hashes {
            self.forget_entry(id, *info_hash);
        }
    }

    fn forget_entry(&mut self, id: UpstreamId, info_hash: InfoHash) {
        if let Some(torrent) = self.torrents.get_mut(&info_hash) {
            torrent.remove(id);
            if !torrent.is_needed() {
                self.torrents.remove(&info_hash);
            }
        }
    }

    /// Returns what is notified when there may be something to do for an upstream tracker.
    pub(crate) fn changed(&self, id: UpstreamId) -> Option<Arc<Notify>> {
        self.upstreams.get(&id).map(|known| Arc::clone(&known.changed))
    }

    fn notify_all(&self) {
        self.upstreams.values().for_each(|known| known.changed.notify_one());
    }

    /// Returns what operators see.
    pub(crate) fn infos(&self, now: Instant) -> Vec<UpstreamInfo> {
        self.upstreams.values().map(|known| known.info(self.in_use, self.second(now))).collect()
    }
}

fn is_same_but_for_name(old: &Upstream, new: &Upstream) -> bool {
    (&old.uri, old.announced_ip, &old.host) == (&new.uri, new.announced_ip, &new.host)
}

/// Returns the name, with a number if it is taken.
fn unique_name(name: &Arc<str>, taken: &HashSet<Arc<str>>) -> Arc<str> {
    let numbered = |number| Arc::from(format!("{name} ({number})"));
    if !taken.contains(name) {
        return Arc::clone(name);
    }
    (2..).map(numbered).find(|name| !taken.contains(name)).unwrap_or_else(|| Arc::clone(name))
}
