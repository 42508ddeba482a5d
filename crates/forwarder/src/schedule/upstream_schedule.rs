use super::entry::{Entry, Phase};
use super::queue::Queue;
use super::torrent::Room;
use super::{Outcome, Retried};
use crate::ForwarderSettings;
use crate::announce::Announces;
use crate::backoff::{clamped_s, later};
use crate::circuit::Circuit;
use crate::info::{FailureKind, UpstreamFigures, UpstreamInfo, UpstreamState};
use crate::limits::{
    INTERVAL_S_DEFAULT, INTERVAL_S_MAX, INTERVAL_S_MIN, PAUSE_DEFAULT_S, PAUSE_S, STOPPED_PAUSE_S_MAX,
};
use crate::rate::Rate;
use crate::upstream::Upstream;
use ::client::TrackerError;
use fastrand::Rng;
use primitives::{InfoHash, Second};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Who has added an upstream tracker, and removes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AddedBy {
    File,
    Api,
}

/// The state of an upstream tracker, and the torrents that are to be announced to it.
pub(crate) struct UpstreamSchedule {
    pub(crate) upstream: Upstream,
    pub(crate) added_by: AddedBy,
    pub(crate) client: Arc<dyn Announces>,
    /// Notified when there may be something to do.
    pub(crate) changed: Arc<Notify>,
    pub(crate) queue: Queue,
    pub(crate) retried: Option<Retried>,
    rate: Rate,
    circuit: Circuit,
    paused_until: Second,
    suspended: bool,
    in_flight: usize,
    in_flight_max: usize,
    latency: Option<Duration>,
    interval_s: Option<u32>,
    last_failure: Option<String>,
    pub(crate) figures: UpstreamFigures,
}

impl UpstreamSchedule {
    pub(crate) fn new(
        upstream: Upstream,
        added_by: AddedBy,
        client: Arc<dyn Announces>,
        settings: &ForwarderSettings,
        now: Instant,
    ) -> Self {
        Self {
            upstream,
            added_by,
            client,
            changed: Arc::default(),
            queue: Queue::default(),
            retried: None,
            rate: Rate::new(settings.rate_per_second_max, settings.burst_max, now),
            circuit: Circuit::default(),
            paused_until: Second(0),
            suspended: false,
            in_flight: 0,
            in_flight_max: settings.requests_max,
            latency: None,
            interval_s: None,
            last_failure: None,
            figures: UpstreamFigures::default(),
        }
    }

    /// Replaces the limits on announces.
    pub(crate) fn use_settings(&mut self, settings: &ForwarderSettings) {
        self.rate.use_limits(settings.rate_per_second_max, settings.burst_max);
        self.in_flight_max = settings.requests_max;
        self.changed.notify_one();
    }

    /// Places a torrent in the queue, and removes it from where it was there.
    pub(crate) fn place(&mut self, entry: &mut Entry, info_hash: InfoHash, due: Second) {
        self.withdraw(entry, info_hash);
        self.queue.insert(due, info_hash);
        entry.phase = Phase::Queued { due };
    }

    fn withdraw(&mut self, entry: &Entry, info_hash: InfoHash) {
        if let Phase::Queued { due } = entry.phase {
            self.queue.remove(due, info_hash);
        }
    }

    /// Takes note that a torrent is not in use. Returns whether its entry is still needed: to send `stopped` if the upstream
    /// tracker lists our peer and is announced to at present or soon, or to remember until when it wants no announce.
    pub(crate) fn stop(&mut self, entry: &mut Entry, info_hash: InfoHash, now: Second, room: Room) -> bool {
        if entry.phase == Phase::InFlight {
            return true;
        }
        entry.answered &= match self.state(now) {
            UpstreamState::Active => true,
            UpstreamState::Paused(_) => {
                room == Room::Left && self.paused_until <= later(now, STOPPED_PAUSE_S_MAX)
            }
            UpstreamState::Failing(_) | UpstreamState::Suspended => false,
        };
        if entry.answered {
            self.place(entry, info_hash, now);
        } else if room == Room::None || (entry.failures == 0 && entry.rested <= now) {
            self.withdraw(entry, info_hash);
            return false;
        } else if entry.failures == 0 {
            self.place(entry, info_hash, entry.rested);
        }
        true
    }

    /// Returns from when an announce is possible, or `None` if that depends on another event. `start` is second 0.
    pub(crate) fn possible_from(&self, start: Instant) -> Option<Instant> {
        if self.suspended || self.in_flight >= self.in_flight_max {
            return None;
        }
        let second = self.circuit.possible_from()?.max(self.paused_until);
        Some(self.rate.possible_from().max(start + Duration::from_secs(second.0.into())))
    }

