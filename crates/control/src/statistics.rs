//! The statistics page: once a second, the figures of all cores are taken together, rendered as HTML and JSON, and
//! sent to the cores, which answer requests from these bytes.

mod chart;
mod clients;
mod figures;
mod history;
mod html;
mod publisher;
mod text;

pub use clients::Windows;
pub use publisher::publish_statistics;
pub(crate) use text::Thousands;
