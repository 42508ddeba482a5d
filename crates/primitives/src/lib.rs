//! Value types of the tracker and their invariants.
//!
//! The crate does no IO and reads no clock. Of the framing of protocols it knows only what the kernel's filter reads of a
//! datagram. The other crates exchange these types, so that an info hash cannot be mistaken for a peer id, or a second for a
//! tick.

#![forbid(unsafe_code)]

mod address;
mod address_ranges;
mod announce;
mod authentication_key;
mod client_counts;
mod client_software;
mod connection_epoch;
mod datagram_filter;
mod forwarding;
mod half_sip_hash;
mod info_hash;
mod peer_id;
mod peer_reference;
mod shard;
mod state_page;
mod statistics_pages;
mod table_seed;
mod time;
mod torrents;

pub use address::{
    AddressFamily, CompactAddress, CompactIpv4, CompactIpv6, PeerAddress, SwarmFamily, UnreachableAddress,
    canonical_ip,
};
pub use address_ranges::{AddressRange, AddressRanges};
pub use announce::{AnnounceEvent, Numwant, PeerStatus, RequestKind};
pub use authentication_key::{AuthenticationKey, KeyId, KeyInPath, path_segments};
pub use client_counts::{ClientCounts, CountedClient};
pub use client_software::ClientTag;
pub use connection_epoch::ConnectionEpoch;
pub use datagram_filter::{
    FILTERED_IPV4_MAX, FILTERED_IPV6_MAX, FilterRules, HotTorrent, datagram_layout, torrent_of,
};
pub use forwarding::{ExternalCounts, ExternalPeers, Representative, SwarmChange};
pub use half_sip_hash::HalfSipHash;
pub use info_hash::{InfoHash, InfoHashPrefix};
pub use peer_id::{PeerId, PeerIdPrefix};
pub use peer_reference::{ConnectionToken, PeerReference, WebRtcPeer};
pub use shard::{SHARDS_MAX, ShardCount, ShardCountError, ShardId, SteeringKey};
pub use state_page::{
    ChangeLog, ChangesLost, ClockShift, ExportPlace, ExportedPage, ImportVerdict, Imported, SessionRecord,
    StatePage,
};
pub use statistics_pages::{CodedPage, StatisticsPages};
pub use table_seed::TableSeed;
pub use time::Second;
pub use torrents::{
    FirstTorrents, ListChange, ListSource, PeerDetails, PeerInfo, TorrentInfo, TorrentList, TorrentOrder,
};
