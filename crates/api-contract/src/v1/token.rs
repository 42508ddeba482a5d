use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use utoipa::ToSchema;

/// The rights of a token, and the modes of the tracker that turn parts of the API on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenInfo {
    /// The label of the token in the configuration, as the log has it.
    pub token: String,
    pub rights: TokenRights,
    /// The version of the tracker.
    pub version: Cow<'static, str>,
    /// Whether clients need a key, so that there are routes of keys.
    pub private: bool,
    /// Whether only listed torrents are served, so that there are routes of the whitelist.
    pub listed: bool,
    /// Whether there are upstream trackers.
    pub forwarding: bool,
}

/// What the holder of a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TokenRights {
    /// Read and change everything.
    Full,
    ReadOnly,
}
