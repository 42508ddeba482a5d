//! Fits the configuration to this machine, and finds all errors in it that need no open socket.

use crate::cores::choose_cores;
use crate::keys::Keys;
use crate::memory::{FixedAtStart, Plan, PlanInputs, ceiling_bytes};
use crate::snapshots::Snapshots;
use crate::source::{NamedFiles, Source};
use crate::tuning::Machine;
use config::Configuration;
use primitives::ShardCount;
use snapshot::Secrets;

/// A configuration that fits this machine.
pub(crate) struct Prepared<'a> {
    /// Where the configuration was read from.
    pub(crate) source: &'a Source,
    /// The cores that get a worker each.
    pub(crate) cores: Vec<usize>,
    pub(crate) shards: ShardCount,
    pub(crate) keys: Keys,
    pub(crate) memory: Plan,
    pub(crate) files: NamedFiles,
    /// `None` for no snapshots.
    pub(crate) snapshots: Option<Snapshots>,
}

impl Prepared<'_> {
    /// Returns the configuration with the limits that fit into the memory.
    pub(crate) const fn configuration(&self) -> &Configuration {
        &self.memory.effective
    }

    pub(crate) const fn machine(&self, connections_max: u32) -> Machine<'_> {
        Machine { memory: &self.memory, connections_max }
    }
}

/// `handed_over` has the secrets of the process that hands its swarms over, if there is one. Otherwise they are those of a snapshot.
pub(crate) fn prepare<'a>(
    source: &'a Source,
    configuration: &Configuration,
    handed_over: Option<&Secrets>,
) -> anyhow::Result<Prepared<'a>> {
    let cores = choose_cores(&configuration.workers.cores)?;
    let shards = ShardCount::new(cores.len())?;
    let snapshots = match handed_over {
        Some(_) => Snapshots::unseen(configuration),
        None => Snapshots::find(configuration),
    };
    let before = handed_over.or_else(|| snapshots.as_ref().and_then(Snapshots::secrets));
    let keys = Keys::make(configuration.connection_ids.key_file.as_deref(), before)?;
    let files = NamedFiles::read(configuration)?;
    let memory = plan_memory(configuration, shards, &files, None)?;
    Ok(Prepared { source, cores, shards, keys, memory, files, snapshots })
}

/// Plans the memory, at the start or for what is already `running`.
pub(crate) fn plan_memory(
    configuration: &Configuration,
    shards: ShardCount,
    files: &NamedFiles,
    running: Option<FixedAtStart>,
) -> anyhow::Result<Plan> {
    let ceiling_bytes = ceiling_bytes(configuration.limits.memory_max_mib)?;
    let upstreams = files.upstreams.as_ref().map_or(0, Vec::len);
    Plan::new(configuration, PlanInputs { shards, ceiling_bytes, upstreams, running })
}

/// Checks that the memory of this machine suffices, unless the cores are those of another one. Returns a sentence for each
/// limit for which it does not.
pub(crate) fn check_memory(configuration: &Configuration) -> anyhow::Result<Vec<String>> {
    let Ok(cores) = choose_cores(&configuration.workers.cores) else { return Ok(Vec::new()) };
    let files = NamedFiles::read(configuration)?;
    Ok(plan_memory(configuration, ShardCount::new(cores.len())?, &files, None)?.warnings())
}
