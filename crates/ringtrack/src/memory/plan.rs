//! The plan of the memory: a share for each part of the process, and the limits that fit into the shares.

use super::costs;
use super::parts::{Part, backlog, cores, fixed_parts, growing_parts};
use anyhow::ensure;
use config::{Change, Configuration, Switch, difference};
use metrics::MemoryShare;
use primitives::ShardCount;
use std::num::NonZeroU64;
use tracing::info;

/// What the parts of the process may take of its memory.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    pub(crate) shards: ShardCount,
    /// Those that are not empty. Their sum is the ceiling.
    pub(crate) shares: Vec<(MemoryShare, u64)>,
    pub(crate) configured: Configuration,
    /// The configuration with the limits that fit, each at most as configured.
    pub(crate) effective: Configuration,
    pub(crate) limits: DerivedLimits,
    pub(crate) fixed: FixedAtStart,
}

/// The limits that have no key of their own in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DerivedLimits {
    /// Bytes that the connections of all cores may hold together.
    pub(crate) held_bytes_max: u64,
    /// Peers of all cores whose details are kept.
    pub(crate) details_max: u32,
    /// Bytes that the swarms of all cores may count.
    pub(crate) swarm_bytes_max: u64,
    /// Bytes of the process that may be resident: the ceiling without what the kernel takes for sockets.
    pub(crate) resident_bytes_max: u64,
}

/// What the plan depends on besides the configuration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlanInputs {
    pub(crate) shards: ShardCount,
    pub(crate) ceiling_bytes: u64,
    /// Upstream trackers that torrents are announced to.
    pub(crate) upstreams: usize,
    /// What the running tracker has and cannot change without a restart.
    pub(crate) running: Option<FixedAtStart>,
}

/// The limits that are fixed at the start, in the units of their parts. Those of parts that are off are 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct FixedAtStart {
    pub(super) receive_buffer_bytes: u64,
    pub(super) ring_slots: u64,
    /// Offers and answers in one ring.
    pub(crate) signals_per_ring: u64,
    /// Connections that the kernel queues for each listener of each core.
    pub(crate) backlog: u64,
    pub(super) pending_max: u64,
}

impl Plan {
    /// Divides the ceiling: first what does not depend on limits, then up to half of it for the parts that grow up to limits,
    /// and the rest for the swarms.
    ///
    /// At the start, what is fixed then is found first, and the plan made for it, as at a reload: rounding its limits down would
    /// otherwise leave the others more at the first reload.
    ///
    /// # Errors
    /// If the ceiling has no room for the least of each part.
    pub(crate) fn new(configuration: &Configuration, inputs: PlanInputs) -> anyhow::Result<Self> {
        let plan = Self::divided(configuration, inputs)?;
        match inputs.running {
            Some(_) => Ok(plan),
            None => Self::divided(configuration, PlanInputs { running: Some(plan.fixed), ..inputs }),
        }
    }

    fn divided(configuration: &Configuration, inputs: PlanInputs) -> anyhow::Result<Self> {
        let PlanInputs { shards, ceiling_bytes, .. } = inputs;
        let fixed = fixed_parts(configuration, shards);
        let parts = growing_parts(configuration, &inputs);
        let least = |part: &Part| (part.share, part.least());
        let swarms_least = costs::SWARMS_MIN * cores(shards);
        let needed: Vec<_> = fixed.into_iter().chain(parts.iter().map(least)).collect();
        let needed_bytes = sum(&needed) + swarms_least;
        let given_by = configuration.limits.memory_max_mib;
        ensure!(needed_bytes <= ceiling_bytes, too_little(given_by, ceiling_bytes, needed_bytes, needed));
        let left = ceiling_bytes - sum(&fixed);
        let room = (ceiling_bytes / 2).saturating_sub(sum(&fixed)).max(left / 4);
        let given = divide(room.min(left - swarms_least), &parts);
        let given: Vec<_> = parts.iter().map(|part| part.share).zip(given).collect();
        let swarms = left - sum(&given);
        let mut plan = Self {
            shards,
            shares: Vec::new(),
            configured: configuration.clone(),
            effective: configuration.clone(),
            limits: DerivedLimits {
                held_bytes_max: 0,
                details_max: 0,
                swarm_bytes_max: swarms / costs::SWARM_PARTS * costs::SWARM_PARTS_COUNTED,
                resident_bytes_max: ceiling_bytes,
            },
            fixed: inputs.running.unwrap_or_default(),
        };
        for (part, &(_, bytes)) in parts.iter().zip(&given) {
            plan.fit(part, bytes);
        }
        plan.shares = fixed.into_iter().chain(given).chain([(MemoryShare::Swarms, swarms)]).collect();
        Ok(plan)
    }

    /// Logs the shares, and each limit that is lower than configured.
    pub(crate) fn log(&self) {
        let shares = self.shares.iter().map(|&(share, bytes)| format!("{} {} MiB", name(share), mib(bytes)));
        let shares = shares.collect::<Vec<_>>().join(", ");
        info!("memory: {} MiB: {shares}", sum(&self.shares) >> 20);
        self.lowered().iter().for_each(|change| info!("memory: {}", lower(change)));
        let Configuration { access, limits, .. } = &self.effective;
        if access.peer_details == Switch::On && self.limits.details_max < limits.peers_max {
            info!("memory: the details of up to {} peers are kept", self.limits.details_max);
        }
    }

