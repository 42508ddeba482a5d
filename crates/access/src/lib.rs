//! What one core knows of who may announce what.
//!
//! Plain data of one shard: it does no IO, reads no clock and knows no other core. Time comes in, refusals and facts go
//! out. Changes come from the control plane as [`AccessUpdate`]s, which all cores are sent and of which each keeps its own
//! part; facts go back there.
//!
//! * [`Access`]: all of it, and the questions that a request asks.
//! * [`TorrentRegister`]: which torrents are on the lists, and how often each was completed.
//! * [`KeyRing`] and [`Accounts`]: who is let in, and what was transferred with each key.
//! * [`PeerDetailsTable`]: what peers said of themselves, where the operator wants it kept.
//! * [`ClientRules`] and [`BannedNetworks`]: software and networks that are not served.
//!
//! No table moves as a whole when it grows, and every sweep is done in bounded pieces.

#![forbid(unsafe_code)]

mod limits;
mod register;
mod seed;
mod sweep;

pub use limits::REGISTER_ENTRIES_MAX;
pub use register::{
    Counted, ListedTorrent, Membership, Put, RegisterBounds, RegisterPlace, Remembered, Standing, TakenOff,
    TorrentRegister,
};
pub use seed::TableSeed;
pub use sweep::Sweep;
