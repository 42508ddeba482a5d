//! The sections of the configuration. The documentation of their fields is the operator's reference.
//!
//! It states, in this order, what the key means, what is allowed, and what an operator gains or loses by a change. The
//! name of the environment variable and the default are appended automatically.

pub(crate) mod announces;
pub(crate) mod apis;
pub(crate) mod database;
pub(crate) mod forwarding;
pub(crate) mod http;
pub(crate) mod reports;
pub(crate) mod resources;
pub(crate) mod snapshot;
pub(crate) mod sources;
pub(crate) mod udp;
pub(crate) mod websocket;
