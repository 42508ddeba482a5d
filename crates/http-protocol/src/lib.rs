//! The HTTP tracker protocol: BEP 3, with BEP 7, 21, 23, 24, 31 and 48.
//!
//! Bytes to requests and responses, and back. The owner of a connection reads into a buffer of its own and asks:
//!
//! 1. behind a trusted proxy, [`read_proxy_header`] once: whose connection is this?
//! 2. [`read_request`]: is there a whole request at the front, how many bytes does it take, what does it ask for?
//! 3. [`Announce::from_query`] or [`Scrape::from_query`]: what does its query say?
//! 4. [`AnnounceResponse`], [`ScrapeResponse`], [`FailureResponse`], [`write_status`] or [`write_health`]: the bytes of
//!    the answer, head and body in one piece.
//!
//! A request is a view of its bytes. There is no IO, no clock, no allocation and nothing that remote bytes could make
//! panic.

#![forbid(unsafe_code)]
#![deny(
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::arithmetic_side_effects,
    reason = "remote bytes come here first"
)]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects,
        reason = "tests speak of bytes that they made"
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
mod request;
mod response;
mod scrape;
mod status;
mod target;

pub use address::parse_address;
pub use announce::{Announce, PeerForm};
pub use event::Event;
pub use framing::{Connection, Content, Framing, Version};
pub use head_search::{Greeting, HeadSearch};
pub use headers::{Header, HeaderIter, Headers};
pub use limits::{
    HEAD_BYTES_MAX, HEADERS_MAX, PEERS_MAX, PROXY_V1_BYTES_MAX, PROXY_V2_BYTES_MAX, REQUEST_LINE_BYTES_MAX,
    SCRAPE_HASHES_MAX, TEXT_BYTES_MAX,
};
pub use primitives::KeyInPath;
pub use proxy_protocol::{ProxiedSource, ProxyHeader, read_proxy_header};
pub use query::{Parameter, ParameterValue, QueryError};
pub use request::{ContentCoding, Incoming, Request, read_request};
pub use response::{
    AnnounceResponse, FailureResponse, FullScrapeResponse, ListedPeer, OutOfRoom, Peers, RESPONSE_BYTES_MAX,
    Retry, ScrapeFile, ScrapeResponse, write_health, write_status,
};
pub use scrape::Scrape;
pub use status::Status;
pub use target::Route;
