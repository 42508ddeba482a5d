//! The limits of the engine, each with its reason.

use primitives::{CompactIpv6, PeerReference, ShardCount};
use udp_protocol::AnnounceResponse;

/// Datagrams in a batch. Larger batches save few system calls and delay the core's other tasks.
pub const BATCH_DATAGRAMS_MAX: usize = 256;

/// Peers in one answer at most. In practice BEP 15 clients have room for 200.
pub(crate) const PEERS_PER_REPLY_MAX: u16 = 200;

/// Bytes of the longest reply, an announce response with 200 IPv6 peers. Scrape responses are shorter.
pub const REPLY_BYTES_MAX: usize =
    size_of::<AnnounceResponse>() + PEERS_PER_REPLY_MAX as usize * CompactIpv6::BYTES;

/// Units of expiry before a page is imported: more swarms are visited than a page has, in 0.1 ms at most. A core that imports
/// before it serves has no other turns of expiry.
pub(crate) const IMPORT_EXPIRY_WORK: u32 = 1 << 14;

/// Requests of one core's HTTP clients, messages included, that may be at one other core. Each takes 7 KiB, or 11 KiB once
/// it has carried peer ids, while it carries a message also its bytes, and returns within a few batches of datagrams. A slow core delays only the requests of its own torrents.
const ROUTED_PER_OWNER_MAX: usize = 256;

/// The smallest limit per owner, on a tracker with many cores, where a pair of cores exchanges few requests.
const ROUTED_PER_OWNER_MIN: usize = 16;

/// Requests of one core's HTTP clients that may be at other cores in total, 7 to 11 MiB, divided among those cores.
const ROUTED_PER_CORE: usize = 1024;

/// Returns how many requests of one core's HTTP clients may be at one other core of a tracker with this many shards.
#[must_use]
pub fn routed_requests_per_owner(shards: ShardCount) -> usize {
    let owners = usize::from(shards.get()).saturating_sub(1).max(1);
    (ROUTED_PER_CORE / owners).clamp(ROUTED_PER_OWNER_MIN, ROUTED_PER_OWNER_MAX)
}

/// Peers that may be wanted for one announce over a WebSocket: more than any limit on its offers that can be configured.
pub(crate) const OFFERS_MAX: usize = 64;

/// Bytes of the longest offer or answer that is passed on. Browsers describe a session in one to two kilobytes, in ten with
/// many addresses and codecs; longer ones would only fill queues.
pub const SIGNAL_BYTES_MAX: usize = 16 << 10;

/// Bytes of an offer or answer that count as one towards the limit of a connection.
pub(crate) const USUAL_SIGNAL_BYTES: usize = 2048;

/// Peer ids that one connection may announce for one torrent, so that it does not take most offers of a swarm. A page has
/// one, or a few if it runs several clients.
pub(crate) const PEER_IDS_PER_TORRENT_MAX: usize = 8;

/// Swarms that a scan of torrents visits in one step of about 30 microseconds. The core serves requests between steps.
pub(crate) const SCAN_SWARMS: usize = 256;

/// Torrents that a step of an update drops: each takes one or two microseconds, with its swarms of all families.
pub(crate) const DROPPED_SWARMS_MAX: usize = 64;

/// Bytes of an IPv4 header without options and a UDP header.
pub const IPV4_UDP_HEADER_BYTES: u16 = 20 + 8;

/// Bytes of an IPv6 header and a UDP header.
pub const IPV6_UDP_HEADER_BYTES: u16 = 40 + 8;

/// The smallest path MTU that can be configured: every IPv4 host takes 576 bytes (RFC 791).
pub(crate) const PATH_MTU_BYTES_MIN: u16 = 576;

/// Timer turns, of which there are ten a second, from one measurement of the memory of lists and keys to the next.
pub(crate) const ACCESS_BYTES_EVERY_TURNS: u32 = 10;

/// Accounts or torrents in one event for the control plane. They changed recently, so their memory is still cached.
pub(crate) const EVENT_ITEMS_MAX: usize = 1024;

/// External peers of one family that are kept of a torrent: as many as an answer has at most.
pub(crate) const EXTERNAL_PEERS_PER_TORRENT_MAX: usize = PEERS_PER_REPLY_MAX as usize;

/// External peers that are looked at for each place in an answer, of which some may be the torrent's own peers too.
pub(crate) const EXTERNAL_PEERS_PER_PLACE_MAX: usize = 4;

/// Changes of swarms that wait to be reported: as many as one turn of the timer reports, in 230 KB. The sweep finds the others
/// again.
pub(crate) const SWARM_CHANGES_MAX: usize = 4 * EVENT_ITEMS_MAX;

/// One in this many sweeps visits a part of the table of forwarded torrents, of 1024: all of them in 80 seconds. With 100,000 torrents
/// a part takes some 50 microseconds, for which requests should not wait often.
pub(crate) const FORWARDED_SWEEP_EVERY: u32 = 4;

/// Peers of one torrent that other forwarders announced and that are told from local ones: more trackers than ever forward to each
/// other.
pub(crate) const FORWARDER_PEERS_MAX: usize = 8;

/// Peers of a swarm among which a representative is chosen at random, if none has announced since the last one left.
pub(crate) const REPRESENTATIVES_VISITED_MAX: usize = 64;

/// Seconds after which the first clients of a torrent are to announce again: by then upstream trackers have returned peers, for
/// which they would wait half an hour otherwise.
pub(crate) const FIRST_INTERVAL_S: u32 = 60;

/// Seconds by which that is scattered, so that clients do not announce in step after a restart.
pub(crate) const FIRST_INTERVAL_JITTER_S: u32 = 30;

/// Requests of a connection in a row whose source is banned or over its limit, after which the connection is closed. A client
/// that has been told so stops; these may have been under way.
pub(crate) const REFUSED_REQUESTS_MAX: u32 = 16;

/// Peers of a swarm from which on its interval grows: an answer shows few of them, so that their lists may be older.
pub(crate) const BIG_SWARM_PEERS: u64 = 1000;

/// Share of a core's time, in thousandths, from which on intervals grow: below, bursts find room.
pub(crate) const BUSY_PERMILLE_MIN: u32 = 700;

/// Thousandths of the way to the longest interval that one turn of the timer moves: from one end to the other in 20 seconds.
pub(crate) const LOAD_STEP_PERMILLE: u32 = 5;

/// Why writing an answer cannot fail.
pub(crate) const ROOM: &str = "the buffer has RESPONSE_BYTES_MAX bytes, which every answer fits in";
