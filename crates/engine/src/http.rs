//! The decisions about HTTP requests (BEP 3, 7, 23, 24, 31, 48).
//!
//! A request goes from [`HttpExchange`], which knows whose connection it came by, to [`HttpService`], which reads its
//! query and makes an [`RoutedRequest`] of it. The owner of the torrent runs the errand; at home its findings are written as
//! the answer. Where home is the owner, all of it happens in one call.

mod client;
mod connection;
mod failure;
mod full_scrape;
mod policy;
mod routed;
mod service;

pub use connection::{HttpExchange, HttpStep, ProxyStep};
pub use full_scrape::{FullScrape, FullScrapes};
pub use policy::{HttpPolicy, ProxyHeaderKind, ProxyPolicy};
pub use routed::{ConnectionToken, RoutedRequest, RoutedStep};
pub use service::{HttpService, Page, Served};

/// Why an answer is written without fail.
const ROOM: &str = "the buffer has RESPONSE_BYTES_MAX bytes, which every answer fits in";
