//! The tracker from its start to its end: supervision and its reports, and the state of the management, which is loaded
//! at the start and saved at the stop.

mod first_panic;
mod handover;
mod manager;
mod memory_watch;
mod report;
mod settings;
mod shortfall_watch;
mod statistics_snapshot;
mod supervise;
mod totals;

pub use first_panic::FirstPanic;
pub use handover::{KeyTransfers, PassedOn, StoredDataHandover};
pub use manager::Manager;
pub use memory_watch::resident_bytes;
pub use settings::{LiveSettings, ManagerSettings, MemorySettings, ReloadRequest, TotalsStorage};
pub use statistics_snapshot::StatisticsSnapshot;
pub use supervise::{End, Request, ServiceManager, Supervision, SupervisionSettings, Workers, supervise};
