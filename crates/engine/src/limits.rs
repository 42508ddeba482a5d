//! The bounds of the engine, each with its reason.

use primitives::{CompactAddress, CompactIpv6, ShardCount};
use udp_protocol::AnnounceResponse;

/// Datagrams of one batch. More would not save system calls that matter, and would keep the core's other tasks waiting.
pub const BATCH_DATAGRAMS_MAX: usize = 256;

/// The most peers in one answer. BEP 15 clients have room for 200 in practice.
pub(crate) const PEERS_PER_REPLY_MAX: u16 = 200;

/// Bytes of the longest reply: an announce's with 200 IPv6 peers. A scrape's is shorter.
pub const REPLY_BYTES_MAX: usize =
    AnnounceResponse::BYTES + PEERS_PER_REPLY_MAX as usize * CompactIpv6::BYTES;

/// Requests of one core's HTTP clients that may be at one other core: each takes 7 KiB, or 11 KiB once it has brought peers'
/// ids, and is back within a few batches of datagrams. A core that is slow holds up what is for it and nothing else.
const ROUTED_PER_OWNER_MAX: usize = 256;

/// The least that each owner has on a tracker with many cores, where a pair of cores exchanges little.
const ROUTED_PER_OWNER_MIN: usize = 16;

/// Requests of one core's HTTP clients in all, dealt out to the other cores: 7 to 11 MiB.
const ROUTED_PER_CORE: usize = 1024;

/// Returns how many routed requests of one core's HTTP clients may be at one other core of a tracker with this many shards.
#[must_use]
pub fn routed_requests_per_owner(shards: ShardCount) -> usize {
    let owners = usize::from(shards.get()).saturating_sub(1).max(1);
    (ROUTED_PER_CORE / owners).clamp(ROUTED_PER_OWNER_MIN, ROUTED_PER_OWNER_MAX)
}

/// Swarms that a scan of torrents looks at in one step: about 30 microseconds, between which the core can see to its
/// requests.
pub(crate) const SCAN_SWARMS: usize = 256;

/// Bytes of an IPv4 header without options and a UDP header.
pub const IPV4_UDP_HEADER_BYTES: u16 = 20 + 8;

/// Bytes of an IPv6 header and a UDP header.
pub const IPV6_UDP_HEADER_BYTES: u16 = 40 + 8;

/// The smallest path MTU that can be configured: every IPv4 host takes 576 bytes (RFC 791).
pub(crate) const PATH_MTU_BYTES_MIN: u16 = 576;

/// Turns of the timer, of which there are ten a second, for each count of what lists and keys take.
pub(crate) const ACCESS_BYTES_EVERY_TURNS: u32 = 10;

/// Accounts or torrents in one event for the control plane: they are read from memory that was in use a moment before.
pub(crate) const EVENT_ITEMS_MAX: usize = 1024;

/// Why writing an answer cannot fail.
pub(crate) const ROOM: &str = "the buffer has RESPONSE_BYTES_MAX bytes, which every answer fits in";
