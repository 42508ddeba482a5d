use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Figures of one core.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Core {
    /// The number of its shard, from 0.
    pub shard: u32,
    /// Turns of its timer, about ten a second. If the number does not grow, the core is stuck.
    pub timer_turns: u64,
    /// Total lateness of these turns, in microseconds.
    pub timer_lateness_us: u64,
    /// Largest lateness of a turn since the start, in microseconds.
    pub timer_lateness_us_max: u64,
    /// Datagrams, HTTP requests and messages over WebSockets.
    pub requests: u64,
    /// Those answered with an error, over all protocols.
    pub errors: u64,
    /// Those not answered, over all protocols.
    pub dropped: u64,
    pub torrents: u64,
    /// Swarms of all families.
    pub swarms: u64,
    pub seeders: u64,
    pub leechers: u64,
    /// Size of the swarms' tables and peers.
    pub swarm_bytes: u64,
    /// Size of the lists, keys, sessions and details of peers.
    pub access_bytes: u64,
    /// HTTP connections open at present.
    pub http_connections: u64,
    /// WebSockets open at present, which are HTTP connections too.
    pub ws_connections: u64,
}
