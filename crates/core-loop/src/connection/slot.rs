use super::end::WaitsFor;
use super::http_connection::HttpConnection;
use super::limits::SLOW_S;
use core_link::HttpLimits;
use guard::OpenConnection;
use primitives::Second;

/// A connection in its slot.
#[derive(Debug)]
pub(super) struct Connection<W> {
    pub(super) wire: W,
    pub(super) http: HttpConnection,
    /// Its count among the connections of its source; `None` for those of trusted proxies.
    pub(super) open: Option<OpenConnection>,
    pub(super) watch: Watch,
    /// Whether it is in [`ReadyConnections`](super::ready::ReadyConnections).
    pub(super) is_queued: bool,
    pub(super) deadline: Deadline,
    /// The bytes that it held at the end of its last share.
    pub(super) buffered_bytes: u32,
}

/// Whether events of a connection are reported. One that ends in its first turn is never watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Watch {
    NotYet,
    Watched,
}

/// The bytes that a connection holds, compared with those that it held before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    More,
    NoMore,
}

/// The end of a connection's wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Deadline {
    pub(super) waits_for: WaitsFor,
    /// The connection's progress when the wait began.
    progress: u32,
    pub(super) at: Second,
}

impl Deadline {
    /// Returns the deadline of a connection that has made this much progress.
    pub(super) fn new(waits_for: WaitsFor, progress: u32, now: Second, limits: &HttpLimits) -> Self {
        Self { waits_for, progress, at: now.after(waits_for.seconds(limits)) }
    }

    /// Continues to wait. Each request has one deadline, however small the steps in which it arrives or its answer is
    /// received. Only the wait for the next request begins anew each time.
    pub(super) fn wait(&mut self, waits_for: WaitsFor, progress: u32, now: Second, limits: &HttpLimits) {
        let is_the_same = self.waits_for == waits_for && self.progress == progress;
        if !is_the_same || waits_for == WaitsFor::NextRequest {
            *self = Self::new(waits_for, progress, now, limits);
        }
    }

    /// Returns whether the client has received nothing of its answer or frames for [`SLOW_S`].
    pub(super) fn is_slow(self, now: Second, limits: &HttpLimits) -> bool {
        self.waits_for == WaitsFor::AnswerTaken && self.waited_s(now, limits) >= SLOW_S
    }

    /// Returns how long the wait has lasted, with the time before a ping.
    pub(super) const fn waited_s(self, now: Second, limits: &HttpLimits) -> u32 {
        let before_s = match self.waits_for {
            WaitsFor::Pong => WaitsFor::NextFrame.seconds(limits),
            _ => 0,
        };
        before_s + self.waits_for.seconds(limits).saturating_sub(self.at.0.saturating_sub(now.0))
    }

    pub(super) const fn has_passed(self, now: Second) -> bool {
        now.0 > self.at.0
    }
}

impl<W> Connection<W> {
    /// Returns whether a request of its client is at another core.
    pub(super) fn awaits_owner(&self) -> bool {
        self.deadline.waits_for == WaitsFor::RoutedRequest
    }

    /// Returns whether a request of its client is being answered: by the tracker, or by a client that receives the answer.
    pub(super) fn is_amid_answer(&self, now: Second, limits: &HttpLimits) -> bool {
        match self.deadline.waits_for {
            _ if self.is_queued => self.deadline.waits_for != WaitsFor::FirstRequest,
            WaitsFor::RoutedRequest | WaitsFor::OwnerBusy => true,
            WaitsFor::AnswerTaken => !self.deadline.is_slow(now, limits),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HttpLimits = HttpLimits {
        connections_max: 16,
        connections_per_prefix_max: 16,
        first_request_s: 10,
        request_s: 20,
        idle_s: 60,
        answer_s: 30,
        web_socket_idle_s: 240,
        buffer_bytes_max: 1 << 20,
    };

    /// Returns the deadline of a wait that begins at second 100 and continues as another at second 105.
    fn moved(before: (WaitsFor, u32), after: (WaitsFor, u32)) -> u32 {
        let mut deadline = Deadline::new(before.0, before.1, Second(100), &LIMITS);
        deadline.wait(after.0, after.1, Second(105), &LIMITS);
        deadline.at.0
    }

    #[test]
    fn progress_does_not_extend_the_deadline_of_a_request() {
        assert_eq!(moved((WaitsFor::FirstRequest, 0), (WaitsFor::FirstRequest, 0)), 110);
        assert_eq!(moved((WaitsFor::Request, 1), (WaitsFor::Request, 1)), 120);
        assert_eq!(moved((WaitsFor::AnswerTaken, 1), (WaitsFor::AnswerTaken, 1)), 130);
        assert_eq!(moved((WaitsFor::Close, 1), (WaitsFor::Close, 1)), 102);
    }

    #[test]
    fn each_further_request_has_its_own_deadline() {
        assert_eq!(moved((WaitsFor::Request, 1), (WaitsFor::Request, 2)), 125);
        assert_eq!(moved((WaitsFor::AnswerTaken, 1), (WaitsFor::AnswerTaken, 17)), 135);
        assert_eq!(moved((WaitsFor::RoutedRequest, 1), (WaitsFor::RoutedRequest, 2)), 135);
        assert_eq!(moved((WaitsFor::NextRequest, 1), (WaitsFor::NextRequest, 1)), 165);
        assert_eq!(moved((WaitsFor::RoutedRequest, 1), (WaitsFor::AnswerTaken, 1)), 135);
    }

    #[test]
    fn a_web_socket_is_pinged_after_half_of_the_time_and_a_frame_begins_it_anew() {
        assert_eq!(moved((WaitsFor::NextFrame, 1), (WaitsFor::NextFrame, 1)), 220);
        assert_eq!(moved((WaitsFor::NextFrame, 1), (WaitsFor::NextFrame, 2)), 225);
        assert_eq!(moved((WaitsFor::NextFrame, 1), (WaitsFor::Pong, 1)), 225);
        assert_eq!(moved((WaitsFor::Pong, 1), (WaitsFor::Pong, 1)), 220);
    }
}
