use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::net::SocketAddr;
use utoipa::ToSchema;

/// The state of the database and of the writes to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Storage {
    pub state: DatabaseState,
    /// Why the last attempt failed, if the database is away.
    pub error: Option<String>,
    /// Changes waiting to be written.
    pub writes_waiting: u64,
    /// Changes written since the start.
    pub writes_done: u64,
    /// Changes dropped or refused because too many were waiting.
    pub writes_lost: u64,
    /// Failed attempts.
    pub failures: u64,
}

/// Whether there is a database, and whether it accepts writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DatabaseState {
    Absent,
    Connected,
    Away,
}

/// The API is alive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// Always `Ok`.
    #[schema(pattern = "^Ok$")]
    pub status: Cow<'static, str>,
}

impl Health {
    /// The only response.
    pub const OK: Self = Self { status: Cow::Borrowed("Ok") };
}

/// The response of the health-check API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthReport {
    pub status: HealthStatus,
    pub message: Cow<'static, str>,
    pub details: Vec<Probed>,
}

/// The health of the whole tracker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrackerHealth {
    /// `Error` if a listener does not answer, a core is stuck, or the database is away.
    pub status: HealthStatus,
    /// The listeners, as the health-check API reports them.
    pub listeners: Vec<Probed>,
    /// The cores, in the order of their shards.
    pub cores: Vec<CoreHealth>,
    pub database: Storage,
}

/// Whether a core works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CoreHealth {
    /// The number of its shard, from 0.
    pub shard: u32,
    /// Whether its timer turned during the check.
    pub alive: bool,
}

/// The state of all listeners together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum HealthStatus {
    Ok,
    Error,
    /// There are no listeners.
    None,
}

/// The result of probing one listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Probed {
    /// The bound address and port; the address may be a wildcard.
    #[schema(value_type = String)]
    pub binding: SocketAddr,
    /// What was probed, and at which address.
    pub info: String,
    /// `{"Ok": answer}` or `{"Err": reason}`.
    #[schema(value_type = Object)]
    pub result: Result<String, String>,
}
