//! One core's decisions, without IO.
//!
//! The engine turns (time, source, bytes) into a reply, a route to another shard, or nothing. It has no socket,
//! clock, thread or lock, and its randomness and keys come in as arguments: the same code runs under the
//! workers, the fuzz targets and the tests.
//!
//! A batch goes through three stages, each over the whole batch so that cache misses overlap:
//!
//! 1. decide: decode, check the connection id, find the owner of the info hash;
//! 2. find the swarms;
//! 3. apply and encode.

#![forbid(unsafe_code)]

mod announce;
mod batch;
mod connection_id;
mod decide;
mod engine;
mod error_reply;
mod http;
mod limits;
mod peer_report;
mod refusal;
mod scan;
mod scrape;
mod settings;
mod torrents;
mod updates;

pub use announce::{PendingAnnounce, RoutedAnnounce};
pub use batch::{Inbox, Outbox, Routing};
pub use connection_id::{ConnectionIdError, ConnectionIdKey, ConnectionIds};
pub use engine::Engine;
pub use http::{
    ConnectionToken, FullScrape, FullScrapes, HttpExchange, HttpPolicy, HttpService, HttpStep, Page,
    ProxyHeaderKind, ProxyPolicy, ProxyStep, RoutedRequest, RoutedStep, Served,
};
pub use limits::{
    BATCH_DATAGRAMS_MAX, IPV4_UDP_HEADER_BYTES, IPV6_UDP_HEADER_BYTES, REPLY_BYTES_MAX,
    routed_requests_per_owner,
};
pub use refusal::Refusal;
pub use scan::{RunningScan, ScanStep};
pub use scrape::{RoutedScrape, ScrapeStep};
pub use settings::{AnnouncePolicy, EngineSettings, InvalidConnectionId, Secrets};
pub use updates::UpdateStep;

use primitives::Second;

/// The time of a batch. It is read once for all of its datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// For lifetimes.
    pub monotonic: Second,
    /// Seconds since the Unix epoch, for connection ids: nodes that share a key share this time too.
    pub unix_s: u64,
}
