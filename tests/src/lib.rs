//! What the tests that span crates share: a tracker of engines without sockets, clients for it, and the bodies
//! of the fuzz targets.

#![forbid(unsafe_code)]

pub mod client;
pub mod database_server;
pub mod fuzz;
pub mod http_client;
pub mod http_server;
pub mod simulator;
pub mod tls_client;
