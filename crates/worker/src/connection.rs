//! The TCP connections of a core.
//!
//! One task serves all of them: an epoll reports which have something to read or room to write, and glommio waits for
//! the epoll only when it has nothing to report. A connection is a few hundred bytes in a slot, without a task or a
//! wait of its own, and without a buffer while it is idle.
//!
//! A turn goes from `poll` (events) and `ready` (the next connection) through `turn` and `server` to
//! `http_connection` (the state machine of a connection) and `transport` (TLS and the wire below it). A request whose
//! torrent belongs to another core goes over the mesh, and its connection waits.

mod buffers;
mod end;
mod http_connection;
mod http_limits;
mod limits;
mod listener;
mod poll;
mod prefixes;
mod ready;
mod server;
mod slot;
mod slots;
mod stream;
mod transport;
mod turn;
mod wire;

pub use buffers::Buffers;
pub use end::{End, Next, WaitsFor};
pub use http_connection::{ConnectionContext, HttpConnection};
pub use http_limits::HttpLimits;
pub(crate) use limits::TURN;
pub use listener::{BoundHttpListeners, HttpListener, Security, bind_http_listeners};
pub use prefixes::PrefixLengths;
pub use server::HttpSetup;
pub(crate) use server::{CoreContext, HttpServer};
pub(crate) use turn::wait;
pub use wire::Wire;
