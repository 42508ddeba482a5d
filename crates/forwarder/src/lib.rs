//! Forwarding: announces the torrents of local peers to upstream trackers, and passes the peers that these return to the
//! owners of the torrents.
//!
//! `schedule` decides what is announced when, and never waits. `driver` has a task for each upstream tracker, which waits for
//! its next announce and sends it by the `client`, and one that takes changes of torrents from the `inbox`. `owners` sends tasks
//! to the cores.

#![forbid(unsafe_code)]

mod announce;
mod backoff;
mod circuit;
mod client;
mod driver;
mod forwarder;
mod inbox;
mod info;
mod limits;
mod owners;
mod rate;
mod schedule;
mod upstream;
mod upstreams_file;

pub use forwarder::{AddError, Forwarder, ForwarderSettings, PrivatePeers};
pub use info::{FailureKind, UpstreamFigures, UpstreamInfo, UpstreamState};
pub use upstream::{Upstream, UpstreamError, UpstreamFields};
pub use upstreams_file::{UpstreamsFileError, parse_upstreams, read_upstreams};
