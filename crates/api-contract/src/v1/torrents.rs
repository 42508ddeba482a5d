use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use utoipa::ToSchema;

/// 40 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(pattern = "^[0-9a-fA-F]{40}$")]
pub struct InfoHashText(pub String);

/// A torrent in a list of torrents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TorrentItem {
    /// 40 lower-case hexadecimal digits.
    #[schema(pattern = "^[0-9a-f]{40}$")]
    pub info_hash: String,
    /// Peers that have everything.
    pub seeders: u32,
    /// Completed events.
    pub completed: u64,
    /// Peers that still want pieces.
    pub leechers: u32,
}

/// A page of sorted torrents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TorrentsPage {
    /// Number of all torrents that have a swarm.
    pub total: u64,
    /// The torrents of this page.
    pub torrents: Vec<TorrentItem>,
}

/// Torrents of a list, sorted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListedTorrents {
    /// Info hashes.
    pub torrents: Vec<String>,
    /// Whether there may be more than were asked for.
    pub more: bool,
}

/// A torrent with its peers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Torrent {
    #[serde(flatten)]
    pub item: TorrentItem,
    /// At most 10,000, IPv4 first.
    pub peers: Vec<Peer>,
}

/// A torrent, or the text `torrent not known`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum TorrentOrUnknown {
    Known(Torrent),
    /// `torrent not known`
    Unknown(String),
}

/// The order of torrents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    InfoHash,
    Seeders,
    Leechers,
    Peers,
    Completed,
}

/// A peer. If its details are not kept, the id is zeros, `uploaded` and `downloaded` are 0, the event is `None`, and
/// `left` is 1 for a leecher and otherwise 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Peer {
    pub peer_id: PeerIdentity,
    /// Address and port.
    pub peer_addr: String,
    /// When it last announced, in Unix milliseconds.
    pub updated: u64,
    /// Milliseconds since then.
    pub updated_milliseconds_ago: u64,
    /// Bytes, as reported by the client.
    pub uploaded: u64,
    /// Bytes, as reported by the client.
    pub downloaded: u64,
    /// Bytes, as reported by the client.
    pub left: u64,
    /// The event of its last announce.
    pub event: Event,
}

/// The peer id and the client software that it names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PeerIdentity {
    /// `0x` and 40 hexadecimal digits.
    #[schema(pattern = "^0x[0-9a-f]{40}$")]
    pub id: String,
    /// The client software, if it is a well-known one.
    pub client: Option<Cow<'static, str>>,
}

/// The event of an announce.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Event {
    Started,
    Stopped,
    Completed,
    None,
}
