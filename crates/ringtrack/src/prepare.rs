//! Fits the configuration to this machine, and finds all errors in it that need no open socket.

use crate::cores::choose_cores;
use crate::keys::Keys;
use crate::memory::memory_max_bytes;
use crate::source::{NamedFiles, Source};
use crate::tuning::Machine;
use anyhow::ensure;
use config::Configuration;
use primitives::ShardCount;

/// The least memory that a shard can work with: its empty tables and a few thousand peers.
const SHARD_BYTES_MIN: u64 = 1 << 20;

/// A configuration that fits this machine.
pub(crate) struct Prepared<'a> {
    /// Where the configuration was read from.
    pub(crate) source: &'a Source,
    pub(crate) configuration: &'a Configuration,
    /// The cores that get a worker each.
    pub(crate) cores: Vec<usize>,
    pub(crate) shards: ShardCount,
    pub(crate) keys: Keys,
    /// Limit for the swarms of all shards together.
    pub(crate) memory_max_bytes: u64,
    pub(crate) files: NamedFiles,
}

impl Prepared<'_> {
    pub(crate) const fn machine(&self, connections_max: u32) -> Machine {
        Machine { shards: self.shards, memory_max_bytes: self.memory_max_bytes, connections_max }
    }
}

pub(crate) fn prepare<'a>(
    source: &'a Source,
    configuration: &'a Configuration,
) -> anyhow::Result<Prepared<'a>> {
    let cores = choose_cores(&configuration.workers.cores)?;
    let shards = ShardCount::new(cores.len())?;
    let keys = Keys::make(configuration.connection_ids.key_file.as_deref())?;
    let memory_max_bytes = swarm_bytes_max(configuration, shards)?;
    let files = NamedFiles::read(configuration)?;
    Ok(Prepared { source, configuration, cores, shards, keys, memory_max_bytes, files })
}

/// Returns the limit for the swarms of all shards together.
pub(crate) fn swarm_bytes_max(configuration: &Configuration, shards: ShardCount) -> anyhow::Result<u64> {
    let memory_max_bytes = memory_max_bytes(configuration.limits.memory_max_mib)?;
    let least_bytes = SHARD_BYTES_MIN * u64::from(shards.get());
    ensure!(
        memory_max_bytes >= least_bytes,
        "limits.memory_max_mib leaves less than 1 MiB for each of {} cores: at least {} are needed",
        shards.get(),
        least_bytes >> 20
    );
    Ok(memory_max_bytes)
}
