//! The swarms of one shard.
//!
//! A *swarm* is the set of peers of one torrent in one family: IPv4, IPv6 or WebRTC. A *shard* is the slice of the info hashes that
//! one core owns. [`Swarms`] holds the swarms of a shard: it applies announces, answers scrapes, chooses peers for
//! replies and removes expired peers.
//!
//! The crate knows no protocol, no socket and no clock; times are passed in. Only the owner core reads or writes a
//! shard, so there are no locks.
//!
//! IPv4 clients receive and count IPv4 peers, IPv6 clients IPv6 peers, so that a client that announces over both
//! families is not counted twice in one answer. WebRTC clients can reach no others than WebRTC peers.
//!
//! A WebRTC peer has no address: others reach it through the tracker, by the connection that it announced over. Its
//! peer id identifies it. The newest connection that it announced over holds it, and only that one can make it stop, so
//! that the end of an old connection does not remove a peer that has come back over another.
//!
//! # Memory layout
//!
//! ```text
//! directory: 1024 small hash tables      slab: chunks of 512 swarms, never moved
//!   info hash -> slot (8 bytes)  ------>   [info hash | counts | earliest deadline | storage]  64 bytes (IPv4)
//!                                                                                       |
//!                       up to 2 peers: in the storage itself                            v
//!                       more: one block   [references: 6, 18 or 30 bytes each][deadlines: 2][tags: 1]
//!                                          seeders ...... | leechers ......
//!                       from 4096 peers: an index of positions and counters of hosts (about 9 bytes per peer)
//! ```
//!
//! * [`Swarms`] contains one `FamilySwarms` per family, with the limits that apply to all together. Each
//!   family has a directory from info hash to slot, a slab of swarms and an expiry cursor.
//! * **Directory.** The buckets of its tables are cache lines of eight entries, each with 32 bits of a keyed hash and
//!   a slot. Looking up a swarm costs one cache miss in the directory and one for the swarm.
//! * **Swarm.** A peer is a [`primitives::PeerReference`]: its address and port, or its peer id and connection. Up to two
//!   peers are stored in the slab entry itself, more in one block with three columns: references, deadlines and tags
//!   (one byte of a keyed hash per peer). In swarms of up to 16 peers the identities are compared; above, `memchr` scans
//!   the tags; from [`INDEX_PEERS_MIN`] peers on, an index maps the identity to its position.
//! * **Order.** Seeders are stored before leechers in all three columns. A change of status swaps two peers at the
//!   border; a removal moves at most two.
//! * **Choice of peers.** A seeder receives leechers. A leecher receives both, half and half if there are enough. The
//!   peers of each side are a run of neighbours that starts at a random position and wraps around, without the
//!   requester, so that they take one or two copies.
//! * **Deadlines** are multiples of four seconds, modulo 2^16. The two lowest bits record that the completed event of the
//!   peer was counted, which happens for listed leechers only, and that the peer is *proven*: it has given a
//!   sign of life half a minute after another, or the minimum interval if that is longer.
//! * **Expiry** is a cursor over the slab with a budget of work per turn, which the worker sets so that a turn takes
//!   about a millisecond. A swarm whose earliest deadline has not passed costs one look. Between two sweeps an
//!   expired peer still counts, but is never returned.
//! * **Growth.** The directory grows and shrinks in 1024 separate tables, an index in 64, the slab by chunks, so that
//!   no growth moves a whole table. The block of a swarm is the exception: it is copied when it grows by about a
//!   quarter, which takes about 4 ms for a million IPv4 peers. [`SwarmLimits::swarm_peers_max`] limits it.
//! * **Empty swarms** are removed at once, or kept for 8 hours ([`EMPTY_SWARM_KEPT_S`]) if they have a count of
//!   downloads and there is room.
//! * **Limits.** When one is reached, a newcomer takes the place of another: of a swarm or peer in a random sample, those
//!   whose lifetime has passed first, then those with neither a proven peer nor peers of two hosts, then the least recently
//!   heard, and big swarms last. Swarms of made-up torrents so displace each other. At the memory limit a newcomer takes a
//!   slot, or the block of a small swarm without a proven peer, or else replaces a peer of its own swarm; in a big swarm it
//!   always does. While slabs exceed a lowered limit, expiry moves swarms to the first chunks and frees the last ones. Whoever remembers torrents or peers learns of these as of expired ones: by looking.
//! * **Handover.** Swarms are exported in pages of records, and changes are recorded in the same form while that is wanted
//!   (`records.rs`). Another shard imports both: it translates deadlines to its clock, leaves out peers whose lifetime has
//!   passed, and takes no more than its limits admit. Downloads are imported as counts, not as completed events.
//! * **Hosts.** A swarm has a few peers of one host, an IPv4 address or a /64 of IPv6. A further one takes the place of
//!   another of its host. They are found by a scan; where there is an index, it has counters of hosts (two to four bytes
//!   per peer), and a further peer is refused unless a random sample has another of its host.

#![forbid(unsafe_code)]

mod announce;
mod bucket_table;
mod choose;
mod chunk_set;
mod deadline;
mod directory;
mod eviction;
mod expiry;
mod export;
mod family;
mod hashing;
mod host_counts;
mod import;
mod limits;
mod newcomers;
mod peer_index;
mod records;
mod room;
mod shard;
mod slab;
mod storage;
mod swarm;

pub use announce::{Announce, Announced, Bound, Completion, Evicted, Listing, PeerChange, SwarmCounts};
pub use directory::SwarmKey;
pub use expiry::Expired;
pub use family::{SwarmSlot, SwarmTotals};
pub use import::ImportRules;
pub use limits::{
    EMPTY_SWARM_KEPT_S, EXPIRY_ROUND_S_MIN, HOST_PEERS_MAX, INDEX_PEERS_MIN, PAGE_PLACES_MAX,
    PEER_LIFETIME_S_MAX, SWARM_PEERS_MAX,
};
pub use newcomers::{HostLimit, Newcomers, PeerVerdict, SourceVerdict, TorrentVerdict};
pub use shard::{AddressOfSwarm, PeerOfSwarm, Seeds, SwarmLimits, SwarmSettings, Swarms};
