//! The loops of several cores under faults: full rings, failed receives, sends without room, clients that do not read, cores
//! that run late, clocks that jump, and shutdown, all from a seed. `RINGTRACK_SIMULATIONS=1000000 cargo test --release
//! --workspace --test suite -- simulation` runs a million of them, from a new seed.

use access::{AccessUpdate, DetailsKept, TorrentAdmission, UserAdmission};
use core_link::{CoreCommand, CoreTask, Reply};
use engine::ForwardingBounds;
use fastrand::Rng;
use metrics::Counter;
use primitives::{
    CompactIpv4, ExternalCounts, ExternalPeers, FirstTorrents, InfoHash, InfoHashPrefix, TorrentOrder,
};
use ringtrack_tests::client::Client as UdpClient;
use ringtrack_tests::http_client::{announce_target, request, scrape_target};
use ringtrack_tests::simulator::{Arrival, Client, Datagram, Simulator, SimulatorSettings};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use zerocopy::IntoBytes;

/// Simulations of an ordinary run.
const SIMULATIONS: u64 = 300;

/// Actions of one simulation.
const ACTIONS: usize = 120;

/// Virtual time without an answer after which everything is finished: twice what a request waits for another core.
const SETTLE_MS: u64 = 4000;

/// An HTTP client and what it has sent and received.
struct Asking {
    client: Client,
    requests: usize,
    received: Vec<u8>,
    has_left: bool,
}

