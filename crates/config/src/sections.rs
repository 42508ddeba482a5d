//! The sections of the configuration. The documentation of their fields is the operator's reference.
//!
//! It states, in this order, what the key means, what is allowed, and what an operator gains or loses by a change. The
//! name of the environment variable and the default are appended automatically.

pub(crate) mod access;
pub(crate) mod announce;
pub(crate) mod api;
pub(crate) mod capacity;
pub(crate) mod connection_ids;
pub(crate) mod database;
pub(crate) mod health_check_api;
pub(crate) mod http;
pub(crate) mod https;
pub(crate) mod latency;
pub(crate) mod log;
pub(crate) mod proxy;
pub(crate) mod shutdown;
pub(crate) mod statistics;
pub(crate) mod udp;
pub(crate) mod workers;
