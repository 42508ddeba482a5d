use super::Nothing;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A banned client or network; the other field is null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ban {
    /// Prefix of the peer ids of a client software.
    pub client: Option<String>,
    /// A network, such as `192.0.2.0/24`.
    pub network: Option<String>,
    /// Reason for the ban.
    pub reason: String,
    /// Start of the ban, in Unix seconds.
    pub since: u64,
    /// End of the ban, in Unix seconds; null if it lasts until it is lifted.
    pub until: Option<u64>,
    /// How many times in succession the source has been banned for its requests; null if an operator has set the ban.
    pub level: Option<u32>,
}

/// The client or the network to ban.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BanForm {
    /// Prefix of the peer ids of a client software: 1 to 20 printable ASCII characters.
    #[schema(pattern = "^[!-~]{1,20}$")]
    pub client: Option<String>,
    /// A network, such as `192.0.2.0/24`, or an address.
    pub network: Option<String>,
    /// Reason, for other operators to read: at most 1,000 characters.
    #[schema(max_length = 1000)]
    pub reason: Option<String>,
    /// How long a network is banned; null until the ban is lifted. Such a ban is forgotten when the tracker stops.
    #[schema(minimum = 1, maximum = 31_536_000)]
    pub seconds: Option<u32>,
    #[serde(flatten)]
    #[schema(ignore)]
    pub nothing: Nothing,
}
