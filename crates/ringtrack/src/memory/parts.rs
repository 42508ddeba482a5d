//! The parts of the process, and what each costs by its limit.

use super::costs;
use super::plan::{FixedAtStart, PlanInputs};
use crate::http_settings::http_addresses;
use config::{Configuration, DatabaseUrl, Interval, SnapshotDirectory, Switch};
use core_loop::SIGNALS_PER_RING_MAX;
use metrics::MemoryShare;
use primitives::ShardCount;
use worker::BACKLOG_MAX;

/// A part of the process that grows up to a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) share: MemoryShare,
    /// Its part of what is scarce, in relation to those of others.
    pub(super) weight: u64,
    /// Bytes that it takes at any limit.
    pub(super) base: u64,
    /// Bytes for each unit of its limit.
    pub(super) each: u64,
    /// The limit that is configured.
    pub(super) limit: u64,
    /// The limit without which it is of no use.
    pub(super) limit_min: u64,
}

impl Part {
    /// Returns the bytes with the configured limit.
    pub(super) const fn wanted(&self) -> u64 {
        self.base.saturating_add(self.each.saturating_mul(self.limit))
    }

    /// Returns the bytes without which it is of no use.
    pub(super) const fn least(&self) -> u64 {
        let limit = if self.limit < self.limit_min { self.limit } else { self.limit_min };
        self.base + self.each * limit
    }

    /// Returns the limit that fits into this many bytes, at most the configured one.
    pub(super) fn fitting(&self, bytes: u64) -> u64 {
        (bytes.saturating_sub(self.base) / self.each.max(1)).min(self.limit)
    }
}

/// The least number of entries in lists and of keys, sessions, details and changes: those of a tracker of a few friends.
const ENTRIES_MIN: u64 = 1000;

/// The least number of forwarded torrents.
const FORWARDED_MIN: u64 = 100;

/// The smallest receive buffer that can be configured.
const RECEIVE_BUFFER_BYTES_MIN: u64 = 65_536;

/// The fewest slots of a ring for requests.
const RING_SLOTS_MIN: u64 = 64;

/// The fewest offers and answers that a ring has room for.
const SIGNALS_PER_RING_MIN: u64 = 4;

/// The fewest connections of a core.
const CONNECTIONS_PER_CORE_MIN: u64 = 16;

/// Connections that there are places for, for each that the kernel queues before it is accepted.
const CONNECTIONS_PER_QUEUED: u64 = 4;

/// The fewest connections that the kernel queues for a listener.
const BACKLOG_MIN: u64 = 16;

/// Upstream trackers that are reckoned with at least, because the management API can add some.
const UPSTREAMS_MIN: u64 = 8;

/// Returns the parts that do not depend on a limit, with their bytes.
pub(super) fn fixed_parts(configuration: &Configuration, shards: ShardCount) -> [(MemoryShare, u64); 3] {
    let has_snapshots = configuration.snapshot.directory != SnapshotDirectory::None;
    let snapshot = if has_snapshots { costs::SNAPSHOT_OF_CORE } else { 0 };
    let api = if configuration.api.is_wanted() { costs::MANAGEMENT_API } else { 0 };
    [
        (MemoryShare::Program, costs::PROGRAM + api),
        (MemoryShare::Cores, (costs::CORE + snapshot) * cores(shards)),
        (MemoryShare::Sources, sources(configuration, shards)),
    ]
}

fn sources(configuration: &Configuration, shards: ShardCount) -> u64 {
    let entries = (configuration.sources.sources_max as u64).next_power_of_two();
    costs::SOURCE * entries + costs::SOURCE_CONNECTIONS + costs::SOURCES_OF_CORE * cores(shards)
}

