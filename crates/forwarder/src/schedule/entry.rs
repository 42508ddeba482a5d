use super::{Job, Outcome, Retried, UpstreamId};
use crate::announce::UpstreamAnswer;
use crate::backoff::{backoff_s, clamped_s, later};
use crate::limits::{
    BACKOFF_FIRST_S, BACKOFF_S_MAX, EARLY_ANNOUNCES_MAX, INTERVAL_S_MAX, INTERVAL_S_MIN, REFUSED_RETRY_S,
    RETRY_S,
};
use ::client::{Retry, TrackerError};
use fastrand::Rng;
use primitives::{AnnounceEvent, ExternalCounts, Second};

/// What is known of one torrent at one upstream tracker. There is one for each torrent and upstream tracker, so it is small.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) upstream: UpstreamId,
    pub(crate) phase: Phase,
    /// From when an announce is allowed that no event of the torrent requires.
    pub(crate) regular: Second,
    /// When the announces so far are no more than one in each [`INTERVAL_S_MIN`].
    pub(crate) rested: Second,
    pub(crate) counts: ExternalCounts,
    /// When the counts are to be forgotten.
    pub(crate) counts_expire: Second,
    /// The port that was announced last.
    pub(crate) port: u16,
    /// Failed announces in a row, refusals included. If there are any, only time allows the next one.
    pub(crate) failures: u8,
    /// Whether an announce was answered since `started`: then the upstream tracker lists our peer.
    pub(crate) answered: bool,
    /// Whether the upstream tracker has to learn that a local peer has completed the torrent.
    pub(crate) completed: bool,
}

/// Where an [`Entry`] is between announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// In the upstream tracker's queue.
    Queued {
        due: Second,
    },
    InFlight,
    /// The upstream tracker wants no announce of the torrent.
    RefusedForever,
}

impl Entry {
    /// Creates an entry as of an announce under way, to be placed in the queue.
    pub(crate) fn new(upstream: UpstreamId) -> Self {
        Self {
            upstream,
            phase: Phase::InFlight,
            regular: Second(0),
            rested: Second(0),
            counts: ExternalCounts::default(),
            counts_expire: Second(0),
            port: 0,
            failures: 0,
            answered: false,
            completed: false,
        }
    }

    /// Returns the event of the next announce of a torrent that is, or is not, in use, or `None` if none is needed.
    pub(crate) const fn event(&self, in_use: bool) -> Option<AnnounceEvent> {
        match (in_use, self.answered) {
            (true, false) => Some(AnnounceEvent::Started),
            (true, true) if self.completed => Some(AnnounceEvent::Completed),
            (true, true) => Some(AnnounceEvent::None),
            (false, true) => Some(AnnounceEvent::Stopped),
            (false, false) => None,
        }
    }

    /// Takes note of a completed download. Returns when it is to be announced if that is before the next announce: `started` goes
    /// before.
    pub(crate) fn complete(&mut self, now: Second) -> Option<Second> {
        self.completed |= self.answered || self.phase == Phase::InFlight;
        let earliest = self.earliest().max(now);
        let is_hurried = matches!(self.phase, Phase::Queued { due } if due > earliest);
        (self.answered && self.failures == 0 && is_hurried).then_some(earliest)
    }

    /// Returns from when an announce is allowed at all, except `stopped`.
    pub(crate) const fn earliest(&self) -> Second {
        Second(self.rested.0.saturating_sub(EARLY_ANNOUNCES_MAX * INTERVAL_S_MIN))
    }

    fn spend(&mut self, now: Second) {
        self.rested = later(self.rested.max(now), INTERVAL_S_MIN);
    }

    /// Takes note that an announce begins.
    pub(crate) fn begin(&mut self, event: AnnounceEvent) {
        self.phase = Phase::InFlight;
        self.completed &= event != AnnounceEvent::Completed;
    }

    /// Takes note of the end of an announce. Returns when the next one is due, or `None` for never.
    pub(crate) fn end(&mut self, job: &Job, outcome: &Outcome, now: Second, rng: &mut Rng) -> Option<Second> {
        if job.event == AnnounceEvent::Stopped {
            // Arrived or not, it is not repeated. What follows, if the torrent is in use again, is `started`.
            (self.answered, self.completed, self.failures) = (false, false, 0);
            self.spend(now);
            self.regular = self.earliest();
            return Some(self.regular);
        }
        let error = match outcome {
            Outcome::Answered(answer, _) => return Some(self.end_answered(job, answer, now)),
            Outcome::NoLocalPeers => {
                // Another local peer may come before the core finds that there is none.
                self.completed |= job.event == AnnounceEvent::Completed;
                self.regular = later(now, INTERVAL_S_MIN);
                return Some(self.regular);
            }
            Outcome::OwnerBusy => None,
            Outcome::Failed(error) => Some(error),
        };
        self.completed |= job.event == AnnounceEvent::Completed;
        let due = match error {
            // As soon as the pause is over.
            Some(TrackerError::Overloaded { .. }) => Some(now),
            Some(TrackerError::Refused { retry, .. }) => self.end_refused(*retry, now),
            None => Some(later(now, backoff_s(BACKOFF_FIRST_S, 0, BACKOFF_S_MAX, rng))),
            Some(_) => {
                let doublings = u32::from(self.failures);
                self.failures = self.failures.saturating_add(1);
                Some(later(now, backoff_s(BACKOFF_FIRST_S, doublings, BACKOFF_S_MAX, rng)))
            }
        };
        self.regular = due.unwrap_or(now);
        due
    }

    /// Returns whether it is among those that are tried again.
    pub(crate) fn is_retried(&self, retried: Retried) -> bool {
        match retried {
            Retried::RefusedForever => self.phase == Phase::RefusedForever,
            Retried::Failed => self.failures > 0,
        }
    }

    /// Forgets failures and refusals.
    pub(crate) const fn forgive(&mut self) {
        (self.failures, self.regular) = (0, Second(0));
    }

    fn end_answered(&mut self, job: &Job, answer: &UpstreamAnswer, now: Second) -> Second {
        let interval_s = answer.interval_s.clamp(INTERVAL_S_MIN, INTERVAL_S_MAX);
        (self.answered, self.failures, self.port) = (true, 0, job.representative.port);
        self.regular = later(now, interval_s);
        self.spend(now);
        self.counts = without_representative(answer.counts, job.representative.left == 0);
        self.counts_expire = now.after(2 * interval_s);
        if self.completed { self.earliest() } else { self.regular }
    }

    fn end_refused(&mut self, retry: Option<Retry>, now: Second) -> Option<Second> {
        self.failures = self.failures.max(1);
        match retry {
            None => Some(later(now, REFUSED_RETRY_S)),
            Some(Retry::After(duration)) => Some(later(now, clamped_s(duration, RETRY_S))),
            Some(Retry::Never) => {
                self.answered = false;
                None
            }
        }
    }
}

fn without_representative(counts: ExternalCounts, is_seeder: bool) -> ExternalCounts {
    let ExternalCounts { seeders, leechers } = counts;
    if is_seeder {
        ExternalCounts { seeders: seeders.saturating_sub(1), leechers }
    } else {
        ExternalCounts { seeders, leechers: leechers.saturating_sub(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_small() {
        assert!(size_of::<Entry>() <= 40, "{}", size_of::<Entry>());
    }
}
