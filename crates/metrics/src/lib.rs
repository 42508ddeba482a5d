//! The figures that the tracker publishes, each declared once. The log, the events, the JSON and the Prometheus text
//! are made from the declarations.
//!
//! Cores count in an array of numbers, at constant places. Names and labels are made only where figures are read.

#![forbid(unsafe_code)]

mod declare;
mod figure;
mod outcome;
mod statistics;
mod unlabelled;

pub use figure::{Figure, Kind, Label, Unit};
pub use outcome::{DropReason, ErrorReason, HttpOutcome, MessageOutcome, Outcome};
pub use statistics::{PublishedStatistics, Statistics};
pub use unlabelled::{Counter, Gauge};