/// Returns the parts that grow up to a limit and are on.
pub(super) fn growing_parts(configuration: &Configuration, inputs: &PlanInputs) -> Vec<Part> {
    let shards = inputs.shards;
    let Configuration { access, database, limits, .. } = configuration;
    let is_http_served = !http_addresses(configuration).is_empty();
    let is_private = access.mode.is_private();
    let has_mesh = shards.get() > 1;
    let lists = entries(MemoryShare::Lists, 4, access.torrents_max, costs::LISTED_TORRENT);
    let keys = Part {
        each: costs::KEY + costs::KEY_OF_CORE * cores(shards),
        ..entries(MemoryShare::Keys, 4, access.keys_max, 0)
    };
    let sessions = entries(MemoryShare::Sessions, 6, access.sessions_max, costs::SESSION);
    let details = entries(MemoryShare::Details, 6, limits.peers_max, costs::PEER_DETAILS);
    let change = if is_private { costs::KEY_CHANGE } else { costs::CHANGE };
    let changes = entries(MemoryShare::Changes, 1, database.pending_max, change);
    [
        (!configuration.udp.listen.is_empty(), datagrams(configuration, shards)),
        (has_mesh, request_rings(limits.mesh_slots as u64, shards)),
        // WebSockets can be switched on by a reload, which cannot add room to the rings.
        (has_mesh && is_http_served, signals(shards)),
        (is_http_served, connections(configuration, inputs)),
        (has_lists(configuration), Part { base: costs::LISTS, ..lists }.of_all_cores(shards)),
        (is_private, Part { base: costs::TABLE * cores(shards), ..keys }),
        (is_private, Part { base: costs::TABLE, ..sessions }.of_all_cores(shards)),
        (access.peer_details == Switch::On, Part { base: costs::TABLE, ..details }.of_all_cores(shards)),
        (configuration.forwarding.file.is_some(), forwarding(configuration, inputs)),
        (database.url != DatabaseUrl::None, changes),
    ]
    .into_iter()
    .filter(|(is_on, _)| *is_on)
    .map(|(_, part)| part.as_running(inputs.running))
    .collect()
}

impl Part {
    /// Returns the part with the limit that the running tracker cannot change.
    fn as_running(self, running: Option<FixedAtStart>) -> Self {
        let limit = running.and_then(|running| match self.share {
            MemoryShare::Datagrams => Some(running.receive_buffer_bytes),
            MemoryShare::Rings => Some(running.ring_slots),
            MemoryShare::Signals => Some(running.signals_per_ring),
            MemoryShare::Changes => Some(running.pending_max),
            _ => None,
        });
        limit.map_or(self, |limit| Self { limit, limit_min: limit, ..self })
    }

    /// Returns the part where each core has one. Each may have a hundredth more entries than its share, because random shares
    /// are not exactly equal.
    fn of_all_cores(self, shards: ShardCount) -> Self {
        let each = (self.each * (100 + cores(shards))).div_ceil(100);
        Self { base: self.base * cores(shards), each, ..self }
    }
}

fn entries(share: MemoryShare, weight: u64, limit: u32, each: u64) -> Part {
    Part { share, weight, base: 0, each, limit: limit.into(), limit_min: ENTRIES_MIN }
}

/// The unit is a byte of each receive buffer, with its part of the send buffer.
fn datagrams(configuration: &Configuration, shards: ShardCount) -> Part {
    let udp = &configuration.udp;
    let (received, sent) = (udp.receive_buffer_bytes as u64, udp.send_buffer_bytes as u64);
    let buffers = udp.listen.len() as u64 * cores(shards) * costs::DATAGRAM_BUFFER_FACTOR;
    Part {
        share: MemoryShare::Datagrams,
        weight: 2,
        base: 0,
        each: (buffers * (received + sent)).div_ceil(received),
        limit: received,
        limit_min: RECEIVE_BUFFER_BYTES_MIN,
    }
}

