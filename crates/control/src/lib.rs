//! The control plane: it watches the workers, reports statistics and latencies, and brings the tracker down.
//!
//! It runs on one ordinary tokio runtime beside the data plane, which never waits for it. It knows the workers
//! only as a [`Workers`], and the service manager only as a [`ServiceManager`].

#![forbid(unsafe_code)]

mod access_lists;
mod ban_book;
mod collector;
mod completed_counts;
mod cores;
mod dumps;
mod key_accounts;
mod key_expiry;
mod latency_log;
mod latency_reader;
mod latency_snapshot;
mod limits;
mod list_file;
mod list_watch;
mod manage;
mod management;
mod manager;
mod page_start;
mod percentile_table;
mod report;
mod shortfall_watch;
mod sorted_torrents;
mod statistics_snapshot;
mod supervise;
#[cfg(test)]
mod testing;
mod totals;
mod utc;

pub use ban_book::ConfiguredRules;
pub use cores::Cores;
pub use dumps::LatencyDumps;
pub use latency_log::{cores_missing, ends_requested_dump, newest_log};
pub use latency_reader::{LatencyLogError, read_latencies};
pub use latency_snapshot::LatencySnapshot;
pub use limits::{
    INVALID_LINES_SHOWN_MAX, LATENCY_FILE_BYTES_MAX, LIST_BATCH_TORRENTS, SORTED_TORRENTS_MAX, SUPERVISION_MS,
};
pub use list_file::{InvalidLine, ListFileError, ListReport, read_list};
pub use list_watch::{ListLook, ListWatch};
pub use management::{
    Ban, Banned, KeyInfo, KeyOutcome, LatencyInfo, ListPage, ListPlace, ListenerInfo, Management,
    ManagementError, Modes, Preface, Service, StorageInfo, StorageState, TorrentMode, TorrentPage,
    TorrentWithPeers, UserMode, WantedKey,
};
pub use manager::{CompletedStorage, Manager, ManagerSettings, TotalsStorage};
pub use percentile_table::percentile_table;
pub use report::{log_all_figures, statistics_line};
pub use statistics_snapshot::StatisticsSnapshot;
pub use supervise::{End, Request, ServiceManager, Supervision, Workers, supervise};
