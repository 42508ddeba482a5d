use access::{AccessBounds, AccessPolicy, AccountBounds, DetailsBounds, TorrentTableBounds};
use core_link::{CoreSettings, KernelFiltering, KernelSampling};
use core_loop::MeshSlots;
use core_loop::connection::HttpLimits;
use engine::{AnnouncePolicy, EngineSettings, HttpPolicy, InvalidConnectionId, OriginRules, WebSocketPolicy};
use guard::{Class, SourceLimits};
use http_protocol::SCRAPE_HASHES_MAX;
use primitives::{ShardCount, ShardId};
use std::time::Duration;
use swarm::{SwarmLimits, SwarmSettings};

/// Settings of a simulated tracker.
#[derive(Debug, Clone, Copy)]
pub struct SimulatorSettings {
    /// The settings of each core; the shard is filled in.
    pub engine: EngineSettings,
    /// Requests that one ring of the mesh holds.
    pub announce_slots: usize,
    /// Of these, how many scrapes of the clients of one core may be.
    pub scrape_slots: usize,
    /// Limits of the connections of a core.
    pub connections: HttpLimits,
    /// What the kernel may drop.
    pub kernel_filtering: KernelFiltering,
    /// How long datagrams may gather at high rates.
    pub coalesce: Duration,
    /// Seed from which each core derives its own.
    pub seed: u64,
}

impl Default for SimulatorSettings {
    /// One core with an operator's usual settings.
    fn default() -> Self {
        Self {
            engine: usual_engine(),
            announce_slots: 1024,
            scrape_slots: 64,
            connections: HttpLimits {
                connections_max: 1000,
                connections_per_prefix_max: 1000,
                first_request_s: 10,
                request_s: 10,
                idle_s: 60,
                answer_s: 20,
                web_socket_idle_s: 240,
                buffer_bytes_max: 64 << 20,
            },
            kernel_filtering: KernelFiltering::Off,
            coalesce: Duration::ZERO,
            seed: 0x5eed_0000,
        }
    }
}

impl SimulatorSettings {
    /// Returns the usual settings with this many shards.
    ///
    /// # Panics
    /// If the number of shards is not possible.
    #[must_use]
    pub fn with_shards(shards: usize) -> Self {
        let mut settings = Self::default();
        settings.engine.shards = ShardCount::new(shards).expect("a possible number of shards");
        settings
    }

    /// Returns the settings of a core that can be replaced, with the usual HTTP policy.
    #[must_use]
    pub fn of_core(&self, shard: ShardId) -> CoreSettings {
        CoreSettings {
            engine: EngineSettings { shard, ..self.engine },
            sources: SourceLimits::none(),
            http_policy: usual_http(),
            http_limits: self.connections,
            kernel_sampling: KernelSampling::Off,
            kernel_filtering: self.kernel_filtering,
            coalesce: self.coalesce,
        }
    }

    pub(super) const fn mesh_slots(&self) -> MeshSlots {
        MeshSlots {
            requests: self.announce_slots,
            scrapes_per_owner: self.scrape_slots,
            signals: self.announce_slots,
        }
    }

    /// Returns the same settings with this access policy.
    #[must_use]
    pub const fn with_access(mut self, access: AccessPolicy) -> Self {
        self.engine.access = access;
        self
    }
}

/// Returns the usual HTTP policy: no trusted proxy, and no address accepted from an announce.
#[must_use]
pub fn usual_http() -> HttpPolicy {
    HttpPolicy {
        scrape_torrents_max: SCRAPE_HASHES_MAX,
        requests_per_connection_max: u32::MAX,
        web_socket: Some(WebSocketPolicy {
            interval_s: 120,
            offers_per_announce_max: 10,
            signals_per_s_max: 100,
            peers_per_connection_max: 100,
            origins: OriginRules::default(),
        }),
        ..HttpPolicy::default()
    }
}

/// Returns limits by source with one limit: the narrowest prefix gets this many tokens of the class at once, and one more
/// each second.
#[must_use]
pub fn source_limit(class: Class, tokens: u32) -> SourceLimits {
    let mut limits = SourceLimits { wider_factor: 1000, burst_s: tokens, ..SourceLimits::none() };
    limits.per_s[class as usize] = 1;
    limits
}

fn usual_engine() -> EngineSettings {
    EngineSettings {
        shards: ShardCount::ONE,
        shard: ShardId::new(0, ShardCount::ONE).expect("the first shard"),
        announce: AnnouncePolicy {
            interval_s: 1800,
            interval_s_max: 1800,
            interval_jitter_percent: 10,
            numwant_default: 50,
            numwant_max: 200,
        },
        path_mtu_bytes: 1280,
        connection_id_lifetime_s: 120,
        invalid_connection_id: InvalidConnectionId::Error,
        swarms: SwarmSettings { limits: usual_limits(), peer_lifetime_s: 2700, interval_s_min: 0 },
        access: AccessPolicy::PUBLIC,
        access_bounds: usual_access_bounds(),
        forwarding: None,
    }
}

fn usual_access_bounds() -> AccessBounds {
    AccessBounds {
        torrent_table: TorrentTableBounds { entries_max: 2_000_000, counted_max: 1_000_000 },
        keys_max: 100_000,
        accounts: AccountBounds { sessions_max: 100_000, changed_max: 100_000, lifetime_s: 2700 },
        details: DetailsBounds { peers_max: 100_000, lifetime_s: 2700 },
    }
}

fn usual_limits() -> SwarmLimits {
    SwarmLimits {
        swarms_max: 1_000_000,
        peers_max: 10_000_000,
        swarm_peers_max: 1_000_000,
        peers_per_host_max: 0,
        bytes_max: 1 << 32,
    }
}
