//! The UDP tracker protocol: BEP 15, with the options of BEP 41 and the IPv6 peers of BEP 7.
//!
//! Converts bytes to requests and responses and back. Nothing is copied out of a datagram: a request is a view of its
//! bytes. The crate does no IO, reads no clock and does not allocate, and no remote bytes can make it panic.

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

mod action;
mod limits;
mod options;
mod request;
mod response;
mod url_data;

pub use action::Action;
pub use limits::SCRAPE_HASHES_MAX;
pub use options::{AnnounceOption, AnnounceOptions, url_data_options};
pub use primitives::Numwant;
pub use request::{
    Announce, AnnounceRequest, ConnectRequest, ConnectionId, Request, RequestError, Scrape, ScrapeRequest,
    TransactionId, decode_request,
};
pub use response::{
    AnnounceResponse, ConnectResponse, ErrorResponse, Response, ResponseError, ScrapeEntry, ScrapeResponse,
    decode_response,
};
