use super::{External, Job, Next, Outcome, Phase, Room, Schedule, Stage, Torrent, UpstreamId};
use crate::backoff::later;
use crate::limits::{BACKOFF_FIRST_S, INTERVAL_S_MAX, INTERVAL_S_MIN, TORRENTS_AT_ONCE};
use primitives::{AnnounceEvent, InfoHash, Representative, Second, ShardId, SwarmChange};
use std::mem;
use std::time::Duration;
use tokio::time::Instant;

/// From changes of torrents to announces and their results.
impl Schedule {
    /// Takes note of what cores reported, until the end.
    pub(crate) fn note(&mut self, changes: Vec<(ShardId, SwarmChange)>, now: Instant) {
        if self.is_ending() {
            return;
        }
        let now = self.second(now);
        for (owner, change) in changes {
            match change {
                SwarmChange::Started(info_hash, representative) => {
                    self.start_torrent(owner, info_hash, representative, now);
                }
                SwarmChange::Completed(info_hash, representative) => {
                    self.complete_torrent(info_hash, representative, now);
                }
                SwarmChange::Stopped(info_hash) => self.stop_torrent(info_hash, now),
            }
        }
        self.notify_all();
    }

    fn start_torrent(
        &mut self,
        owner: ShardId,
        info_hash: InfoHash,
        representative: Representative,
        now: Second,
    ) {
        let new = || Torrent::new(owner, representative, now);
        let torrent = self.torrents.entry(info_hash).or_insert_with(new);
        torrent.set_representative(representative, now);
        if !mem::replace(&mut torrent.in_use, true) {
            self.in_use += 1;
            torrent.entries.reserve_exact(self.upstreams.len().saturating_sub(torrent.entries.len()));
            for (&id, upstream) in &mut self.upstreams {
                torrent.start_at(id, upstream, info_hash, now);
            }
        }
    }

    fn complete_torrent(&mut self, info_hash: InfoHash, representative: Representative, now: Second) {
        let Some(torrent) = self.torrents.get_mut(&info_hash).filter(|torrent| torrent.in_use) else {
            return;
        };
        torrent.set_representative(representative, now);
        for entry in &mut torrent.entries {
            if let Some(due) = entry.complete(now)
                && let Some(upstream) = self.upstreams.get_mut(&entry.upstream)
            {
                upstream.place(entry, info_hash, due);
            }
        }
    }

    fn stop_torrent(&mut self, info_hash: InfoHash, now: Second) {
        let Some(torrent) = self.torrents.get_mut(&info_hash) else { return };
        self.in_use -= usize::from(mem::take(&mut torrent.in_use));
        self.settle(info_hash, now);
    }

    /// Sends `stopped` for a torrent that is not in use, where that is needed, and forgets it elsewhere.
    fn settle(&mut self, info_hash: InfoHash, now: Second) {
        let has_room = !self.is_ending() && self.torrents.len() - self.in_use <= self.settings.torrents_max;
        let room = if has_room { Room::Left } else { Room::None };
        let Some(torrent) = self.torrents.get_mut(&info_hash) else { return };
        torrent.settle(&mut self.upstreams, info_hash, now, room);
        if !torrent.is_needed() {
            self.torrents.remove(&info_hash);
        }
    }

    /// Begins the end: no torrent is started any more, and all are to be handled by [`Self::stop_all`].
    pub(crate) const fn begin_end(&mut self) {
        self.stage = Stage::Ending;
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.stage != Stage::Running
    }

    /// Stops torrents at the end.
    pub(crate) fn stop_all(&mut self, info_hashes: &[InfoHash], now: Instant) {
        let now = self.second(now);
        info_hashes.iter().for_each(|&info_hash| self.stop_torrent(info_hash, now));
        self.notify_all();
    }

    /// Takes note that all torrents are stopped.
    pub(crate) fn finish_end(&mut self) {
        self.stage = Stage::Stopped;
        self.notify_all();
    }

    /// Returns what follows for an upstream tracker.
    pub(crate) fn next(&mut self, id: UpstreamId, now: Instant) -> Next {
        if let Some(retried) = self.upstreams.get_mut(&id).and_then(|upstream| upstream.retried.take()) {
            return Next::Retry(retried);
        }
        self.advance(id, self.second(now));
        let possible_from = self.upstreams.get(&id).and_then(|upstream| upstream.possible_from(self.start));
        if possible_from.is_some_and(|possible| possible <= now)
            && let Some(job) = self.pop_job(id, now)
        {
            return self.begin_announce(id, job, now);
        }
        let Some(upstream) = self.upstreams.get(&id) else { return Next::End };
        if self.stage == Stage::Stopped && upstream.has_ended(self.second(now)) {
            return Next::End;
        }
        let takes_more = upstream.takes_more(self.second(now), self.settings.waiting_max);
        let possible_from = possible_from.filter(|_| upstream.queue.waiting() > 0);
        let due = upstream.queue.next_due().filter(|_| takes_more);
        let due = due.map(|due| self.start + Duration::from_secs(due.0.into()));
        Next::Wait(possible_from.into_iter().chain(due).min())
    }

    /// Removes torrents from the queue until one needs an announce, or other tasks are to have their turn.
    fn pop_job(&mut self, id: UpstreamId, now: Instant) -> Option<Job> {
        for _ in 0..TORRENTS_AT_ONCE {
            let info_hash = self.upstreams.get_mut(&id)?.queue.pop()?;
            if let Some(job) = self.job(id, info_hash, now) {
                return Some(job);
            }
        }
        None
    }

