//! The HTTP connections of a core.
//!
//! One task serves all of them: an epoll tells which have something to read or can be written to again, glommio tells
//! when the epoll has something to tell. So a connection is a few hundred bytes in a slot and nothing else: no task, no
//! wait of its own, no buffer while it is idle.
//!
//! A turn goes from `poll` (what has happened) by `accept` and `ready` (whose share is next) and `hall` (what becomes of
//! it) to `conversation` (what its bytes mean, by the engine). A request whose torrent belongs to another core becomes an
//! errand, and its connection waits (`errands`).

mod accept;
mod buffers;
mod connection;
mod conversation;
mod end;
mod errands;
mod hall;
mod limits;
mod listener;
mod poll;
mod prefixes;
mod ready;
mod serve;
mod slots;
mod stream;
mod timers;
mod wire;

pub use buffers::Buffers;
pub use conversation::{Conversation, Desk, Fate};
pub use end::{End, WaitsFor};
pub(crate) use errands::{serve_answers, serve_errands};
pub(crate) use hall::{Hall, Surroundings};
pub use hall::{HttpLimits, HttpSetup};
pub use listener::{BoundHttpListeners, HttpListener, Security, bind_http_listeners};
pub use prefixes::PrefixLengths;
pub(crate) use serve::serve_http;
pub use wire::Wire;
