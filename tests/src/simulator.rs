//! Trackers of several cores with a virtual clock and without sockets. The loops of the cores run one after the other on one
//! thread, so that every run can be repeated.

mod clock;
mod connection;
mod control;
mod faults;
mod run;
mod settings;
mod sockets;

pub use self::connection::Client;
pub use self::control::CoreEvents;
pub use self::settings::{SimulatorSettings, source_limit, usual_http};

use self::clock::VirtualClock;
use self::run::SimulatedCore;
use self::sockets::{SimulatedPath, SimulatedReceived, SimulatedReplies, SimulatedSockets};
use crate::tls_client;
use access::AccessUpdate;
use core_link::{CoreCommand, link_cores};
use core_loop::connection::HttpSetup;
use core_loop::{Clock, CoreSetup, KernelSampling, full_mesh};
use engine::{ConnectionIdKey, EngineSettings, HttpPolicy, HttpService, Now, Secrets, Shard};
use guard::{CoreGuard, Guard, SourceLimits};
use metrics::Statistics;
use primitives::{InfoHash, ShardCount, ShardId, SteeringKey, TableSeed};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use swarm::Seeds;
use udp_protocol::{Request, decode_request};

/// Buckets of the limits by source.
const BUCKETS: usize = 1 << 12;

/// Start of the virtual clock.
const START: Duration = Duration::from_secs(1_000);

/// The same as a date: the first second of an epoch of connection ids whose lifetime divides it.
const START_UNIX: Duration = Duration::from_secs(1_800_000_000);

/// Units of work per turn of expiry.
const EXPIRY_WORK: u32 = 131_072;

/// A datagram waiting at a socket of the tracker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram {
    /// The address of its sender.
    pub source: SocketAddr,
    /// Its payload.
    pub bytes: Vec<u8>,
    /// The core whose socket receives it.
    pub arrival: Arrival,
}

/// The core that receives a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// The owner of its first info hash, as in the kernel's steering; core 0 if it has none.
    Steered,
    /// This core, counted from 0, modulo the number of cores.
    At(usize),
}

/// A datagram that the tracker sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Index of the datagram that it answers.
    pub request: usize,
    /// The address of its receiver.
    pub destination: SocketAddr,
    /// Its payload.
    pub bytes: Vec<u8>,
}

/// A tracker of several cores without sockets.
#[derive(Debug)]
pub struct Simulator {
    cores: Vec<SimulatedCore>,
    clock: VirtualClock,
    shards: ShardCount,
    steering: SteeringKey,
}

/// The parts of a core that decide about HTTP requests.
#[derive(Debug)]
pub struct HttpContext<'a> {
    /// Decides about requests.
    pub service: &'a mut HttpService,
    /// Decides about torrents.
    pub shard: &'a mut Shard,
    /// The virtual time.
    pub now: Now,
}

impl Datagram {
    /// Creates a datagram that arrives at the owner of its torrent.
    #[must_use]
    pub fn steered(source: SocketAddr, bytes: &[u8]) -> Self {
        Self { source, bytes: bytes.to_vec(), arrival: Arrival::Steered }
    }
}

impl Simulator {
    /// Creates a tracker without swarms and with the usual HTTP policy.
    ///
    /// # Panics
    /// If an engine does not accept the settings.
    #[must_use]
    pub fn new(settings: &SimulatorSettings) -> Self {
        Self::with_http(settings, &usual_http())
    }

    /// Creates a tracker without swarms and with this HTTP policy.
    ///
    /// # Panics
    /// If an engine does not accept the settings.
    #[must_use]
    pub fn with_http(settings: &SimulatorSettings, http: &HttpPolicy) -> Self {
        let shards = settings.engine.shards;
        let clock = VirtualClock::new(START, START_UNIX);
        // A link for each core, so that the events of one can be told from those of another.
        let links = shards.shards().map(|_| link_cores(shards, clock.start()));
        let (links, mut ends): (Vec<_>, Vec<_>) = links.unzip();
        let handles: Vec<_> = links
            .iter()
            .zip(shards.shards())
            .map(|(link, shard)| link.handles()[shard.index()].clone())
            .collect();
        let meshes = full_mesh(&handles, shards, settings.mesh_slots());
        let guard = Arc::new(Guard::new(TableSeed(u128::from(settings.seed).to_le_bytes()), BUCKETS));
        let cores = shards.shards().zip(links).zip(meshes).map(|((shard, link), mesh)| {
            let setup = CoreSetup {
                clock: Box::new(clock.clone()),
                engine: EngineSettings { shard, ..settings.engine },
                secrets: secrets(settings.seed, shard),
                guard: CoreGuard::new(Arc::clone(&guard), SourceLimits::none()),
                sockets: SimulatedSockets::default(),
                received: SimulatedReceived::default(),
                replies: SimulatedReplies::default(),
                http: HttpSetup {
                    policy: http.clone(),
                    limits: settings.connections,
                    identity: Some(Arc::clone(tls_client::identity())),
                },
                kernel_sampling: KernelSampling::Off,
                kernel_filtering: settings.kernel_filtering,
                coalesce: settings.coalesce,
                mesh,
                published: Arc::default(),
                link: ends[shard.index()].swap_remove(shard.index()),
            };
            SimulatedCore::new(setup, link)
        });
        let mut simulator = Self { cores: cores.collect(), clock, shards, steering: steering_key() };
        for core in &simulator.cores {
            core.command(CoreCommand::Serve);
        }
        // There are no stored counts except those that a test sends as updates.
        simulator.update(&AccessUpdate::EndCompleted);
        simulator
    }