struct Simulation {
    random: Rng,
    tracker: Simulator,
    settings: SimulatorSettings,
    udp: UdpClient,
    clients: Vec<Asking>,
    sent: u64,
    submitted: usize,
    replied: Arc<AtomicUsize>,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let mut settings = SimulatorSettings::with_shards(random.usize(1..=4));
        (settings.announce_slots, settings.scrape_slots) = (random.usize(1..8), random.usize(1..3));
        settings.seed = seed;
        settings.coalesce = Duration::from_micros(random.u64(0..500));
        settings.engine.forwarding =
            random.bool().then(|| ForwardingBounds { torrents_max: random.usize(1..12), peers_max: 20 });
        // Clients may take as long as they like.
        let limits = &mut settings.connections;
        (limits.first_request_s, limits.request_s, limits.idle_s, limits.answer_s) = (900, 900, 900, 900);
        let mut tracker = Simulator::new(&settings);
        let udp = UdpClient::connected(&mut tracker, "192.0.2.1:6881");
        let (clients, replied) = (Vec::new(), Arc::default());
        Self { random, tracker, settings, udp, clients, sent: 1, submitted: 0, replied }
    }

    fn run(mut self, loses_events: bool) {
        if loses_events {
            (0..self.tracker.cores()).for_each(|core| self.tracker.lose_events(core));
        }
        for _ in 0..ACTIONS {
            self.act();
        }
        self.settle();
        self.assert_everything_is_answered();
        self.stop();
    }

    fn any_core(&mut self) -> usize {
        self.random.usize(0..self.tracker.cores())
    }

    fn any_torrent(&mut self) -> InfoHash {
        InfoHash([self.random.u8(0..12); 20])
    }

    fn act(&mut self) {
        let core = self.any_core();
        match self.random.u8(0..100) {
            0..20 => self.send_datagrams(core),
            20..35 => self.send_requests(core),
            35..45 => self.read_or_leave(),
            45..75 => (0..self.random.usize(1..6)).for_each(|_| self.step(core)),
            75..80 => self.tracker.run_until_idle(),
            80..88 => self.tracker.pass_ms(self.random.u64(1..150)),
            88..90 => self.tracker.step_wall_clock(self.random.i64(-90_000..90_000)),
            90..92 => self.tracker.fail_receive(core),
            92..94 => self.tracker.limit_sends(core, [None, Some(0), Some(3)][self.random.usize(0..3)]),
            94 => self.replace_settings(),
            _ => self.submit(core),
        }
    }

    fn step(&mut self, core: usize) {
        if self.tracker.step(core) {
            self.tracker.assert_timer(core);
        }
    }

    fn send_datagrams(&mut self, core: usize) {
        for _ in 0..self.random.usize(1..100) {
            let torrent = self.any_torrent();
            let bytes = if self.random.u8(0..10) == 0 {
                let torrents = [torrent, self.any_torrent(), self.any_torrent()];
                self.udp.scraping(&torrents)
            } else {
                let port = self.random.u16(1..500);
                self.udp.leeching(torrent).with_port(port).as_bytes().to_vec()
            };
            self.tracker.deliver(&Datagram { source: self.udp.source, bytes, arrival: Arrival::At(core) });
            self.sent += 1;
        }
    }

    fn send_requests(&mut self, core: usize) {
        if self.clients.is_empty() || self.random.bool() {
            let room = self.random.usize(100..5000);
            let client = self.tracker.connect(core, Client::with_room(room));
            self.clients.push(Asking { client, requests: 0, received: Vec::new(), has_left: false });
        }
        let asking = self.random.usize(0..self.clients.len());
        for _ in 0..self.random.usize(1..12) {
            let target = if self.random.bool() {
                announce_target(self.any_torrent(), self.random.u16(1..500), "&left=1")
            } else {
                scrape_target(&[self.any_torrent(), self.any_torrent()])
            };
            let asking = &mut self.clients[asking];
            if !asking.has_left {
                asking.client.send(request(&target, "").as_slice());
                asking.requests += 1;
            }
        }
    }

    fn read_or_leave(&mut self) {
        if self.clients.is_empty() {
            return;
        }
        let asking = self.random.usize(0..self.clients.len());
        let asking = &mut self.clients[asking];
        asking.received.extend(asking.client.read());
        if self.random.u8(0..8) == 0 {
            asking.client.end();
            asking.has_left = true;
        }
    }

    fn submit(&mut self, core: usize) {
        let replied = Arc::clone(&self.replied);
        let done = move || _ = replied.fetch_add(1, Ordering::Relaxed);
        let task = match self.random.u8(0..8) {
            0 => CoreTask::Drop(self.any_torrent(), Reply::new(move |_| done())),
            1 => CoreTask::Count(InfoHashPrefix::default(), Reply::new(move |_| done())),
            2 => {
                let (order, from) = (TorrentOrder::InfoHash, InfoHash([0; 20]));
                CoreTask::First(FirstTorrents { order, from, torrents_max: 5 }, Reply::new(move |_| done()))
            }
            3 => CoreTask::Peers(self.any_torrent(), 3, Reply::new(move |_| done())),
            4 => CoreTask::Representative(self.any_torrent(), Reply::new(move |_| done())),
            5 => {
                done();
                CoreTask::UseExternal(Box::new(self.external_peers()))
            }
            6 => CoreTask::Update(AccessUpdate::DropUnserved, Reply::new(move |()| done())),
            _ => CoreTask::Update(AccessUpdate::EndCompleted, Reply::new(move |()| done())),
        };
        self.tracker.submit(core, task);
        self.submitted += 1;
        self.tracker.run_for_ms(2);
    }

    /// Replaces the settings of all cores by random ones, one core after another, under whatever is underway.
    fn replace_settings(&mut self) {
        let (random, settings) = (&mut self.random, &mut self.settings);
        let engine = &mut settings.engine;
        engine.announce.interval_s = random.u32(200..3600);
        engine.announce.interval_s_max = engine.announce.interval_s + random.u32(0..600);
        engine.announce.numwant_max = random.u16(1..=200);
        engine.announce.numwant_default = random.u16(0..=engine.announce.numwant_max);
        engine.path_mtu_bytes = random.u16(1280..1500);
        engine.connection_id_lifetime_s = random.u32(1..1000);
        engine.swarms.peer_lifetime_s = random.u32(1..=32_000);
        engine.swarms.limits.peers_max = random.u64(1..2000);
        engine.swarms.limits.swarm_peers_max = random.u32(1..200);
        engine.access.users = [UserAdmission::Public, UserAdmission::Private][random.usize(0..2)];
        engine.access.torrents = [TorrentAdmission::Any, TorrentAdmission::Listed][random.usize(0..2)];
        engine.access.details = [DetailsKept::Kept, DetailsKept::Dropped][random.usize(0..2)];
        engine.access_bounds.details.peers_max = random.usize(1..100);
        if let Some(forwarding) = &mut engine.forwarding {
            *forwarding =
                ForwardingBounds { torrents_max: random.usize(1..12), peers_max: random.usize(0..20) };
        }
        settings.coalesce = Duration::from_micros(random.u64(0..500));
        for (core, shard) in settings.engine.shards.shards().enumerate() {
            let replied = Arc::clone(&self.replied);
            let reply = Reply::new(move |()| _ = replied.fetch_add(1, Ordering::Relaxed));
            let new = Box::new(self.settings.of_core(shard));
            self.tracker.command(core, CoreCommand::UseSettings(new, reply));
            self.submitted += 1;
            self.tracker.run_for_ms(self.random.u64(1..150));
        }
    }

    fn external_peers(&mut self) -> ExternalPeers {
        let addresses =
            (0..self.random.u16(0..20)).map(|port| CompactIpv4::new([203, 0, 113, 1].into(), port));
        ExternalPeers {
            info_hash: self.any_torrent(),
            upstream: 1,
            v4: addresses.collect(),
            v6: Vec::new(),
            counts: ExternalCounts { seeders: self.random.u32(..), leechers: self.random.u32(..) },
            expires: self.tracker.now().monotonic.after(self.random.u32(0..10)),
            counts_expire: self.tracker.now().monotonic.after(self.random.u32(0..10)),
        }
    }

    /// Lets everything that is underway finish.
    fn settle(&mut self) {
        for core in 0..self.tracker.cores() {
            self.tracker.limit_sends(core, None);
        }
        let mut quiet_ms = 0;
        while quiet_ms < SETTLE_MS {
            let clients = self.clients.iter_mut();
            let read = clients.map(|asking| {
                let read = asking.client.read();
                asking.received.extend_from_slice(&read);
                read.len()
            });
            quiet_ms = if read.sum::<usize>() == 0 { quiet_ms + 100 } else { 0 };
            self.tracker.run_for_ms(100);
        }
    }

    fn assert_everything_is_answered(&mut self) {
        for asking in self.clients.iter().filter(|asking| !asking.has_left) {
            assert!(!asking.client.is_closed(), "a connection was closed");
            assert_eq!(answers(&asking.received), asking.requests, "requests over one connection");
        }
        assert_eq!(self.tracker.routed_underway(), 0, "every routed request has returned");
        assert_eq!(self.replied.load(Ordering::Relaxed), self.submitted, "every task has its reply");
        let statistics = self.tracker.statistics();
        let family = primitives::AddressFamily::V4;
        assert_eq!(statistics.received(family), self.sent, "every datagram was received");
        assert_eq!(statistics.decided(family), self.sent, "every datagram has one outcome");
    }

    /// Stops one core, and the others while requests are underway between all of them. All of these are answered.
    fn stop(&mut self) {
        let cores = self.tracker.cores();
        let first = self.any_core();
        let mut asked: Vec<Client> = (0..3 * cores).map(|number| self.ask_once(number % cores)).collect();
        self.stop_core(first);
        let others = (0..3 * cores).map(|number| number % cores).filter(|&core| core != first);
        asked.extend(others.map(|core| self.ask_once(core)).collect::<Vec<_>>());
        for core in (0..cores).filter(|&core| core != first) {
            self.stop_core(core);
        }
        self.tracker.run_for_ms(5000);
        assert!(self.tracker.has_ended(), "every core ends");
        for client in &asked {
            assert_eq!(answers(&client.read()), 1, "a request that had arrived is answered");
            assert!(client.is_closed());
        }
    }

    /// Stops a core and lets it run alone, until it waits for the others.
    fn stop_core(&mut self, core: usize) {
        self.tracker.command(core, CoreCommand::Stop);
        self.tracker.pass_ms(self.random.u64(0..200));
        let steps = (0..1000).take_while(|_| self.tracker.step(core)).count();
        assert!(steps < 1000, "a core that stops before the others sleeps");
    }

    /// Sends a request over a new connection, which its core has read when this returns.
    fn ask_once(&mut self, core: usize) -> Client {
        let client = self.tracker.connect(core, Client::with_room(usize::MAX));
        let target = announce_target(self.any_torrent(), 1, "&left=1");
        client.send(request(&target, "").as_slice());
        for _ in 0..3 {
            // The core may be coalescing datagrams.
            self.tracker.pass_ms(1);
            self.step(core);
        }
        client
    }
}

