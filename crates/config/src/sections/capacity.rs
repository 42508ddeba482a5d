//! `[limits]`: limits of the tracker's tables and queues.

use std::num::NonZeroU64;

use confique::Config;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limits;
use crate::values::integer::{between, zero_or_between};

/// Limits of the tracker's tables and queues, over all cores together.
#[derive(Debug, Clone, PartialEq, Eq, Config, Serialize)]
pub struct Limits {
    /// The maximum memory of the swarms, over all cores.
    ///
    /// Allowed: 0 (half of the machine's memory, or of the control group's limit if that is lower) or 16 to 16777216
    /// MiB.
    ///
    /// At the limit, new peers are counted but not stored; they still receive peers, and known peers are served as
    /// before. Otherwise the kernel might kill the process, and all swarms would be lost. Buffers and the allocator
    /// take up to half as much again: set it below what the host can spare.
    #[config(env = "RINGTRACK_LIMITS_MEMORY_MAX_MIB", default = 0)]
    pub memory_max_mib: MemoryLimit,

    /// The maximum number of swarms (torrents).
    ///
    /// Allowed: 1 to 4000000000 swarms.
    ///
    /// This limits the memory that made-up info hashes can fill. An announce that would create a swarm beyond the limit
    /// is answered with an empty list and counted; known swarms are served as before.
    #[config(
        env = "RINGTRACK_LIMITS_SWARMS_MAX",
        default = 20_000_000,
        deserialize_with = between::<{ limits::SWARMS_MIN }, { limits::SWARMS_MAX }, _, _>
    )]
    pub swarms_max: u32,

    /// The maximum number of peers in all swarms together.
    ///
    /// Allowed: 1 to 4000000000 peers.
    ///
    /// A new peer beyond the limit receives peers and is counted, but is not stored; known peers are served as before.
    #[config(
        env = "RINGTRACK_LIMITS_PEERS_MAX",
        default = 100_000_000,
        deserialize_with = between::<{ limits::PEERS_MIN }, { limits::PEERS_MAX }, _, _>
    )]
    pub peers_max: u32,

    /// The maximum number of peers in one swarm.
    ///
    /// Allowed: 1 to 4000000 peers.
    ///
    /// This limits how much memory a single info hash can take, and how long it can keep a core busy: a swarm that
    /// grows is moved as a whole, a million IPv4 peers in about 4 milliseconds. The largest real swarms have a few
    /// hundred thousand peers, of which a client uses a few dozen.
    #[config(
        env = "RINGTRACK_LIMITS_PEERS_PER_SWARM_MAX",
        default = 1_000_000,
        deserialize_with = between::<{ limits::PEERS_PER_SWARM_MIN }, { limits::PEERS_PER_SWARM_MAX }, _, _>
    )]
    pub peers_per_swarm_max: u32,

    /// The number of requests that a core can have queued for the other cores.
    ///
    /// Allowed: 64 to 65536 requests. They are divided among the rings from a core to each other core; each ring has
    /// room for at least 64. A slot takes about 200 bytes. A sixteenth of the requests may be scrapes, at 1600 bytes more.
    ///
    /// When a ring is full, UDP requests are dropped and counted, and HTTP requests wait. With steering, few requests are
    /// forwarded and the default is ample; without it, more slots absorb longer bursts.
    #[config(
        env = "RINGTRACK_LIMITS_MESH_SLOTS",
        default = 8192,
        deserialize_with = between::<{ limits::MESH_SLOTS_MIN }, { limits::MESH_SLOTS_MAX }, _, _>
    )]
    pub mesh_slots: usize,
}

/// The maximum memory of the swarms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryLimit {
    /// Half of the machine's memory, or of the control group's limit if that is lower.
    Automatic,
    /// A number of mebibytes.
    Mib(NonZeroU64),
}

impl<'de> Deserialize<'de> for MemoryLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mib: u64 =
            zero_or_between::<{ limits::MEMORY_MIB_MIN }, { limits::MEMORY_MIB_MAX }, _, _>(deserializer)?;
        Ok(NonZeroU64::new(mib).map_or(Self::Automatic, Self::Mib))
    }
}

impl Serialize for MemoryLimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Automatic => serializer.serialize_u64(0),
            Self::Mib(mib) => mib.serialize(serializer),
        }
    }
}
