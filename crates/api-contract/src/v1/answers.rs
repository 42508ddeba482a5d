use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use utoipa::ToSchema;

/// The request succeeded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(title = "Acknowledgement")]
pub struct Ack {
    /// Always `ok`.
    #[schema(pattern = "^ok$")]
    pub status: Cow<'static, str>,
}

impl Ack {
    /// The only acknowledgement.
    pub const OK: Self = Self { status: Cow::Borrowed("ok") };
}

/// The configuration was read again. A key has its section before it, such as `log.level`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reloaded {
    /// Always `ok`.
    #[schema(pattern = "^ok$")]
    pub status: Cow<'static, str>,
    /// The keys whose new values are in use.
    pub changed: Vec<String>,
    /// The keys whose new values need a restart.
    pub needs_restart: Vec<String>,
}

/// A snapshot has been written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Snapshot {
    /// Peers in it: those over UDP and HTTP.
    pub peers: u64,
    /// Swarms in it; a torrent has one for each address family.
    pub swarms: u64,
    pub bytes: u64,
    /// How long it took.
    pub seconds: f64,
}

/// The request was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refusal {
    /// Always `err`.
    #[schema(pattern = "^err$")]
    pub status: Cow<'static, str>,
    /// The reason.
    pub reason: Cow<'static, str>,
}

impl Refusal {
    /// Creates a refusal for this reason.
    #[must_use]
    pub const fn new(reason: Cow<'static, str>) -> Self {
        Self { status: Cow::Borrowed("err"), reason }
    }
}

/// The invalid lines of a body.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LineCounts {
    /// Number of invalid lines.
    pub invalid: u64,
    /// Line numbers of the first ten of them.
    #[schema(max_items = 10)]
    pub invalid_lines: Vec<u64>,
}

/// The result of adding the info hashes of a body to a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Added {
    /// Info hashes that are on the list now.
    pub added: u64,
    #[serde(flatten)]
    pub lines: LineCounts,
}

/// The result of removing the info hashes of a body from a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Removed {
    /// Info hashes removed from the list, as far as they had been added through this API.
    pub removed: u64,
    #[serde(flatten)]
    pub lines: LineCounts,
}

/// The result of removing the keys of a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RemovedKeys {
    /// Keys that were removed.
    pub removed: u64,
    /// Keys that did not exist.
    pub unknown: u64,
    #[serde(flatten)]
    pub lines: LineCounts,
}
