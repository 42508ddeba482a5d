//! What one core knows of who may announce what.
//!
//! Plain data of one shard: it does no IO, reads no clock and knows no other core. Time comes in, refusals and facts go
//! out. Changes come from the control plane as [`AccessUpdate`]s, which all cores are sent and of which each keeps its own
//! part; facts go back there.
//!
//! * [`Access`]: all of it, and the questions that a request asks.
//! * [`TorrentTable`]: which torrents are on the lists, and how often each was completed.
//! * [`KeyTable`] and [`Accounts`]: who is let in, and what was transferred with each key.
//! * [`PeerDetailsTable`]: what peers said of themselves, where the operator wants it kept.
//! * [`ClientRules`] and [`BannedNetworks`]: software and networks that are not served.
//!
//! No table moves as a whole when it grows, and every sweep is done in bounded pieces.

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
mod sweep;
#[cfg(test)]
mod testing;
mod torrent_table;
mod update;

pub use access::Access;
pub use accounts::{AccountBounds, AccountChange, Accounts, Noted, SessionReport};
pub use clients::{ClientRefused, ClientRules, TooManyPrefixes};
pub use details::{DetailsBounds, Heard, HeardPeer, PeerDetailsTable};
pub use key_table::{KeyGrant, KeyPut, KeyRefusal, KeyTable};
pub use limits::{
    DETAILS_MAX, KEYS_MAX, NETWORKS_MAX, PREFIXES_MAX, SESSIONS_MAX, SESSIONS_PER_KEY_MAX,
    TORRENT_TABLE_ENTRIES_MAX,
};
pub use networks::{BannedNetworks, NetworkRefused, TooManyNetworks};
pub use policy::{
    AccessBounds, AccessPolicy, CompletedCounts, DetailsKept, Shortfalls, TorrentAdmission, TorrentRefusal,
    UserAdmission,
};
pub use recent_completions::CompletedDownload;
pub use sweep::Sweep;
pub use torrent_table::{
    Counted, ListStatus, ListedTorrent, Membership, Put, Remembered, TakenOff, TorrentTable,
    TorrentTableBounds, TorrentTablePlace,
};
pub use update::{AccessUpdate, CoreEvent, ListQuery, ListedPage};