    /// Serves all datagrams, each core its own in batches, and the requests that cross the mesh. `on_reply` receives
    /// the index of the request, its source and the reply's payload. Does not allocate once its buffers have grown.
    pub fn serve(&mut self, datagrams: &[Datagram], mut on_reply: impl FnMut(usize, SocketAddr, &[u8])) {
        for (request, datagram) in datagrams.iter().enumerate() {
            let core = self.arrival_core(datagram);
            let path = SimulatedPath { request, source: datagram.source };
            self.cores[core].sockets().deliver(path, &datagram.bytes);
        }
        self.run_until_idle();
        for core in &mut self.cores {
            let sent = &mut core.sockets().sent;
            for index in 0..sent.len() {
                let (path, bytes) = sent.get(index);
                on_reply(path.request, path.source, bytes);
            }
            sent.clear();
        }
    }

    /// Returns the replies to these datagrams, in the order of the requests.
    pub fn exchange(&mut self, datagrams: &[Datagram]) -> Vec<Reply> {
        let mut replies = Vec::new();
        self.serve(datagrams, |request, destination, bytes| {
            replies.push(Reply { request, destination, bytes: bytes.to_vec() });
        });
        replies.sort_by_key(|reply| reply.request);
        replies
    }

    /// Advances both clocks, and lets each core notice.
    pub fn pass(&mut self, seconds: u32) {
        self.clock.pass(Duration::from_secs(seconds.into()));
        self.run_until_idle();
    }

    /// Sets the wall clock forward or back. The monotonic clock is not affected.
    pub fn step_wall_clock(&mut self, seconds: i64) {
        self.clock.step_wall_clock(seconds);
    }

    /// Runs one turn of expiry on every core.
    pub fn expire(&mut self) {
        let now = self.now();
        for core in &mut self.cores {
            core.shard().expire(now, EXPIRY_WORK);
        }
    }

    /// Limits sources, which are not limited at first.
    pub fn limit_sources(&mut self, limits: &SourceLimits) {
        for core in &mut self.cores {
            core.shard().guard().use_limits(limits.clone());
        }
    }

    /// Returns the virtual time.
    #[must_use]
    pub fn now(&self) -> Now {
        self.clock.at(self.clock.instant())
    }

    /// Returns the number of cores.
    #[must_use]
    pub fn cores(&self) -> usize {
        self.cores.len()
    }

    /// Returns the index of the core that owns a torrent.
    #[must_use]
    pub fn owner(&self, info_hash: &InfoHash) -> usize {
        self.steering.shard_of(info_hash, self.shards).index()
    }

    /// Returns the parts of a core that decide about HTTP requests.
    pub fn context(&mut self, core: usize) -> HttpContext<'_> {
        let now = self.now();
        let (shard, service) = self.cores[core].http();
        HttpContext { service, shard, now }
    }

    /// Returns the number of routed HTTP requests that have not returned.
    pub fn routed_underway(&mut self) -> usize {
        self.cores.iter_mut().map(|core| core.http().1.underway()).sum()
    }

    /// Returns the sum of the figures of all cores.
    pub fn statistics(&mut self) -> Statistics {
        let mut sum = Statistics::default();
        for core in &mut self.cores {
            sum.merge(core.shard().statistics());
        }
        sum
    }

    fn arrival_core(&self, datagram: &Datagram) -> usize {
        match datagram.arrival {
            Arrival::Steered => {
                first_info_hash(&datagram.bytes).map_or(0, |info_hash| self.owner(&info_hash))
            }
            Arrival::At(core) => core % self.cores.len(),
        }
    }
}

fn first_info_hash(datagram: &[u8]) -> Option<InfoHash> {
    match decode_request(datagram).ok()? {
        Request::Connect(_) => None,
        Request::Announce(announce) => Some(announce.request.info_hash),
        Request::Scrape(scrape) => scrape.info_hashes.first().copied(),
    }
}

fn secrets(seed: u64, shard: ShardId) -> Secrets {
    let seed = seed ^ shard.index() as u64;
    let table_seed = |seed: u64| TableSeed(u128::from(seed).to_le_bytes());
    Secrets {
        connection_ids: ConnectionIdKey([7; 16]),
        steering: steering_key(),
        swarms: Seeds { tables: table_seed(seed), choice: !seed },
        access: table_seed(seed.rotate_left(16)),
        intervals: seed.rotate_left(32),
    }
}

/// A fixed key, so that a torrent has the same owner in every run.
fn steering_key() -> SteeringKey {
    let mut random = [0; SteeringKey::RANDOM_BYTES];
    for (byte, number) in random.iter_mut().zip(1_u8..) {
        *byte = number.wrapping_mul(157) ^ 0x5a;
    }
    SteeringKey::from_random(&random)
}
