//! However many cores there are and wherever a datagram arrives, clients see one tracker.

mod accounting;
mod equivalence;
mod full_rings;
mod over_http;
mod requests;
mod scrapes;