    /// Lets torrents that are due wait for their upstream tracker, sheds them, or forgets what was only remembered until then.
    fn advance(&mut self, id: UpstreamId, now: Second) {
        let waiting_max = self.settings.waiting_max;
        for _ in 0..TORRENTS_AT_ONCE {
            let Some(upstream) = self.upstreams.get_mut(&id) else { return };
            if !upstream.takes_more(now, waiting_max) {
                return;
            }
            let Some((due, info_hash)) = upstream.queue.pop_due(now) else { return };
            if !self.torrents.get(&info_hash).is_some_and(|torrent| torrent.needs_announce(id)) {
                self.forget_entry(id, info_hash);
            } else if upstream.queue.waiting() < waiting_max {
                upstream.queue.wait(due, info_hash);
            } else {
                upstream.figures.shed += 1;
                self.shed(id, info_hash, now);
            }
        }
    }

    /// Puts off a torrent that was removed from the queue, or forgets that `stopped` was to be sent: the upstream tracker forgets our
    /// peer by itself.
    fn shed(&mut self, id: UpstreamId, info_hash: InfoHash, now: Second) {
        let torrent = self.torrents.get_mut(&info_hash).filter(|torrent| torrent.in_use);
        if let Some(entry) = torrent.and_then(|torrent| torrent.entry(id))
            && let Some(upstream) = self.upstreams.get_mut(&id)
        {
            let part_s = self.rng.u32(0..upstream.interval_s());
            upstream.place(entry, info_hash, later(now, part_s));
        } else {
            self.forget_entry(id, info_hash);
        }
    }

    /// Returns the announce of a torrent that was removed from the queue, if it still needs one.
    fn job(&mut self, id: UpstreamId, info_hash: InfoHash, now: Instant) -> Option<Job> {
        let now = self.second(now);
        let torrent = self.torrents.get_mut(&info_hash)?;
        let (owner, in_use, mut representative) = (torrent.owner, torrent.in_use, torrent.representative);
        let is_fresh = torrent.is_representative_fresh(now);
        let entry = torrent.entry(id)?;
        let Some(event) = entry.event(in_use) else {
            self.forget_entry(id, info_hash);
            return None;
        };
        if event == AnnounceEvent::Stopped {
            // Upstream trackers that tell peers apart by their port have to find the one that they list.
            representative.port = entry.port;
        }
        entry.begin(event);
        let ask_owner = event != AnnounceEvent::Stopped && !is_fresh;
        Some(Job { upstream: id, info_hash, owner, event, representative, ask_owner })
    }

    fn begin_announce(&mut self, id: UpstreamId, job: Job, now: Instant) -> Next {
        let Some(upstream) = self.upstreams.get_mut(&id) else { return Next::End };
        upstream.begin(now);
        Next::Announce(job, upstream.client.clone())
    }

    /// Takes note of a representative that the owner chose.
    pub(crate) fn set_representative(
        &mut self,
        info_hash: InfoHash,
        representative: Representative,
        now: Instant,
    ) {
        let now = self.second(now);
        if let Some(torrent) = self.torrents.get_mut(&info_hash) {
            torrent.set_representative(representative, now);
        }
    }

    /// Takes note that the owner had no time for this many peers of an answer: the torrent is announced again soon.
    pub(crate) fn drop_peers(&mut self, job: &Job, peers: u64, now: Instant) {
        let now = self.second(now);
        let Some(upstream) = self.upstreams.get_mut(&job.upstream) else { return };
        upstream.figures.peers_dropped += peers;
        let torrent = self.torrents.get_mut(&job.info_hash).filter(|torrent| torrent.in_use);
        if let Some(entry) = torrent.and_then(|torrent| torrent.entry(job.upstream))
            && matches!(entry.phase, Phase::Queued { .. })
        {
            entry.regular = entry.earliest().max(later(now, BACKOFF_FIRST_S));
            upstream.place(entry, job.info_hash, entry.regular);
            upstream.changed.notify_one();
        }
    }

    /// Takes note of the end of an announce. Returns what the owner is to be sent, if peers were returned for it.
    pub(crate) fn end_announce(&mut self, job: &Job, outcome: &Outcome, now: Instant) -> Option<External> {
        let now = self.second(now);
        let upstream = self.upstreams.get_mut(&job.upstream)?;
        upstream.end(outcome, now, &mut self.rng);
        let torrent = self.torrents.get_mut(&job.info_hash)?;
        let entry = torrent.entry(job.upstream)?;
        match entry.end(job, outcome, now, &mut self.rng) {
            Some(due) => upstream.place(entry, job.info_hash, due),
            None => entry.phase = Phase::RefusedForever,
        }
        if !torrent.in_use {
            self.settle(job.info_hash, now);
            return None;
        }
        let Outcome::Answered(answer, _) = outcome else { return None };
        if job.event == AnnounceEvent::Stopped {
            return None;
        }
        let (counts, expire) = torrent.counts(now);
        let lifetime_s = 2 * answer.interval_s.clamp(INTERVAL_S_MIN, INTERVAL_S_MAX);
        Some(External { counts, counts_lifetime_s: expire.0.saturating_sub(now.0), lifetime_s })
    }
}
