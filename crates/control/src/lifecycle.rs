//! The tracker from its start to its end: supervision and its reports, and the state of the management, which is loaded
//! at the start and saved at the stop.

mod manager;
mod memory_watch;
mod report;
mod settings;
mod shortfall_watch;
mod statistics_snapshot;
mod supervise;
mod totals;

pub use manager::Manager;
pub use settings::{LiveSettings, ManagerSettings, MemorySettings, ReloadRequest, TotalsStorage};
pub use statistics_snapshot::StatisticsSnapshot;
pub use supervise::{End, Request, ServiceManager, Supervision, SupervisionSettings, Workers, supervise};
