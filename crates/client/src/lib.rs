//! A client of BitTorrent trackers over UDP (BEP 15, 41), HTTP and HTTPS (BEP 3, 7, 23, 31, 48), and of Ringtrack's management
//! API. The program `ringtrack-client` and the forwarder are built on it.
//!
//! - An [`Endpoint`] announces to one address of a tracker and scrapes it; a [`TrackerClient`] finds the addresses. `udp` and
//!   `http` have the two protocols: the pieces that the forwarder shares are public one by one, because it keeps connections and
//!   decides about redirects in its own way.
//! - [`check`] examines an address as lists of trackers and clients do.
//! - [`api`] has a method for each route of the management API.

#![forbid(unsafe_code)]

mod announce;
pub mod api;
mod certificates;
pub mod check;
mod endpoint;
mod error;
pub mod http;
mod limits;
mod resolve;
mod text;
mod tracker_url;
pub mod udp;

pub use announce::{Announce, PEER_ID_PREFIX, new_peer_id, scrape_url, udp_options};
pub use certificates::{roots_from_pem, system_roots, tls_config};
pub use endpoint::{Announced, Endpoint, Note, Scraped, ScrapedTorrent, TorrentCounts, TrackerClient};
pub use error::{Retry, TrackerError};
pub use limits::{BODY_BYTES_MAX, FAMILY_PATIENCE, HOST_BYTES_MAX, REDIRECTS_MAX, RETRANSMIT_AFTER};
pub use resolve::{Families, Resolver, first_and_soon};
pub use text::{is_plain, readable};
pub use tracker_url::{TrackerUrl, TrackerUrlError};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex whose value is sound at any time, so that a panic elsewhere does not matter.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
