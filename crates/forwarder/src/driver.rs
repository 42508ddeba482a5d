//! The tasks of the forwarder: for each upstream tracker one that sends announces when the schedule says so, and one that takes
//! note of what cores report. What concerns many torrents is done in slices.

use crate::announce::{Announces, UpstreamAnnounce, UpstreamAnswer};
use crate::forwarder::{Shared, lock};
use crate::limits::TORRENTS_AT_ONCE;
use crate::schedule::{External, Job, Next, Outcome, Schedule, UpstreamId};
use ::client::TrackerError;
use primitives::{AnnounceEvent, ExternalPeers, InfoHash, Second};
use std::sync::Arc;
use tokio::sync::Notify;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, sleep_until, timeout};

/// Announces to an upstream tracker until it is removed, or all is done at the end.
pub(crate) async fn drive(shared: Arc<Shared>, id: UpstreamId) {
    let start = |schedule: &mut Schedule, info_hashes: &[InfoHash]| {
        schedule.start_all_at(id, info_hashes, Instant::now());
    };
    in_slices(&shared, TORRENTS_AT_ONCE, start).await;
    let changed = lock(&shared.schedule).changed(id);
    let mut announces = JoinSet::new();
    while let Some(changed) = &changed {
        let next = lock(&shared.schedule).next(id, Instant::now());
        match next {
            Next::Announce(job, client) => {
                announces.spawn(announce(Arc::clone(&shared), client, job));
            }
            Next::Retry(retried) => {
                let retry = |schedule: &mut Schedule, info_hashes: &[InfoHash]| {
                    schedule.retry(id, retried, info_hashes, Instant::now());
                };
                in_slices(&shared, TORRENTS_AT_ONCE, retry).await;
            }
            Next::Wait(until) => wait(changed, until).await,
            Next::End => break,
        }
        while announces.try_join_next().is_some() {}
        // Other upstream trackers and the management API have their turn.
        yield_now().await;
    }
    drop(announces);
    in_slices(&shared, TORRENTS_AT_ONCE, |schedule, info_hashes| schedule.forget(id, info_hashes)).await;
}

/// Takes note of what cores report, until the end.
pub(crate) async fn take_changes(shared: Arc<Shared>) {
    while !lock(&shared.schedule).is_ending() {
        let torrents_at_once = lock(&shared.schedule).torrents_at_once();
        let changes = shared.inbox.take(torrents_at_once);
        if changes.is_empty() {
            shared.inbox.changed.notified().await;
        } else {
            lock(&shared.schedule).note(changes, Instant::now());
            yield_now().await;
        }
    }
}

/// Stops all torrents, and lets the tasks of upstream trackers end after the announces of that.
pub(crate) async fn end(shared: &Shared) {
    lock(&shared.schedule).begin_end();
    shared.inbox.changed.notify_one();
    let torrents_at_once = lock(&shared.schedule).torrents_at_once();
    let stop = |schedule: &mut Schedule, info_hashes: &[InfoHash]| {
        schedule.stop_all(info_hashes, Instant::now());
    };
    in_slices(shared, torrents_at_once, stop).await;
    lock(&shared.schedule).finish_end();
}

/// Does something for all torrents without holding up other tasks for long.
async fn in_slices(shared: &Shared, at_once: usize, mut act: impl FnMut(&mut Schedule, &[InfoHash])) {
    let mut slice = lock(&shared.schedule).info_hashes_after(None, at_once);
    while let Some(&last) = slice.last() {
        act(&mut lock(&shared.schedule), &slice);
        yield_now().await;
        slice = lock(&shared.schedule).info_hashes_after(Some(last), at_once);
    }
}

async fn wait(changed: &Notify, until: Option<Instant>) {
    match until {
        Some(until) => tokio::select! {
            () = changed.notified() => {}
            () = sleep_until(until) => {}
        },
        None => changed.notified().await,
    }
}

async fn announce(shared: Arc<Shared>, client: Arc<dyn Announces>, mut job: Job) {
    let outcome = outcome(&shared, &*client, &mut job).await;
    let external = lock(&shared.schedule).end_announce(&job, &outcome, Instant::now());
    tracing::debug!(info_hash = %job.info_hash, event = ?job.event, failure = ?failure(&outcome), "announced");
    if let (Outcome::Answered(answer, _), Some(external)) = (outcome, external) {
        let peers = external_peers(&job, answer, &external, shared.owners.now());
        let count = (peers.v4.len() + peers.v6.len()) as u64;
        if shared.owners.use_external(job.owner, peers).await.is_err() {
            lock(&shared.schedule).drop_peers(&job, count, Instant::now());
        }
    }
}

/// Returns what the owner of a torrent is sent at a second of the cores.
fn external_peers(job: &Job, answer: UpstreamAnswer, external: &External, now: Second) -> ExternalPeers {
    ExternalPeers {
        info_hash: job.info_hash,
        upstream: job.upstream.number(),
        v4: answer.v4,
        v6: answer.v6,
        counts: external.counts,
        expires: now.after(external.lifetime_s),
        counts_expire: now.after(external.counts_lifetime_s),
    }
}

const fn failure(outcome: &Outcome) -> Option<&TrackerError> {
    match outcome {
        Outcome::Failed(error) => Some(error),
        _ => None,
    }
}

/// Announces a torrent for one of its local peers.
async fn outcome(shared: &Shared, client: &dyn Announces, job: &mut Job) -> Outcome {
    if job.ask_owner {
        match shared.owners.representative(job.owner, job.info_hash).await {
            Ok(Some(chosen)) => {
                job.representative = chosen;
                lock(&shared.schedule).set_representative(job.info_hash, chosen, Instant::now());
            }
            Ok(None) => return Outcome::NoLocalPeers,
            Err(_) => return Outcome::OwnerBusy,
        }
    }
    if job.event == AnnounceEvent::Completed {
        // The local peer that completed the torrent, which another one may stand for.
        job.representative.left = 0;
    }
    let announce =
        UpstreamAnnounce { info_hash: job.info_hash, event: job.event, representative: job.representative };
    let (sent, longest) = (Instant::now(), lock(&shared.schedule).timeout());
    match timeout(longest, client.announce(&announce)).await {
        Ok(Ok(answer)) => Outcome::Answered(answer, sent.elapsed()),
        Ok(Err(error)) => Outcome::Failed(error),
        Err(_) => Outcome::Failed(TrackerError::Timeout),
    }
}