/// Counts the whole answers.
fn answers(mut bytes: &[u8]) -> usize {
    let mut count = 0;
    while let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
        let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
        let length = text.split("content-length: ").nth(1).expect("each answer has a length");
        let length: usize = length.lines().next().unwrap_or_default().trim().parse().expect("a number");
        let Some(rest) = bytes.get(head + 4 + length..) else { break };
        bytes = rest;
        count += 1;
    }
    count
}

#[test]
fn the_simulation_of_cores_under_faults_loses_nothing() {
    let simulations = std::env::var("RINGTRACK_SIMULATIONS").ok().and_then(|text| text.parse().ok());
    let first = if simulations.is_some() { fastrand::u64(..) } else { 0 };
    for seed in (first..).take(usize::try_from(simulations.unwrap_or(SIMULATIONS)).expect("64 bits")) {
        let run = catch_unwind(AssertUnwindSafe(|| Simulation::new(seed).run(false)));
        assert!(run.is_ok(), "seed {seed}");
    }
}

#[test]
fn the_simulation_finds_a_kernel_that_loses_events() {
    let finds = |seed| catch_unwind(AssertUnwindSafe(|| Simulation::new(seed).run(true))).is_err();
    assert!((0..20).any(finds));
}

#[test]
fn datagrams_at_a_high_rate_are_received_together() {
    for (coalesce_us, batches_expected) in [(0, 1000..=1100), (100, 10..=250)] {
        let coalesce = Duration::from_micros(coalesce_us);
        let mut tracker = Simulator::new(&SimulatorSettings { coalesce, ..SimulatorSettings::default() });
        let udp = UdpClient::connected(&mut tracker, "192.0.2.1:6881");
        let bytes = udp.leeching(InfoHash([1; 20])).as_bytes().to_vec();
        let datagram = Datagram::steered(udp.source, &bytes);
        for _ in 0..1000 {
            tracker.deliver(&datagram);
            tracker.pass_us(10);
            tracker.run_until_idle();
        }
        let batches = tracker.statistics().counter(Counter::BatchesReceived);
        assert!(batches_expected.contains(&batches), "{batches} batches with a wait of {coalesce_us} us");
    }
}
