//! The figures that the tracker publishes, each declared once. The log, the events, the JSON and the Prometheus text
//! are made from the declarations.
//!
//! Cores count in an array of numbers, at constant places. Names and labels are made only where figures are read.

#![forbid(unsafe_code)]

mod core_figures;
mod declare;
mod distribution;
mod figure;
mod other_figures;
mod outcome;
mod statistics;
mod sync;

pub use core_figures::{Counter, Gauge};
pub use distribution::Distribution;
pub use figure::{Figure, Kind, Label, Unit};
pub use other_figures::{ControlFigure, Histogram, MemoryShare, ProcessFigure, UpstreamFigure};
pub use outcome::{ConnectionOutcome, DropReason, ErrorReason, HttpOutcome, MessageOutcome, Outcome};
pub use statistics::{PublishedStatistics, Statistics};