    /// Takes note that an announce begins.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.rate.take(now);
        self.circuit.begin();
        self.in_flight += 1;
    }

    /// Takes note of the end of an announce.
    pub(crate) fn end(&mut self, outcome: &Outcome, now: Second, rng: &mut Rng) {
        self.in_flight -= 1;
        self.changed.notify_one();
        match outcome {
            Outcome::NoLocalPeers | Outcome::OwnerBusy => self.circuit.give_up(now),
            Outcome::Answered(answer, latency) => {
                self.figures.answered += 1;
                self.figures.peers += (answer.v4.len() + answer.v6.len()) as u64;
                self.interval_s = Some(answer.interval_s.clamp(INTERVAL_S_MIN, INTERVAL_S_MAX));
                self.latency = Some(self.latency.map_or(*latency, |mean| (mean * 7 + *latency) / 8));
                self.succeed();
            }
            Outcome::Failed(error) => self.end_failed(error, now, rng),
        }
    }

    fn end_failed(&mut self, error: &TrackerError, now: Second, rng: &mut Rng) {
        self.figures.failed[kind_of(error) as usize] += 1;
        self.last_failure = Some(error.to_string());
        match error {
            TrackerError::Refused { .. } => self.succeed(),
            TrackerError::Overloaded { retry_after } => {
                self.succeed();
                self.pause(*retry_after, now);
            }
            _ => {
                if self.circuit.fail(now, rng) {
                    let (name, origin) = (&*self.upstream.name, self.upstream.uri.origin());
                    tracing::warn!(name, origin, reason = %error, "an upstream tracker fails: it is tried again later");
                }
            }
        }
    }

    fn succeed(&mut self) {
        if self.circuit.succeed() {
            let (name, origin) = (&*self.upstream.name, self.upstream.uri.origin());
            tracing::info!(name, origin, "an upstream tracker works again");
        }
    }

    fn pause(&mut self, retry_after: Option<Duration>, now: Second) {
        let pause_s = retry_after.map_or(PAUSE_DEFAULT_S, |duration| clamped_s(duration, PAUSE_S));
        // Other announces under way are likely to have the same answer.
        if self.paused_until <= now {
            let (name, origin) = (&*self.upstream.name, self.upstream.uri.origin());
            tracing::warn!(
                name,
                origin,
                pause_s,
                "an upstream tracker asks for fewer announces: it has a pause"
            );
        }
        self.paused_until = self.paused_until.max(later(now, pause_s));
    }

    /// Takes note of what is to be tried again, until [`Schedule::next`] returns it.
    ///
    /// [`Schedule::next`]: super::Schedule::next
    pub(crate) fn retry(&mut self, retried: Retried) {
        self.retried = self.retried.max(Some(retried));
        self.changed.notify_one();
    }

    /// Ends announces until [`Self::resume`].
    pub(crate) const fn suspend(&mut self) {
        self.suspended = true;
    }

    /// Allows announces at once.
    pub(crate) fn resume(&mut self) {
        (self.suspended, self.paused_until, self.circuit) = (false, Second(0), Circuit::default());
        self.retry(Retried::Failed);
    }

    /// Returns whether the next torrent that is due can wait, or is to be shed. While there are no announces, none is shed: it
    /// would only be due again.
    pub(crate) fn takes_more(&self, now: Second, waiting_max: usize) -> bool {
        self.queue.waiting() < waiting_max || self.state(now) == UpstreamState::Active
    }

    /// Returns whether no announce is under way, and none can be sent at present or is to be.
    pub(crate) fn has_ended(&self, now: Second) -> bool {
        self.in_flight == 0 && (self.queue.len() == 0 || self.state(now) != UpstreamState::Active)
    }

    /// Returns the interval of the last answer in seconds, or what it is likely to be.
    pub(crate) fn interval_s(&self) -> u32 {
        self.interval_s.unwrap_or(INTERVAL_S_DEFAULT)
    }

    fn state(&self, now: Second) -> UpstreamState {
        let left = |until: Second| Duration::from_secs(until.0.saturating_sub(now.0).into());
        match self.circuit {
            _ if self.suspended => UpstreamState::Suspended,
            Circuit::Open { until, .. } => UpstreamState::Failing(left(until)),
            Circuit::Probing { .. } => UpstreamState::Failing(Duration::ZERO),
            Circuit::Closed { .. } if self.paused_until > now => {
                UpstreamState::Paused(left(self.paused_until))
            }
            Circuit::Closed { .. } => UpstreamState::Active,
        }
    }

    /// Returns what operators see. Torrents in use are the same for all upstream trackers.
    pub(crate) fn info(&self, torrents: usize, now: Second) -> UpstreamInfo {
        UpstreamInfo {
            name: Arc::clone(&self.upstream.name),
            origin: self.upstream.uri.origin(),
            announced_ip: self.upstream.announced_ip,
            state: self.state(now),
            torrents: torrents as u64,
            waiting: self.queue.waiting() as u64,
            in_flight: self.in_flight as u64,
            latency: self.latency,
            interval_s: self.interval_s,
            last_failure: self.last_failure.clone(),
            figures: self.figures,
        }
    }
}

const fn kind_of(error: &TrackerError) -> FailureKind {
    match error {
        TrackerError::Timeout => FailureKind::Timeout,
        TrackerError::Name(_) => FailureKind::Name,
        TrackerError::Connection(_) => FailureKind::Connection,
        TrackerError::Status(_) => FailureKind::Status,
        TrackerError::Malformed(_) => FailureKind::Malformed,
        TrackerError::Refused { .. } => FailureKind::Refused,
        TrackerError::Overloaded { .. } => FailureKind::Overloaded,
    }
}
