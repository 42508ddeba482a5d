//! Clients see one tracker, whatever the number of cores and wherever a datagram arrives.

mod accounting;
mod equivalence;
mod full_rings;
mod over_http;
mod requests;
mod scrapes;
