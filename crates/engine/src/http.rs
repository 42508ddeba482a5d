//! Decisions about HTTP requests (BEP 3, 7, 23, 24, 31, 48).
//!
//! [`HttpExchange`] reads the requests of one connection and identifies the client. [`HttpService`] admits the client,
//! reads the query and makes a [`RoutedRequest`] of it, which the owner of the torrent carries out. The home of the
//! connection writes the result as the answer. Where home is the owner, all of this happens in one call.

mod client;
mod exchange;
mod failure;
mod full_scrape;
mod messages;
mod policy;
mod routed;
mod routed_pool;
mod service;
mod site;
mod stream_body;

pub use exchange::{HttpExchange, HttpStep, ProxyStep};
pub use full_scrape::{FullScrape, FullScrapes};
pub use messages::{Control, MessageContext, MessageStep, Patience};
pub use policy::{HttpPolicy, ProxyHeaderKind, ProxyPolicy};
pub use routed::{RoutedRequest, RoutedStep};
pub use service::{HttpService, Page, Persistence};
pub use stream_body::{PageBody, StreamBody};
