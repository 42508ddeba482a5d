//! The HTTP connections of a core.
//!
//! One task serves all of them: an epoll tells which have something to read or can be written to again, glommio tells
//! when the epoll has something to tell. So a connection is a few hundred bytes in a slot and nothing else: no task, no
//! wait of its own, no buffer while it is idle.
//!
//! A turn goes from `poll` (what has happened) by `accept` and `ready` (whose share is next) and `http_server` (what becomes of
//! it) to `http` (what its bytes mean, by the engine). A request whose torrent belongs to another core becomes an
//! errand, and its connection waits (`routed`).

mod accept;
mod buffers;
mod connection;
mod end;
mod http_connection;
mod http_server;
mod limits;
mod listener;
mod poll;
mod prefixes;
mod ready;
mod routed;
mod serve;
mod slots;
mod stream;
mod timers;
mod wire;

pub use buffers::Buffers;
pub use end::{End, WaitsFor};
pub use http_connection::{ConnectionContext, HttpConnection, Next};
pub(crate) use http_server::{CoreContext, HttpServer};
pub use http_server::{HttpLimits, HttpSetup};
pub use listener::{BoundHttpListeners, HttpListener, Security, bind_http_listeners};
pub use prefixes::PrefixLengths;
pub(crate) use routed::{serve_answers, serve_routed_ring};
pub(crate) use serve::serve_http;
pub use wire::Wire;
