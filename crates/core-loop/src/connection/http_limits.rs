use super::end::WaitsFor;
use super::limits::{DRAIN_S, OWNER_WAIT_S};
use super::prefixes::PrefixLengths;

/// The limits of one core's HTTP connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    pub connections_max: usize,
    pub connections_per_prefix_max: u32,
    pub prefixes: PrefixLengths,
    /// Seconds from accepting a connection to the end of its first request.
    pub first_request_s: u32,
    /// Seconds from the first byte of a later request to its end.
    pub request_s: u32,
    /// Seconds until the next request begins.
    pub idle_s: u32,
    /// Seconds until another core has answered a request, or the client has received an answer.
    pub answer_s: u32,
    /// Seconds for which nothing is received over a WebSocket until it is closed. It is pinged after half of them.
    pub web_socket_idle_s: u32,
}

impl HttpLimits {
    pub(super) const fn seconds(&self, waits_for: WaitsFor) -> u32 {
        match waits_for {
            WaitsFor::FirstRequest => self.first_request_s,
            WaitsFor::Request => self.request_s,
            WaitsFor::NextRequest => self.idle_s,
            WaitsFor::NextFrame => self.web_socket_idle_s / 2,
            WaitsFor::Pong => self.web_socket_idle_s - self.web_socket_idle_s / 2,
            WaitsFor::AnswerTaken | WaitsFor::RoutedRequest => self.answer_s,
            WaitsFor::OwnerBusy => OWNER_WAIT_S,
            WaitsFor::Close => DRAIN_S,
        }
    }
}
