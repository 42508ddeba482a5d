//! The control plane: it supervises the workers until shutdown, reports statistics and latencies, and manages the
//! running tracker: lists, keys, bans, and what the database stores of them. It runs on one ordinary tokio runtime; the
//! data plane never waits for it. It reaches the cores only through `core-link`, the threads of the workers through the
//! trait [`Workers`], and the service manager through [`ServiceManager`].
//!
//! - Supervision: `supervise` runs until shutdown, `statistics_snapshot` and `report` read and log the figures, `dumps`
//!   collects latencies (`collector`) and writes them to a log (`latency_log`).
//! - Management: `management` is the trait that the API uses, `manage` implements it, `manager` holds the state and
//!   loads and stores it, `cores` sends changes and queries to the cores and waits for their replies.
//! - By subject: lists in `access_lists`, `list_watch` and `list_file`; keys in `key_accounts` and `key_expiry`; bans
//!   in `ban_book`; counts in `completed_counts` and `totals`; torrents in `page_start` and `sorted_torrents`.

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

pub use ban_book::ConfiguredRules;
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
