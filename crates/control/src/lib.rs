//! The control plane: it watches the workers, reports statistics and brings the tracker down.
//!
//! It runs on one ordinary tokio runtime beside the data plane, which never waits for it. It knows the workers
//! only as a [`Fleet`], and the service manager only as a [`ServiceManager`].

#![forbid(unsafe_code)]

mod limits;
mod report;
mod statistics_board;
mod supervise;

pub use limits::SUPERVISION_MS;
pub use report::{log_all_figures, statistics_line};
pub use statistics_board::StatisticsBoard;
pub use supervise::{End, Fleet, Request, ServiceManager, Supervision, supervise};