    /// Returns a sentence for each limit that is lower than the operator has configured it.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let default = Configuration::default();
        let chosen = difference(&default, &default, &self.configured).changes;
        let is_chosen = |key: &str| chosen.iter().any(|change| change.key == key);
        self.lowered().iter().filter(|change| is_chosen(&change.key)).map(lower).collect()
    }

    fn lowered(&self) -> Vec<Change> {
        difference(&self.configured, &self.configured, &self.effective).changes
    }

    /// Lowers the limit of a part to what fits into its share.
    fn fit(&mut self, part: &Part, bytes: u64) {
        let fitting = part.fitting(bytes);
        let (limit, size) = (u32::try_from(fitting).unwrap_or(u32::MAX), usize::try_from(fitting));
        let size = size.unwrap_or(usize::MAX);
        let Self { shards, configured, effective, limits, fixed, .. } = self;
        match part.share {
            MemoryShare::Datagrams => {
                let udp = &configured.udp;
                let sent = scaled(udp.send_buffer_bytes as u64, fitting, udp.receive_buffer_bytes as u64);
                effective.udp.receive_buffer_bytes = size;
                effective.udp.send_buffer_bytes = usize::try_from(sent).unwrap_or(usize::MAX);
                fixed.receive_buffer_bytes = fitting;
                limits.resident_bytes_max -= bytes;
            }
            MemoryShare::Rings => {
                effective.limits.mesh_slots = effective.limits.mesh_slots.min(size);
                fixed.ring_slots = fitting;
            }
            MemoryShare::Signals => fixed.signals_per_ring = fitting,
            MemoryShare::Connections => {
                effective.http.connections_max = limit;
                limits.held_bytes_max = costs::HELD_MIN * cores(*shards) + costs::HELD * fitting;
                let held = part.base - costs::HELD_MIN * cores(*shards);
                limits.resident_bytes_max -= held + costs::CONNECTION_IN_KERNEL * fitting;
                if fixed.backlog == 0 {
                    fixed.backlog = backlog(configured, *shards, fitting);
                }
            }
            MemoryShare::Lists => effective.access.torrents_max = limit,
            MemoryShare::Keys => effective.access.keys_max = limit,
            MemoryShare::Sessions => effective.access.sessions_max = limit,
            MemoryShare::Details => limits.details_max = limit,
            MemoryShare::Forwarding => {
                let forwarding = &mut effective.forwarding;
                let peers = scaled(forwarding.external_peers_max.into(), fitting, part.limit);
                forwarding.external_peers_max = u32::try_from(peers).unwrap_or(u32::MAX).max(1);
                forwarding.torrents_max = limit;
            }
            MemoryShare::Changes => {
                effective.database.pending_max = limit;
                fixed.pending_max = fitting;
            }
            MemoryShare::Program | MemoryShare::Cores | MemoryShare::Sources | MemoryShare::Swarms => {}
        }
    }
}

/// Divides the room: each part gets its least, and then what it wants, or where that is too much, its part of what the others
/// leave.
fn divide(room: u64, parts: &[Part]) -> Vec<u64> {
    let mut given: Vec<u64> = parts.iter().map(Part::least).collect();
    let mut left = room.saturating_sub(given.iter().sum());
    let mut open: Vec<usize> = (0..parts.len()).collect();
    loop {
        let weights: u64 = open.iter().map(|&at| parts[at].weight).sum();
        let fair = |at: usize| scaled(left, parts[at].weight, weights);
        let more = |at: usize| parts[at].wanted() - parts[at].least();
        let Some(place) = open.iter().position(|&at| more(at) <= fair(at)) else {
            open.iter().for_each(|&at| given[at] += fair(at));
            return given;
        };
        let at = open.swap_remove(place);
        given[at] += more(at);
        left -= more(at);
    }
}

/// Returns the part of `number` that `numerator` is of `denominator`.
fn scaled(number: u64, numerator: u64, denominator: u64) -> u64 {
    let product = u128::from(number) * u128::from(numerator);
    product.checked_div(denominator.into()).map_or(0, |part| u64::try_from(part).unwrap_or(u64::MAX))
}

fn lower(Change { key, old, new, .. }: &Change) -> String {
    format!("{key} is {new} instead of {old}, because its share of the memory has no room for more")
}

fn sum(shares: &[(MemoryShare, u64)]) -> u64 {
    shares.iter().map(|(_, bytes)| bytes).sum()
}

/// Returns the sentence that says how much is needed, and for what most of it.
fn too_little(
    given_by: Option<NonZeroU64>,
    ceiling_bytes: u64,
    needed_bytes: u64,
    mut needed: Vec<(MemoryShare, u64)>,
) -> String {
    needed.sort_by_key(|&(_, bytes)| std::cmp::Reverse(bytes));
    let largest = needed.iter().take(3).map(|&(share, bytes)| format!("{} {} MiB", name(share), mib(bytes)));
    let (ceiling, largest) = (ceiling_bytes >> 20, largest.collect::<Vec<_>>().join(", "));
    let needed = format!("at least {} MiB are needed ({largest})", mib(needed_bytes));
    match given_by {
        Some(_) => format!("limits.memory_max_mib is {ceiling}, and {needed}: raise it, or use fewer cores"),
        None => format!(
            "the machine or the control group has {} MiB, of which the tracker takes three quarters, {ceiling} MiB, and \
             {needed}: give it more memory, or use fewer cores",
            (ceiling_bytes / 3 * 4) >> 20
        ),
    }
}

/// Returns the name of a share in the log and in errors.
pub(crate) fn name(share: MemoryShare) -> String {
    share.figure().name.trim_start_matches("memory_share_").to_owned()
}

const fn mib(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}

#[cfg(test)]
mod tests;
