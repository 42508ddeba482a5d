use super::Nothing;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Key {
    #[schema(pattern = "^[0-9A-Za-z]{32}$")]
    pub key: String,
    /// When the key expires, in Unix seconds; null: never.
    pub valid_until: Option<u64>,
    /// The same as a date, such as `2023-03-28 13:25:00.000000000 UTC`.
    pub expiry_time: Option<String>,
}

/// A key with its account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyAccount {
    #[serde(flatten)]
    pub key: Key,
    /// Bytes uploaded.
    pub uploaded: u64,
    /// Bytes downloaded.
    pub downloaded: u64,
    /// When the key was last used in an announce, in Unix seconds.
    pub last_seen: Option<u64>,
    /// Torrents that are being seeded with the key.
    pub seeding: u32,
    /// Torrents that are being downloaded with the key.
    pub leeching: u32,
}

/// A request for a key. Both fields are required, as in version 1: `{}` does not ask for a permanent key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyForm {
    /// The key to make or renew; null: a new one.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required, pattern = "^[0-9A-Za-z]{32}$")]
    pub key: Option<String>,
    /// Validity in seconds; null: permanent.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required, maximum = 200_000_000_000_u64)]
    pub seconds_valid: Option<u64>,
    #[serde(flatten)]
    #[schema(ignore)]
    pub nothing: Nothing,
}

/// The response line for a key that was not made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineError {
    pub line: u64,
    pub error: String,
}
