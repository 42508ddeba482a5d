//! One core's decisions, without IO.
//!
//! A [`Shard`] owns a slice of the info hashes: their swarms, their part of the lists, and the core's figures. Each
//! protocol has a service in front of it, [`UdpService`] and [`HttpService`], which turns (time, source, bytes) into a
//! reply, a message for another shard, or nothing. Both admit clients with the same checks in the same order
//! (`admission`) and pass the shard the same kind of announce (`AnnounceIn`).
//!
//! Nothing here has a socket, a clock, a thread or a lock, and randomness and keys come in as arguments: the same code
//! runs under the workers, the fuzz targets and the tests.
//!
//! Modules import only from those before them in this list: `now`, `limits`, `load`, `connection_id`, `settings`, `refusal`,
//! `shard`, `admission`, then `udp`, `ws` and `http`.

#![forbid(unsafe_code)]

mod admission;
mod connection_id;
mod http;
mod limits;
mod load;
mod now;
mod refusal;
mod settings;
mod shard;
mod udp;
mod ws;

pub use connection_id::{ConnectionIdError, ConnectionIdKey, ConnectionIds};
pub use http::{
    Control, FullScrape, FullScrapes, HttpExchange, HttpPolicy, HttpService, HttpStep, MessageContext,
    MessageStep, Page, PageBody, Patience, Persistence, ProxyHeaderKind, ProxyPolicy, ProxyStep,
    RoutedRequest, RoutedStep, StreamBody,
};
pub use limits::{
    BATCH_DATAGRAMS_MAX, IPV4_UDP_HEADER_BYTES, IPV6_UDP_HEADER_BYTES, REPLY_BYTES_MAX, SIGNAL_BYTES_MAX,
    routed_requests_per_owner,
};
pub use now::Now;
pub use primitives::ConnectionToken;
pub use refusal::Refusal;
pub use settings::{AnnouncePolicy, EngineSettings, ForwardingBounds, InvalidConnectionId, Secrets};
pub use shard::{
    AnyAnnounce, BranchCountScan, FirstTorrentsScan, PendingAnnounce, ScanStep, Shard, Torrents, UpdateStep,
};
pub use udp::{Inbox, Outbox, RoutedAnnounce, RoutedScrape, Routing, ScrapeStep, UdpService};
pub use ws::{AnnouncedPeer, LeaveStep, OriginRules, SignalFrame, Signals, WebSocketClient, WebSocketPolicy};
