//! Value types of the tracker and their invariants.
//!
//! The crate does no IO, reads no clock and knows no protocol's framing. The other crates exchange these types, so that
//! an info hash cannot be mistaken for a peer id, or a second for a tick.

#![forbid(unsafe_code)]

mod address;
mod announce;
mod authentication_key;
mod client_counts;
mod client_software;
mod forwarding;
mod info_hash;
mod peer_id;
mod peer_reference;
mod shard;
mod statistics_pages;
mod table_seed;
mod time;
mod torrents;

pub use address::{
    AddressFamily, CompactAddress, CompactIpv4, CompactIpv6, PeerAddress, SwarmFamily, UnreachableAddress,
    canonical_ip,
};
pub use announce::{AnnounceEvent, Numwant, PeerStatus, RequestKind};
pub use authentication_key::{AuthenticationKey, KeyId, KeyInPath, path_segments};
pub use client_counts::{ClientCounts, CountedClient};
pub use client_software::ClientTag;
pub use forwarding::{ExternalCounts, ExternalPeers, Representative, SwarmChange};
pub use info_hash::{InfoHash, InfoHashPrefix};
pub use peer_id::{PeerId, PeerIdPrefix};
pub use peer_reference::{ConnectionToken, PeerReference, WebRtcPeer};
pub use shard::{SHARDS_MAX, ShardCount, ShardCountError, ShardId, SteeringKey};
pub use statistics_pages::{CodedPage, StatisticsPages};
pub use table_seed::TableSeed;
pub use time::Second;
pub use torrents::{
    FirstTorrents, ListChange, ListSource, PeerDetails, PeerInfo, TorrentInfo, TorrentList, TorrentOrder,
};
