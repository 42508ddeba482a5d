//! The swarms of one shard: announce, scrape, expire, choose peers.
//!
//! It knows no protocol, no socket and no clock. A *swarm* is the peers of one torrent in one address family.
//! Nobody but its owner core touches a shard, so there are no locks.
//!
//! How it is laid out, from the outside in:
//!
//! * [`Swarms`]: both families of a shard, and the bounds over them.
//! * `FamilySwarms`: a directory from info hash to slot, a slab of swarms, the expiry cursor.
//! * `Swarm`: one torrent. Up to two peers lie in the slab entry itself (64 bytes, IPv4); more lie in one block
//!   of their own: addresses, deadlines and tags as three columns, seeders first and leechers after, so that
//!   the peers of a reply are one or two copies.
//! * Above [`INDEX_PEERS_MIN`] peers an index from address to position replaces the scan over the tags.

#![forbid(unsafe_code)]

mod announce;
mod bucket_table;
mod choose;
mod deadline;
mod directory;
mod expiry;
mod family;
mod hashing;
mod limits;
mod peer_index;
mod shard;
mod slab;
mod storage;
mod swarm;

pub use announce::{Admission, Announce, Announced, Bound, Completion, Listing, PeerChange, SwarmCounts};
pub use directory::SwarmKey;
pub use expiry::Expired;
pub use family::{SwarmSlot, SwarmTotals};
pub use limits::{
    EMPTY_SWARM_KEPT_S, EXPIRY_ROUND_S_MIN, INDEX_PEERS_MIN, PAGE_PLACES_MAX, PEER_LIFETIME_S_MAX,
    SWARM_PEERS_MAX,
};
pub use shard::{AddressOfSwarm, Seeds, SwarmLimits, SwarmSettings, Swarms};