/// The unit is a slot of each core, divided among its rings. The number of slots of a ring is rounded up to a power of two.
fn request_rings(slots: u64, shards: ShardCount) -> Part {
    let others = cores(shards).saturating_sub(1);
    let returned = costs::RETURN_SLOT * cores(shards) / costs::SLOTS_PER_SCRAPE;
    let slot = costs::RING_SLOT + costs::SCRAPE / costs::SLOTS_PER_SCRAPE + returned;
    Part {
        share: MemoryShare::Rings,
        weight: 2,
        base: costs::RETURNS * cores(shards) * others,
        each: 2 * slot * cores(shards),
        limit: slots.max(RING_SLOTS_MIN * others),
        limit_min: RING_SLOTS_MIN * others,
    }
}

/// The unit is an offer or an answer in each ring.
fn signals(shards: ShardCount) -> Part {
    Part {
        share: MemoryShare::Signals,
        weight: 1,
        base: 0,
        each: costs::SIGNAL * cores(shards) * cores(shards).saturating_sub(1),
        limit: SIGNALS_PER_RING_MAX as u64,
        limit_min: SIGNALS_PER_RING_MIN,
    }
}

/// Returns how many connections the kernel may queue for each listener of each core, beside as many connections as this.
pub(super) fn backlog(configuration: &Configuration, shards: ShardCount, connections: u64) -> u64 {
    let queues = queues(configuration, shards).max(1);
    (connections / CONNECTIONS_PER_QUEUED / queues).clamp(BACKLOG_MIN, BACKLOG_MAX.into())
}

fn queues(configuration: &Configuration, shards: ShardCount) -> u64 {
    http_addresses(configuration).len() as u64 * cores(shards)
}

/// The unit is a connection, with its part of the bytes that all of them hold, and at the start with its part of the queues.
fn connections(configuration: &Configuration, inputs: &PlanInputs) -> Part {
    let shards = inputs.shards;
    let (backlog, queued) = match inputs.running {
        Some(running) => (running.backlog, 0),
        None => (BACKLOG_MIN, costs::QUEUED_CONNECTION / CONNECTIONS_PER_QUEUED),
    };
    let waiting = backlog * queues(configuration, shards) * costs::QUEUED_CONNECTION;
    let scrapes = match configuration.http.full_scrape_every_s {
        Interval::Off => 0,
        Interval::Every(_) => costs::FULL_SCRAPES,
    };
    let tls = if configuration.https.listen.is_empty() { 0 } else { costs::TLS_SESSION };
    let routed = if shards.get() > 1 { costs::ROUTED_REQUEST } else { 0 };
    Part {
        share: MemoryShare::Connections,
        weight: 6,
        base: (costs::HELD_MIN + scrapes) * cores(shards) + waiting,
        each: costs::CONNECTION_IN_KERNEL + queued + costs::CONNECTION + costs::HELD + tls + routed,
        limit: configuration.http.connections_max.into(),
        limit_min: CONNECTIONS_PER_CORE_MIN * cores(shards),
    }
}

/// The unit is a torrent, with its part of the external peers.
fn forwarding(configuration: &Configuration, inputs: &PlanInputs) -> Part {
    let forwarding = &configuration.forwarding;
    let upstreams = (inputs.upstreams as u64).max(UPSTREAMS_MIN);
    let peers = u64::from(forwarding.external_peers_max).div_ceil(forwarding.torrents_max.into());
    Part {
        share: MemoryShare::Forwarding,
        weight: 3,
        base: costs::TABLE * cores(inputs.shards),
        each: costs::FORWARDED_TORRENT
            + costs::FORWARDED_TO_UPSTREAM * upstreams
            + costs::EXTERNAL_PEER * peers,
        limit: forwarding.torrents_max.into(),
        limit_min: FORWARDED_MIN,
    }
}

/// Returns whether there may be torrents on lists or with counts.
fn has_lists(configuration: &Configuration) -> bool {
    let access = &configuration.access;
    access.mode.is_listed()
        || access.allow_file.is_some()
        || access.deny_file.is_some()
        || configuration.api.is_wanted()
        || configuration.database.remember_completed == Switch::On
}

pub(super) fn cores(shards: ShardCount) -> u64 {
    shards.get().into()
}
