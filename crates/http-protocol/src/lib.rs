//! The HTTP tracker protocol: BEP 3, with BEP 7, 21, 23, 24, 31 and 48.
//!
//! Converts bytes to requests and responses and back. The owner of a connection reads into its own buffer and calls:
//!
//! 1. [`read_proxy_header`], once and only on connections from a trusted proxy, for the client's address.
//! 2. [`read_request`] for the request at the front of the buffer, its size and its route.
//! 3. [`Announce::from_query`] or [`Scrape::from_query`] to decode the query.
//! 4. [`AnnounceResponse`], [`ScrapeResponse`], [`FailureResponse`], [`write_status`] or [`write_health`] to encode the
//!    response, head and body in one piece. A [`PageResponse`] may be longer than the buffer.
//!
//! A client of another tracker reads the body of its answer with [`read_announce_answer`].
//!
//! A request is a view of its bytes. The crate does no IO, reads no clock, and only [`FullScrapeResponse`] allocates.
//! No remote bytes can make it panic.

#![forbid(unsafe_code)]
#![deny(
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::arithmetic_side_effects,
    reason = "this crate parses untrusted bytes"
)]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects,
        reason = "tests use their own bytes"
    )
)]

mod address;
mod announce;
mod bencode;
mod event;
mod framing;
mod head_search;
mod headers;
mod known_headers;
mod limits;
mod percent;
mod proxy_protocol;
mod query;
mod received;
mod request;
mod response;
mod scrape;
mod status;
mod target;

pub use address::parse_address;
pub use announce::{Announce, PeerForm};
pub use event::Event;
pub use framing::{Connection, Content, Framing, Version};
pub use head_search::HeadSearch;
pub use headers::{Header, Headers};
pub use limits::{
    HEAD_BYTES_MAX, HEADERS_MAX, PEERS_MAX, PROXY_V1_BYTES_MAX, PROXY_V2_BYTES_MAX, REQUEST_LINE_BYTES_MAX,
    SCRAPE_HASHES_MAX, TEXT_BYTES_MAX,
};
pub use primitives::KeyInPath;
pub use proxy_protocol::{ProxiedSource, ProxyHeader, read_proxy_header};
pub use query::{Parameter, ParameterValue, QueryError};
pub use received::{
    Entry, ReceivedAnswer, ReceivedCounts, ReceivedError, ReceivedScrape, read_announce_answer,
    read_dictionary, read_scrape_answer,
};
pub use request::{ContentCoding, Incoming, Request, Upgrade, read_request};
pub use response::{
    AnnounceResponse, ContentType, FailureResponse, FullScrapeResponse, ListedPeer, OutOfRoom, PageResponse,
    Peers, RESPONSE_BYTES_MAX, Retry, ScrapeFile, ScrapeResponse, write_health, write_redirect, write_status,
    write_upgrade,
};
pub use scrape::Scrape;
pub use status::Status;
pub use target::{Route, SitePath};
