//! The control plane: it supervises the workers until shutdown, reports statistics and latencies, and manages the
//! running tracker: lists, keys, bans, upstream trackers, and what the database stores. It runs on one ordinary tokio
//! runtime; the data plane never waits for it. It reaches the cores only through `core-link`, the threads of the workers
//! through the trait [`Workers`], and the service manager through [`ServiceManager`].
//!
//! [`management`] has the traits of what can be asked and changed, as the management API uses them. Each subject has a folder with its
//! part of it, its state, its lock and its loader: `keys`, `lists`, `bans`, `sources`, `torrents`, `snapshots` and `latency`. All of them send
//! changes to the cores and to the database through `shared`; `forwarding` passes them to the forwarder. `lifecycle` starts,
//! loads, saves and stops them, and supervises the workers. `statistics` makes the page that the cores serve.

#![forbid(unsafe_code)]

mod bans;
mod forwarding;
mod keys;
mod latency;
mod lifecycle;
mod limits;
mod lists;
pub mod management;
mod shared;
mod snapshots;
mod sources;
mod statistics;
#[cfg(test)]
mod testing;
mod time;
mod torrents;

pub use self::latency::{LatencyDumps, LatencySnapshot};
pub use bans::ConfiguredRules;
pub use lifecycle::{
    End, FirstPanic, KeyTransfers, LiveSettings, Manager, ManagerSettings, MemorySettings, PassedOn,
    ReloadRequest, Request, ServiceManager, StatisticsSnapshot, StoredDataHandover, Supervision,
    SupervisionSettings, TotalsStorage, Workers, resident_bytes, supervise,
};
pub use lists::{ListFileError, check_list_file};
pub use snapshots::SnapshotSettings;
pub use sources::{ApiGuard, SourceSettings};
pub use statistics::{Windows, publish_statistics};
