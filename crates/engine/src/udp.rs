//! Decisions about datagrams (BEP 15, 41).
//!
//! A batch goes through three stages, each over the whole batch so that cache misses overlap:
//!
//! 1. `decide`: decode, admit the client, find the owner of the info hash;
//! 2. look up: find the swarms;
//! 3. carry out: apply and encode.

mod batch;
mod decide;
mod decision;
mod error_reply;
mod routed;
mod scrape;
mod service;

pub use batch::{Inbox, Outbox, Routing};
pub use routed::RoutedAnnounce;
pub use scrape::{RoutedScrape, ScrapeStep};
pub use service::UdpService;
