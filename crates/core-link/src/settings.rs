use engine::{EngineSettings, HttpPolicy};
use std::num::NonZeroU32;
use std::time::Duration;

/// The settings of a core that can be replaced while it serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoreSettings {
    pub engine: EngineSettings,
    pub http_policy: HttpPolicy,
    pub http_limits: HttpLimits,
    pub kernel_sampling: KernelSampling,
    /// How long datagrams may gather at high rates; zero if they are not to.
    pub coalesce: Duration,
}

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

/// The numbers of leading bits of an address that identify a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrefixLengths {
    pub ipv4_bits: u8,
    pub ipv6_bits: u8,
}

/// How often the kernel's receive time stamps are switched on, each time for one timer turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KernelSampling {
    Off,
    /// Once in this many seconds.
    EveryS(NonZeroU32),
}
