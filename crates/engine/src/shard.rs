//! One core's slice of the info hashes: its swarms, its part of the lists, and its figures.

mod announce;
mod external;
mod forwarding;
mod handover;
mod newcomers;
mod ownership;
mod scan;
mod state;
mod torrents;

pub(crate) use announce::{AdmittedClient, AnnounceIn};
pub use announce::{AnyAnnounce, PendingAnnounce};
pub(crate) use ownership::Ownership;
pub use scan::{BranchCountScan, FirstTorrentsScan, ScanStep};
pub use state::{Shard, UpdateStep};
pub use torrents::Torrents;
