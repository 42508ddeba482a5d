use engine::{EngineSettings, HttpPolicy};
use guard::SourceLimits;
use std::num::NonZeroU32;
use std::time::Duration;

/// The settings of a core that can be replaced while it serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoreSettings {
    pub engine: EngineSettings,
    pub sources: SourceLimits,
    pub http_policy: HttpPolicy,
    pub http_limits: HttpLimits,
    pub kernel_sampling: KernelSampling,
    pub kernel_filtering: KernelFiltering,
    /// How long datagrams may gather at high rates; zero if they are not to.
    pub coalesce: Duration,
}

/// The limits of one core's HTTP connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    pub connections_max: usize,
    /// Connections of one source on all cores.
    pub connections_per_prefix_max: u32,
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
    /// Bytes that all connections together may hold: unread input, and output for which there is no room.
    pub buffer_bytes_max: usize,
}

/// How often the kernel's receive time stamps are switched on, each time for one timer turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KernelSampling {
    Off,
    /// Once in this many seconds.
    EveryS(NonZeroU32),
}

/// What the kernel may drop before it reaches a core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KernelFiltering {
    /// Nothing.
    Off,
    /// Banned networks, requests for a hot torrent, and wrong connection ids while more than this many arrive in a second; 0 to
    /// never drop these.
    On { wrong_ids_per_s: u32 },
}

impl KernelFiltering {
    /// Returns the wrong connection ids in a second from which on they are dropped; 0 if they never are.
    #[must_use]
    pub const fn wrong_ids_per_s(self) -> u32 {
        match self {
            Self::Off => 0,
            Self::On { wrong_ids_per_s } => wrong_ids_per_s,
        }
    }
}
