//! A tracker of several engines with a virtual clock and without sockets. It runs the workers' steps one after the
//! other on one thread, so that every run can be repeated.

mod batch;
mod control;
mod core;
mod http;
mod mesh;
mod routed;
mod settings;

pub use self::control::CoreEvents;
pub use self::http::{Begun, HttpContext, HttpLine};
pub use self::settings::{SimulatorSettings, usual_http};

use self::batch::{Batch, Outcomes};
use self::core::Core;
use self::mesh::Mesh;
use self::routed::RoutedRequestRings;
use access::AccessUpdate;
use engine::{BATCH_DATAGRAMS_MAX, ConnectionIdKey, HttpPolicy, Now, Secrets};
use metrics::Statistics;
use primitives::{InfoHash, Second, ShardCount, ShardId, SteeringKey, TableSeed};
use std::net::SocketAddr;
use swarm::Seeds;
use udp_protocol::{Request, decode_request};

/// Start of the virtual clock: the first second of an epoch of connection ids whose lifetime divides it.
const START: Now = Now { monotonic: Second(1_000), unix_s: 1_800_000_000 };

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
    cores: Vec<Core>,
    mesh: Mesh,
    rings: RoutedRequestRings,
    routed_begun: u32,
    now: Now,
    shards: ShardCount,
    steering: SteeringKey,
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
        let steering = steering_key();
        let core = |shard: ShardId| {
            let seed = settings.seed ^ shard.index() as u64;
            let table_seed = |seed: u64| TableSeed(u128::from(seed).to_le_bytes());
            let swarms = Seeds { tables: table_seed(seed), choice: !seed };
            let connection_ids = ConnectionIdKey([7; 16]);
            let (access, intervals) = (table_seed(seed.rotate_left(16)), seed.rotate_left(32));
            let secrets = Secrets { connection_ids, steering, swarms, access, intervals };
            Core::new(shard, settings.engine, &secrets, http.clone())
        };
        let mut simulator = Self {
            cores: shards.shards().map(core).collect(),
            mesh: Mesh::new(shards, settings.announce_slots, settings.scrape_slots),
            rings: RoutedRequestRings::new(shards, settings.routed_slots),
            routed_begun: 0,
            now: START,
            shards,
            steering,
        };
        // There are no stored counts except those that a test sends as updates.
        simulator.update(&AccessUpdate::EndCompleted);
        simulator
    }

    /// Serves all datagrams, each core its own in batches, and the requests that cross the mesh. `on_reply` receives
    /// the index of the request, its source and the reply's payload. Does not allocate once its buffers have grown.
    ///
    /// # Panics
    /// If a request crosses the mesh more often than there are cores.
    pub fn serve(&mut self, datagrams: &[Datagram], mut on_reply: impl FnMut(usize, SocketAddr, &[u8])) {
        for (index, datagram) in datagrams.iter().enumerate() {
            let core = self.arrival_core(datagram);
            self.cores[core].waiting.push(index);
        }
        for core in &mut self.cores {
            let mut waiting = ::core::mem::take(&mut core.waiting);
            for indices in waiting.chunks(BATCH_DATAGRAMS_MAX) {
                let batch = Batch { datagrams, indices };
                let (buffer, mesh) = (&mut *core.buffer, &mut self.mesh);
                let mut outcomes = Outcomes { batch, from: core.id, buffer, mesh, on_reply: &mut on_reply };
                core.udp.process(&mut core.shard, self.now, &batch, &mut outcomes);
            }
            waiting.clear();
            core.waiting = waiting;
        }
        self.deliver(&mut on_reply);
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

    /// Advances both clocks.
    pub fn pass(&mut self, seconds: u32) {
        self.now.monotonic = self.now.monotonic.after(seconds);
        self.now.unix_s += u64::from(seconds);
    }

    /// Sets the wall clock forward or back. The monotonic clock is not affected.
    pub fn step_wall_clock(&mut self, seconds: i64) {
        self.now.unix_s = self.now.unix_s.saturating_add_signed(seconds);
    }

    /// Runs one turn of expiry on every core.
    pub fn expire(&mut self) {
        for core in &mut self.cores {
            core.shard.expire(self.now, EXPIRY_WORK);
        }
    }

    /// Returns the virtual time.
    #[must_use]
    pub const fn now(&self) -> Now {
        self.now
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

    /// Returns the sum of the figures of all cores.
    pub fn statistics(&mut self) -> Statistics {
        let mut sum = Statistics::default();
        for core in &mut self.cores {
            sum.merge(core.shard.statistics());
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

    /// Empties the rings. A scrape may pass several of them, at most one to each core.
    fn deliver(&mut self, on_reply: &mut impl FnMut(usize, SocketAddr, &[u8])) {
        let mut rounds = 0;
        while !self.mesh.is_empty() {
            assert!(rounds < self.cores.len(), "no request circulates in the mesh");
            rounds += 1;
            for core in &mut self.cores {
                core.serve_mesh(self.now, &mut self.mesh, on_reply);
            }
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

/// A fixed key, so that a torrent has the same owner in every run.
fn steering_key() -> SteeringKey {
    let mut random = [0; SteeringKey::RANDOM_BYTES];
    for (byte, number) in random.iter_mut().zip(1_u8..) {
        *byte = number.wrapping_mul(157) ^ 0x5a;
    }
    SteeringKey::from_random(&random)
}
