//! Fits the configuration to this machine, and finds all errors in it that need no open socket.

use crate::cores::choose_cores;
use crate::forwarding::configured_upstreams;
use crate::http_settings::IdentityFiles;
use crate::keys::Keys;
use crate::memory::memory_max_bytes;
use anyhow::ensure;
use config::Configuration;
use forwarder::Upstream;
use primitives::ShardCount;
use std::path::Path;
use std::sync::Arc;
use tls::ServerIdentity;

/// The least memory that a shard can work with: its empty tables and a few thousand peers.
const SHARD_BYTES_MIN: u64 = 1 << 20;

/// A configuration that fits this machine.
pub(crate) struct Prepared<'a> {
    /// The file that the configuration was read from.
    pub(crate) file: Option<&'a Path>,
    pub(crate) configuration: &'a Configuration,
    /// The cores that get a worker each.
    pub(crate) cores: Vec<usize>,
    pub(crate) shards: ShardCount,
    pub(crate) keys: Keys,
    /// Limit for the swarms of all shards together.
    pub(crate) memory_max_bytes: u64,
    /// Certificate and key, if HTTPS is served.
    pub(crate) identity: Option<Arc<ServerIdentity>>,
    /// The trackers to which torrents are announced, if forwarding is on.
    pub(crate) upstreams: Option<Vec<Upstream>>,
}

pub(crate) fn prepare<'a>(
    file: Option<&'a Path>,
    configuration: &'a Configuration,
) -> anyhow::Result<Prepared<'a>> {
    let cores = choose_cores(&configuration.workers.cores)?;
    let shards = ShardCount::new(cores.len())?;
    let keys = Keys::make(configuration.connection_ids.key_file.as_deref())?;
    let memory_max_bytes = memory_max_bytes(configuration.limits.memory_max_mib)?;
    let least_bytes = SHARD_BYTES_MIN * u64::from(shards.get());
    ensure!(
        memory_max_bytes >= least_bytes,
        "limits.memory_max_mib leaves less than 1 MiB for each of {} cores: at least {} are needed",
        shards.get(),
        least_bytes >> 20
    );
    let identity = IdentityFiles::of(configuration).map(|files| files.load()).transpose()?;
    let upstreams = configured_upstreams(configuration)?;
    Ok(Prepared { file, configuration, cores, shards, keys, memory_max_bytes, identity, upstreams })
}
