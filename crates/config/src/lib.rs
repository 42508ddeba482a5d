//! The typed, validated, documented configuration.
//!
//! Every key is declared once, as a documented field of a section. The parser, the names of the environment variables,
//! the built-in defaults and the commented file of [`default_toml`] are all derived from this declaration, so that they
//! cannot diverge.
//!
//! [`load`] merges the sources of values: the environment overrides the file, and the file overrides the defaults. It
//! returns a [`Configuration`] in which every value is within its limits, with warnings about probable mistakes, or a
//! [`ConfigError`] that names the place of the invalid value and what is allowed there.
//! [`difference`] compares two configurations for a reload.
#![forbid(unsafe_code)]

mod configuration;
mod consistency;
mod declare;
mod environment;
mod error;
mod file;
pub mod limits;
mod load;
mod reload;
mod sections;
mod template;
#[cfg(test)]
mod testing;
mod values;

pub use configuration::Configuration;
pub use error::ConfigError;
pub use load::{Loaded, load, load_text};
pub use reload::{Change, Difference, Effect, difference, live_keys};
pub use sections::announces::{Access, AccessMode, Announce};
pub use sections::apis::{Api, HealthCheckApi, Metrics};
pub use sections::database::Database;
pub use sections::forwarding::{Forwarding, PrivatePeers};
pub use sections::http::{Http, Https, Proxy, ProxyHeader};
pub use sections::reports::{Latency, Log, LogFormat, LogLevel, Statistics};
pub use sections::resources::{Cores, Limits, Shutdown, Workers};
pub use sections::snapshot::Snapshot;
pub use sections::sources::{PrefixBits, Sources};
pub use sections::udp::{ConnectionIds, Filter, InvalidConnectionId, ReplySource, Steering, Udp};
pub use sections::websocket::Websocket;
pub use template::default_toml;
pub use values::choice::Switch;
pub use values::database_url::{DatabaseServer, DatabaseUrl, first_path};
pub use values::integer::Interval;
pub use values::location::Location;
pub use values::origin::Origin;
pub use values::snapshot_directory::SnapshotDirectory;
pub use values::tokens::{Token, TokenRights, Tokens};
