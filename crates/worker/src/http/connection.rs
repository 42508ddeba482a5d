use super::conversation::Conversation;
use super::end::WaitsFor;
use super::hall::HttpLimits;
use super::prefixes::Prefix;
use primitives::Second;
use std::os::fd::OwnedFd;

/// One connection in its slot.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) socket: OwnedFd,
    pub(super) conversation: Conversation,
    /// What its source is counted by; `None` for a trusted proxy's.
    pub(super) prefix: Option<Prefix>,
    pub(super) watch: Watch,
    pub(super) deadline: Deadline,
}

/// Whether the poll tells of a connection. One that ends with its first turn is never watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Watch {
    NotYet,
    Watched,
}

/// How long a connection may wait for what it waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Deadline {
    pub(super) waits_for: WaitsFor,
    pub(super) at: Second,
}

impl Deadline {
    pub(super) fn new(waits_for: WaitsFor, now: Second, limits: &HttpLimits) -> Self {
        Self { waits_for, at: now.after(limits.seconds(waits_for)) }
    }

    /// Goes on waiting. Only for its next request a client may wait anew: all else has to be done in one time, however
    /// small the steps are that it comes in.
    pub(super) fn wait(&mut self, waits_for: WaitsFor, now: Second, limits: &HttpLimits) {
        if self.waits_for != waits_for || waits_for == WaitsFor::NextRequest {
            *self = Self::new(waits_for, now, limits);
        }
    }

    pub(super) const fn has_passed(self, now: Second) -> bool {
        now.0 > self.at.0
    }
}

impl Connection {
    /// Whether its client has asked for something that another core is busy with.
    pub(super) fn awaits_errand(&self) -> bool {
        self.deadline.waits_for == WaitsFor::Errand
    }
}
