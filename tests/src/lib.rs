//! Shared code of the tests that span crates: a tracker of engines without sockets, its clients, and the bodies of
//! the fuzz targets.

#![forbid(unsafe_code)]

pub mod client;
pub mod codec;
pub mod database_server;
pub mod fuzz;
pub mod http_client;
pub mod process;
pub mod simulator;
pub mod tls_client;
pub mod upstream;
pub mod web_socket_client;
