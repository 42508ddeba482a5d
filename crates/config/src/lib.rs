//! The typed, validated, documented configuration.
//!
//! Every key is a documented field of one of the section structs. The parser, the names of the environment variables,
//! the built-in defaults and the commented file of [`default_toml`] are all derived from these fields, so that they
//! cannot diverge.
//!
//! [`load`] merges the sources of values: the environment overrides the file, and the file overrides the defaults. It
//! returns a [`Configuration`] in which every value is within its limits, with warnings about probable mistakes, or a
//! [`ConfigError`] that names the place of the invalid value and what is allowed there.
#![forbid(unsafe_code)]

mod assignment;
mod configuration;
mod consistency;
mod environment;
mod error;
mod file;
mod key;
pub mod limits;
mod load;
mod redacted;
mod sections;
mod template;
#[cfg(test)]
mod testing;
mod values;

pub use configuration::Configuration;
pub use error::ConfigError;
pub use load::{Loaded, load};
pub use sections::access::{Access, AccessMode};
pub use sections::announce::Announce;
pub use sections::api::Api;
pub use sections::capacity::{Limits, MemoryLimit};
pub use sections::connection_ids::{ConnectionIdKey, ConnectionIds, InvalidConnectionId};
pub use sections::database::Database;
pub use sections::health_check_api::HealthCheckApi;
pub use sections::http::Http;
pub use sections::https::{Https, PemFile};
pub use sections::latency::{Latency, LatencyDirectory};
pub use sections::log::{Log, LogFormat, LogLevel};
pub use sections::proxy::{Proxy, ProxyHeader};
pub use sections::shutdown::Shutdown;
pub use sections::statistics::Statistics;
pub use sections::udp::{ReplySource, Steering, Udp};
pub use sections::workers::{Cores, Workers};
pub use template::default_toml;
pub use values::database_url::{DatabaseServer, DatabaseSystem, DatabaseUrl};
pub use values::interval::Interval;
pub use values::named_file::NamedFile;
pub use values::switch::Switch;
pub use values::tokens::{Token, TokenRights, Tokens};
