use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A source that was refused because it was over its limits: an address or a prefix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Source {
    /// The address or prefix, such as `192.0.2.7/32`.
    pub network: String,
    pub refused: Refused,
    /// How often it was refused in the last second.
    pub refused_per_s: u64,
    /// When it was last refused, in Unix seconds.
    pub last_seen: u64,
    pub ban: Option<SourceBan>,
}

/// The ban that applies to a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SourceBan {
    /// The banned network: the source, or a wider one.
    pub network: String,
    /// Its end, in Unix seconds; `null` if it has none.
    pub until: Option<u64>,
    /// Whether the configuration has it, so that it cannot be lifted.
    pub is_configured: bool,
}

/// How often a source was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refused {
    pub requests: u64,
    pub new_peers: u64,
    pub new_torrents: u64,
    pub connections: u64,
    pub handshakes: u64,
}
