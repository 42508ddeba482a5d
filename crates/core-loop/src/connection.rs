//! The TCP connections of a core.
//!
//! A connection is a few hundred bytes in a slot, without a buffer while it is idle. A turn goes from `ready` (the next
//! connection) through `turn` and `server` to `http_connection` (the state machine of a connection) and `transport` (TLS and
//! the wire below it). A request whose torrent belongs to another core goes over the mesh, and its connection waits.

mod buffers;
mod end;
mod eviction;
mod http_connection;
mod limits;
mod ready;
mod server;
mod slot;
mod slots;
mod stream;
mod transport;
mod turn;
mod upgraded;
mod web_socket;

pub use core_link::HttpLimits;
pub use limits::FRAMES_UNSENT_BYTES_MAX;
pub(crate) use limits::TURN;
pub(crate) use server::HttpServer;
