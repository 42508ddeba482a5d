//! Trackers of several cores with a virtual clock and without sockets. The loops of the cores run one after the other on one
//! thread, so that every run can be repeated, except for the random bytes of TLS.

mod clock;
mod connection;
mod control;
mod faults;
mod process;
mod run;
mod settings;
mod sockets;

pub use self::connection::Client;
pub use self::control::CoreEvents;
pub use self::settings::{SimulatorSettings, source_limit, usual_http};
pub use self::sockets::SocketCall;

use self::clock::VirtualClock;
use self::run::SimulatedCore;
use self::sockets::Listeners;
use access::AccessUpdate;
use core_link::CoreCommand;
use core_loop::Clock;
use engine::{HttpPolicy, HttpService, Now, Shard};
use guard::SourceLimits;
use metrics::Statistics;
use primitives::{InfoHash, ShardCount, SteeringKey};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use udp_protocol::{Request, decode_request};

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
    /// The cores of a process in the order of their shards, and after them those of its successor.
    cores: Vec<SimulatedCore>,
    /// As the first process sees it.
    clock: VirtualClock,
    shards: ShardCount,
    steering: SteeringKey,
    /// By shard.
    listeners: Vec<Rc<RefCell<Listeners>>>,
    /// The figures of the processes that have ended.
    ended: Statistics,
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
        let listeners = shards.shards().map(|_| Rc::default()).collect();
        let mut simulator = Self {
            cores: Vec::new(),
            clock,
            shards,
            steering: steering_key(),
            listeners,
            ended: Statistics::default(),
        };
        simulator.cores = simulator.start_process(&simulator.clock, settings, http);
        for core in &simulator.cores {
            core.command(CoreCommand::Serve);
        }
        // There are no stored counts except those that a test sends as updates.
        simulator.update(&AccessUpdate::EndCompleted);
        simulator
    }

    /// Serves all datagrams, each core its own in batches, and the requests that cross the mesh. `on_reply` receives
    /// the index of the request, its source and the reply's payload. Does not allocate once its buffers have grown.
    pub fn serve(&mut self, datagrams: &[Datagram], on_reply: impl FnMut(usize, SocketAddr, &[u8])) {
        for (request, datagram) in datagrams.iter().enumerate() {
            self.deliver(request, datagram);
        }
        self.run_until_idle();
        self.pass_replies(on_reply);
    }

    /// Passes on the replies that were sent since the last call.
    fn pass_replies(&mut self, mut on_reply: impl FnMut(usize, SocketAddr, &[u8])) {
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
        for core in &mut self.cores {
            let now = core.now();
            core.shard().expire(now, EXPIRY_WORK);
        }
    }

    /// Limits sources, which are not limited at first.
    pub fn limit_sources(&mut self, limits: &SourceLimits) {
        for core in &mut self.cores {
            core.shard().guard().use_limits(limits.clone());
        }
    }

    /// Returns the virtual time, as the first process sees it.
    #[must_use]
    pub fn now(&self) -> Now {
        self.clock.at(self.clock.instant())
    }

    /// Returns the number of cores of all processes.
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
        let now = self.cores[core].now();
        let (shard, service) = self.cores[core].http();
        HttpContext { service, shard, now }
    }

    /// Returns the number of routed HTTP requests that have not returned.
    pub fn routed_underway(&mut self) -> usize {
        self.cores.iter_mut().map(|core| core.http().1.underway()).sum()
    }

    /// Returns the sum of the figures of all cores, and of the counters of processes that have ended.
    pub fn statistics(&mut self) -> Statistics {
        let mut sum = self.ended.clone();
        for core in &mut self.cores {
            sum.merge(core.shard().statistics());
        }
        sum
    }

    fn arrival_shard(&self, datagram: &Datagram) -> usize {
        match datagram.arrival {
            Arrival::Steered => {
                first_info_hash(&datagram.bytes).map_or(0, |info_hash| self.owner(&info_hash))
            }
            Arrival::At(core) => core % self.listeners.len(),
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
