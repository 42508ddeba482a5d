//! The admission data of one core: which clients, keys and torrents are served, and the data recorded of them.
//!
//! [`Access`] holds all of it and answers the questions that a request asks. It is plain data of one shard: it does
//! no IO, reads no clock and knows no other core. Times are passed in; refusals and events are returned. Changes
//! arrive from the control plane as [`AccessUpdate`]s, which are sent to every core; [`AccessEvent`]s go back to it.
//!
//! Each core has its own copy, so that no request takes a lock: of the torrents those that it owns, of the keys all.
//! The rules about client software and networks are immutable and shared by all cores.
//!
//! # Memory layout
//!
//! ```text
//! TorrentTable: 4096 sorted arrays, 27 bytes per torrent
//!   [info hash: 20 | sources on lists and seen in reloads: 1 | completed count: 46 bits, 2 flags]
//! KeyTable, Accounts, PeerDetailsTable: hash tables in 1024 parts
//!   key -> number, expiry                            info hash, key, peer id -> counters (a session)
//!   key number -> changes not sent yet               info hash, address -> details of a peer
//! ClientRules, BannedNetworks: sorted arrays of prefixes and of address ranges
//! ```
//!
//! * **[`TorrentTable`]**: which torrents are on the lists, from which source, and how often each was completed. The
//!   parts are chosen by a keyed hash and searched by bisection. A full part grows by an eighth. With a million
//!   torrents one takes 29 bytes, and a look-up about 0.2 us with cold caches.
//! * **Reloads of a list** mark the torrents that the source still has; after the end of the reload a sweep removes
//!   the others, a few parts per turn. In between, the list is the union of both.
//! * **Stored counts** of completed events are added once to the events counted before they arrived, even if they
//!   arrive again. Until all have arrived ([`AccessUpdate::EndCompleted`]), a core reports no counts, because they
//!   would be too small. Torrents that are kept only for their count have a lower limit
//!   ([`TorrentTableBounds::counted_max`]), so that clients that complete unlisted torrents cannot take the room of
//!   the lists.
//! * **Recent downloads**: the last 4096 counted downloads are kept for ten minutes with info hash and peer id, so
//!   that a client that reports one over both address families is counted once.
//! * **`KeyTable` and `Accounts`**: the keys that are accepted, and the transfers with each. A session is an info
//!   hash, a key and a peer id. Changes of accounts are differences: they are merged until they are taken,
//!   and merged again if they could not be sent.
//!   Sessions are exported, and imported with what their clients reported last, so that the next report is accounted from
//!   there. An imported session counts as one that began, without transfers.
//! * **[`PeerDetailsTable`]**: details that peers reported in announces, by info hash and address, only if the policy
//!   wants them. Swarms contain addresses alone; peer ids in HTTP peer lists come from here, and so does the check that
//!   a `stopped` event comes from the client that is listed at the address.
//! * **[`ClientRules`] and [`BannedNetworks`]**: client software and networks that are not served.
//!
//! No table moves as a whole when it grows. Updates are applied in steps of 0.1 ms whose position the sender of the
//! update keeps, and sweeps in bounded pieces, one per turn.

#![forbid(unsafe_code)]

mod access;
mod accounts;
mod apply;
mod clients;
mod details;
mod key_table;
mod limits;
mod networks;
mod parted_map;
mod policy;
mod recent_completions;
#[cfg(test)]
mod testing;
mod torrent_table;
mod update;

pub use access::Access;
pub use accounts::{AccountBounds, AccountChange, SessionReport};
pub use clients::{ClientRefused, ClientRules, TooManyPrefixes};
pub use details::{DetailsBounds, PeerDetailsTable};
pub use key_table::{KeyGrant, KeyRefusal};
pub use limits::{
    DETAILS_MAX, KEYS_MAX, NETWORKS_MAX, PREFIXES_MAX, SESSIONS_MAX, SESSIONS_PER_KEY_MAX,
    TORRENT_TABLE_ENTRIES_MAX,
};
pub use networks::{BannedNetworks, NetworkRefused, TooManyNetworks, addresses_of};
pub use parted_map::{PartedMap, Sweep};
pub use policy::{
    AccessBounds, AccessPolicy, CompletedCounts, DetailsKept, Shortfalls, TorrentAdmission, TorrentRefusal,
    UserAdmission,
};
pub use recent_completions::CompletedDownload;
pub use torrent_table::{TorrentTable, TorrentTableBounds, TorrentTablePlace};
pub use update::{AccessEvent, AccessUpdate, ListQuery, ListedPage};
