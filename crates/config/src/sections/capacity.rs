//! `[limits]`: upper bounds of what the tracker keeps.

use std::num::NonZeroU64;

use confique::Config;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limits;
use crate::values::integer::{between, zero_or_between};

/// Upper bounds of what the tracker keeps, over all cores together.
#[derive(Debug, Clone, PartialEq, Eq, Config, Serialize)]
pub struct Limits {
    /// How much memory the swarms may take, in all shards together.
    ///
    /// Allowed: 0 (half of the machine's memory, or of the control group's where that is less) or 16 to
    /// 16777216 MiB.
    ///
    /// When it is reached, new peers are not kept, and counted; they are still given peers, and known ones are
    /// served on: that is better than to be killed by the kernel with every swarm. Buffers and the allocator
    /// take more on top, up to a half as much again: set it below what the host can spare.
    #[config(env = "RINGTRACK_LIMITS_MEMORY_MAX_MIB", default = 0)]
    pub memory_max_mib: MemoryLimit,

    /// How many swarms (torrents) are kept.
    ///
    /// Allowed: 1 to 4000000000 swarms.
    ///
    /// Bounds what somebody who announces made-up info hashes can fill. An announce that would make one
    /// swarm more is answered with an empty list, and counted; known swarms are served on.
    #[config(
        env = "RINGTRACK_LIMITS_SWARMS_MAX",
        default = 20_000_000,
        deserialize_with = between::<{ limits::SWARMS_MIN }, { limits::SWARMS_MAX }, _, _>
    )]
    pub swarms_max: u32,

    /// How many peers are kept in all swarms together.
    ///
    /// Allowed: 1 to 4000000000 peers.
    ///
    /// A new peer past the bound is given peers but not kept, and is counted; known ones are served on.
    #[config(
        env = "RINGTRACK_LIMITS_PEERS_MAX",
        default = 100_000_000,
        deserialize_with = between::<{ limits::PEERS_MIN }, { limits::PEERS_MAX }, _, _>
    )]
    pub peers_max: u32,

    /// How many peers are kept in one swarm.
    ///
    /// Allowed: 1 to 4000000 peers.
    ///
    /// Bounds how much of the memory a single info hash can take, and how long a core may be busy with it: a swarm
    /// that grows is moved as a whole, a million IPv4 peers in about 4 milliseconds. The largest real swarms have
    /// some hundred thousand peers, and a client uses a few dozen of them.
    #[config(
        env = "RINGTRACK_LIMITS_PEERS_PER_SWARM_MAX",
        default = 1_000_000,
        deserialize_with = between::<{ limits::PEERS_PER_SWARM_MIN }, { limits::PEERS_PER_SWARM_MAX }, _, _>
    )]
    pub peers_per_swarm_max: u32,

    /// How many announces can wait on their way from one core to the others.
    ///
    /// Allowed: 64 to 65536 announces. They are dealt out to the rings from a core to each other one, of which
    /// each has room for at least 64, and for a sixteenth as many scrapes. A slot takes about 200 bytes, or
    /// 1600 for a scrape.
    ///
    /// A full ring drops requests and counts them. With steering on, few requests take this way, and the
    /// default is ample; without it, more slots ride out longer bursts.
    #[config(
        env = "RINGTRACK_LIMITS_MESH_SLOTS",
        default = 8192,
        deserialize_with = between::<{ limits::MESH_SLOTS_MIN }, { limits::MESH_SLOTS_MAX }, _, _>
    )]
    pub mesh_slots: usize,
}

/// How much memory the swarms may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryLimit {
    /// Half of the machine's memory, or of the control group's where that is less.
    Automatic,
    /// This many mebibytes.
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
