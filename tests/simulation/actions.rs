//! A simulation: a tracker, its clients, and what they do.

use super::control::stored;
use super::http_clients::HttpPeer;
use super::network::Network;
use super::peers::Peers;
use super::troubles::{self, Trouble};
use super::udp_clients::{UdpPeer, any_event};
use super::web_socket_clients::WebPeer;
use access::{CompletedCounts, UserAdmission};
use core_link::KernelFiltering;
use engine::ForwardingBounds;
use fastrand::Rng;
use guard::SourceLimits;
use primitives::AnnounceEvent;
use primitives::InfoHash;
use ringtrack_tests::codec::Codec;
use ringtrack_tests::simulator::{Client, CoreEvents, Simulator, SimulatorSettings, SocketCall};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

/// Actions of one simulation.
const ACTIONS: usize = 120;

/// The addresses of the clients over UDP, whose hosts also use the other protocols.
pub(crate) const SOURCES: [&str; 5] =
    ["192.0.2.1:6881", "192.0.2.2:6882", "198.51.100.3:6883", "[2001:db8:1::1]:6884", "[2001:db8:2::1]:6885"];

/// The source that sends as much as it can.
const ABUSER: &str = "203.0.113.66:6666";

/// Seconds for which a connection may wait for anything, unless the seed is crowded.
const PATIENCE_S: u32 = 20_000;

pub(crate) struct Simulation {
    pub(crate) random: Rng,
    pub(crate) troubles: Vec<Trouble>,
    pub(crate) tracker: Simulator,
    pub(crate) settings: SimulatorSettings,
    pub(crate) sources: SourceLimits,
    pub(crate) network: Network,
    pub(crate) peers: Peers,
    pub(crate) udp: Vec<UdpPeer>,
    pub(crate) abuser: UdpPeer,
    pub(crate) http: Vec<HttpPeer>,
    pub(crate) web: Vec<WebPeer>,
    /// Tasks and commands with a reply, and the replies to them.
    pub(crate) submitted: usize,
    pub(crate) replied: Arc<AtomicUsize>,
    pub(crate) events: CoreEvents,
    /// The number of the last peer that announced the last torrent during a handover.
    pub(crate) late_peers: u16,
    /// Whether a process was killed, with what it had in its queues.
    pub(crate) has_lost_process: bool,
}

impl Simulation {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let troubles = Trouble::draw(&mut random);
        let mut settings = SimulatorSettings::with_shards(random.usize(1..=4));
        settings.seed = seed;
        (settings.announce_slots, settings.scrape_slots) = (random.usize(1..8), random.usize(1..3));
        settings.coalesce = Duration::from_micros(random.u64(0..500));
        settings.engine.forwarding =
            random.bool().then(|| ForwardingBounds { torrents_max: random.usize(1..12), peers_max: 20 });
        settings.engine.swarms.peer_lifetime_s = random.u32(300..3000);
        settings.engine.access.users =
            if random.u8(0..4) == 0 { UserAdmission::Private } else { UserAdmission::Public };
        settings.engine.access.completed = CompletedCounts::Remembered;
        let limits = &mut settings.connections;
        (limits.first_request_s, limits.request_s, limits.idle_s) = (PATIENCE_S, PATIENCE_S, PATIENCE_S);
        (limits.answer_s, limits.web_socket_idle_s) = (PATIENCE_S, PATIENCE_S);
        let mut sources = SourceLimits::none();
        let mut network = Network::new(random.fork(), super::network::Weather::default());
        for trouble in &troubles {
            match trouble {
                Trouble::Network => network.weather = troubles::weather(&mut random),
                Trouble::Crowding => troubles::crowd(&mut random, &mut settings),
                Trouble::Abuse => {
                    sources = troubles::source_limits(&mut random);
                    settings.kernel_filtering = KernelFiltering::On { wrong_ids_per_s: random.u32(0..100) };
                }
                _ => {}
            }
        }
        let mut tracker = Simulator::new(&settings);
        stored(&BTreeMap::new()).iter().for_each(|update| tracker.update(update));
        tracker.limit_sources(&sources);
        let mut peers = Peers::default();
        peers.use_lifetime(settings.engine.swarms.peer_lifetime_s);
        Self {
            random,
            troubles,
            tracker,
            settings,
            sources,
            network,
            peers,
            udp: SOURCES.map(UdpPeer::new).into(),
            abuser: UdpPeer::new(ABUSER),
            http: Vec::new(),
            web: Vec::new(),
            submitted: 0,
            replied: Arc::default(),
            events: CoreEvents::default(),
            late_peers: 0,
            has_lost_process: false,
        }
    }

    /// Lets the kernel lose events of connections, which no correct kernel does.
    #[cfg(not(feature = "canary"))]
    pub(crate) fn losing_events(mut self) -> Self {
        (0..self.tracker.cores()).for_each(|core| self.tracker.lose_events(core));
        self
    }

    pub(crate) fn run(mut self) {
        for _ in 0..ACTIONS {
            self.act();
            self.exchange();
            self.check();
        }
        self.fill_rings();
        self.settle();
        self.assert_everything_is_answered();
        self.assert_all_are_served();
        if self.random.bool() {
            self.assert_a_handover_loses_no_peer();
        }
        self.assert_all_is_forgotten();
        self.stop();
    }

    pub(crate) fn has(&self, trouble: Trouble) -> bool {
        self.troubles.contains(&trouble)
    }

    pub(crate) fn any_core(&mut self) -> usize {
        self.random.usize(0..self.tracker.cores())
    }

    pub(crate) fn any_torrent(&mut self) -> InfoHash {
        InfoHash([self.random.u8(0..12); 20])
    }

    pub(crate) fn any_host(&mut self) -> IpAddr {
        let source = self.random.choice(SOURCES).expect("there are some");
        source.parse::<SocketAddr>().expect("an address").ip()
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.tracker.now().monotonic_ms
    }

    fn act(&mut self) {
        let core = self.any_core();
        match self.random.u8(0..100) {
            0..16 => self.send_datagrams(core),
            16..27 => self.ask_over_http(core),
            27..33 => self.read_or_leave(),
            33..47 => self.act_over_web_sockets(core),
            47..68 => (0..self.random.usize(1..6)).for_each(|_| self.step(core)),
            68..72 => self.tracker.run_until_idle(),
            72..77 => self.rest(),
            77..84 => self.tracker.pass_ms(self.random.u64(1..150)),
            84..90 => self.submit(core),
            _ => self.make_trouble(core),
        }
    }

    /// Does something that happens during a handover, with one core or all of them.
    pub(crate) fn act_in_handover(&mut self) {
        for _ in 0..self.random.usize(1..8) {
            let core = self.any_core();
            match self.random.u8(0..7) {
                0 => self.send_datagrams(core),
                1 => self.ask_over_http(core),
                2 => self.read_or_leave(),
                3 => self.act_over_web_sockets(core),
                4 => (0..self.random.usize(1..6)).for_each(|_| _ = self.tracker.step(core)),
                5 => self.tracker.pass_ms(self.random.u64(1..150)),
                _ => self.make_mild_trouble(core),
            }
            self.exchange();
        }
    }

    /// Makes trouble that costs no peer and no connection.
    fn make_mild_trouble(&mut self, core: usize) {
        match self.random.choice(self.troubles.iter().copied()) {
            Some(Trouble::Clocks) => self.tracker.step_wall_clock(self.random.i64(-90_000..90_000)),
            Some(Trouble::Settings) => {
                self.vary_settings();
                self.use_settings();
            }
            trouble => self.make(trouble, core),
        }
    }

    fn make_trouble(&mut self, core: usize) {
        let trouble = self.random.choice(self.troubles.iter().copied());
        self.make(trouble, core);
    }

    fn make(&mut self, trouble: Option<Trouble>, core: usize) {
        match trouble {
            Some(Trouble::Network) => self.spoof(core),
            Some(Trouble::Abuse) => self.abuse(core),
            Some(Trouble::Sockets) if self.random.bool() => {
                let call = self.random.choice(SocketCall::ALL).expect("there are some");
                self.tracker.fail_next(core, call);
            }
            Some(Trouble::Sockets) => {
                let room = self.random.choice([None, Some(0), Some(3)]).expect("there are some");
                self.tracker.limit_sends(core, room);
            }
            Some(Trouble::Clocks) if self.random.bool() => {
                self.tracker.step_wall_clock(self.random.i64(-90_000..90_000));
            }
            Some(Trouble::Clocks) => self.tracker.pass_ms(self.random.u64(1..100_000)),
            Some(Trouble::Settings) => self.replace_settings(),
            Some(Trouble::Crowding | Trouble::Silence) | None => {}
        }
    }

    pub(crate) fn step(&mut self, core: usize) {
        if self.tracker.step(core) {
            self.tracker.assert_timer(core);
        }
    }

    /// Lets every core come to rest, whatever has failed.
    fn rest(&mut self) {
        self.run_for_ms(250);
        self.peers.note_rest(self.now_ms());
        if !self.has(Trouble::Silence) {
            self.tracker.take_events_to(&mut self.events);
        }
    }

    /// Lets time pass, in which the network carries datagrams.
    pub(crate) fn run_for_ms(&mut self, milliseconds: u64) {
        for begun_ms in (0..milliseconds).step_by(50) {
            self.exchange();
            self.tracker.run_for_ms(50.min(milliseconds - begun_ms));
        }
        self.exchange();
    }

    /// Passes datagrams between the tracker and its clients.
    pub(crate) fn exchange(&mut self) {
        let arrivals = self.network.exchange(&mut self.tracker);
        for datagram in arrivals.datagrams {
            if let Ok(udp_protocol::Request::Announce(announce)) =
                udp_protocol::decode_request(&datagram.bytes)
            {
                let peer = SocketAddr::new(datagram.source.ip(), announce.request.port.get());
                self.peers.note_announce(announce.request.info_hash, peer);
            }
        }
        for reply in arrivals.replies {
            let mut clients = self.udp.iter_mut().chain([&mut self.abuser]);
            if let Some(client) = clients.find(|client| client.client.source == reply.destination) {
                client.receive(&reply, &mut self.peers);
            }
        }
    }

    fn send_datagrams(&mut self, core: usize) {
        let client = self.random.usize(0..self.udp.len());
        let (now_ms, datagrams) = (self.now_ms(), self.random.usize(1..100));
        if !self.udp[client].has_id() {
            let connect = self.udp[client].connect();
            self.network.send(now_ms, self.udp[client].client.source, connect, core);
            return;
        }
        for _ in 0..datagrams {
            let torrent = self.any_torrent();
            let torrents = [torrent, self.any_torrent(), self.any_torrent()];
            let (port, event) = (self.random.u16(1..500), any_event(&mut self.random));
            let is_scrape = self.random.u8(0..10) == 0;
            let client = &mut self.udp[client];
            let bytes = if is_scrape {
                client.scrape(&torrents)
            } else {
                client.announce(torrent, port, now_ms, event)
            };
            self.network.send(now_ms, client.client.source, bytes, core);
        }
    }

    /// Sends datagrams that seem to come from anywhere, also from good clients.
    fn spoof(&mut self, core: usize) {
        let now_ms = self.now_ms();
        for _ in 0..self.random.usize(1..60) {
            let source = match self.random.u8(0..3) {
                0 => SocketAddr::new(self.any_host(), 6881),
                1 => SocketAddr::new(IpAddr::from(self.random.u32(..).to_be_bytes()), self.random.u16(..)),
                _ => SocketAddr::new(IpAddr::from(self.random.u128(..).to_be_bytes()), self.random.u16(..)),
            };
            let mut stranger = UdpPeer::stranger(source);
            stranger.client.connection_id.0 = self.random.u64(..).to_be_bytes();
            let torrent = self.any_torrent();
            let mut bytes = match self.random.u8(0..3) {
                0 => stranger.connect(),
                1 => stranger.scrape(&[torrent]),
                _ => stranger.announce(torrent, 1, now_ms, AnnounceEvent::None),
            };
            bytes.truncate(self.random.usize(0..2 * bytes.len()));
            self.network.send(now_ms, source, bytes, core);
        }
    }

    /// Sends far more than a source may.
    pub(crate) fn abuse(&mut self, core: usize) {
        let now_ms = self.now_ms();
        for _ in 0..self.random.usize(1..200) {
            let torrent = InfoHash([self.random.u8(0..200); 20]);
            let (port, connects) = (self.random.u16(1..), !self.abuser.has_id() || self.random.u8(0..4) == 0);
            let bytes = if connects {
                self.abuser.connect()
            } else {
                self.abuser.announce(torrent, port, now_ms, AnnounceEvent::None)
            };
            self.network.send(now_ms, self.abuser.client.source, bytes, core);
        }
        let opened = self.open_http(core, self.abuser.client.source.ip());
        self.http.push(opened);
    }

    pub(crate) fn connected(&mut self, core: usize, host: IpAddr, codec: Codec, room: usize) -> HttpPeer {
        let client = Client::with_room(room).at(host);
        let client = if matches!(codec, Codec::Tls(_)) { client.over_tls() } else { client };
        HttpPeer::new(self.tracker.connect(core, client), host, codec)
    }

    /// Opens a connection over HTTP, one in eight times with TLS.
    pub(crate) fn open_http(&mut self, core: usize, host: IpAddr) -> HttpPeer {
        match self.random.u8(0..16) {
            version @ 0..2 => self.connected(core, host, Codec::over_tls(version), usize::MAX),
            _ => {
                let room = self.random.usize(100..5000);
                self.connected(core, host, Codec::Plain, room)
            }
        }
    }

    fn ask_over_http(&mut self, core: usize) {
        if self.http.is_empty() || self.random.bool() {
            let host = self.any_host();
            let opened = self.open_http(core, host);
            self.http.push(opened);
        }
        let now_ms = self.now_ms();
        let client = self.random.usize(0..self.http.len());
        for _ in 0..self.random.usize(1..12) {
            let torrents = [self.any_torrent(), self.any_torrent()];
            let (port, announces) = (self.random.u16(1..500), self.random.bool());
            let client = &mut self.http[client];
            match announces {
                _ if client.has_left => {}
                true => client.announce(torrents[0], port, now_ms, &mut self.peers),
                false => client.scrape(&torrents),
            }
        }
    }

    /// Lets one core run alone with more requests than its rings hold, after which nothing else happens.
    fn fill_rings(&mut self) {
        let core = self.any_core();
        for _ in 0..20 {
            let (now_ms, host, torrent) = (self.now_ms(), self.any_host(), self.any_torrent());
            let mut client = self.connected(core, host, Codec::Plain, usize::MAX);
            client.announce(torrent, 1, now_ms, &mut self.peers);
            self.http.push(client);
        }
        (0..10).for_each(|_| self.step(core));
    }

    fn read_or_leave(&mut self) {
        let client = self.random.usize(0..self.http.len().max(1));
        let leaves = self.random.u8(0..8) == 0;
        if let Some(client) = self.http.get_mut(client) {
            client.receive(&mut self.peers);
            if leaves && !client.has_left {
                client.leave();
            }
        }
    }

    pub(crate) fn open_web_socket(&mut self, core: usize, host: IpAddr, number: u8) -> WebPeer {
        WebPeer::opening(&mut self.tracker, core, Client::with_room(usize::MAX).at(host), number)
    }

    fn act_over_web_sockets(&mut self, core: usize) {
        if self.web.is_empty() || self.random.u8(0..4) == 0 {
            // Some clients share an id with an earlier one, as after a new connection of the same page.
            let (host, number) = (self.any_host(), self.random.u8(0..12));
            let opened = self.open_web_socket(core, host, number);
            self.web.push(opened);
        }
        let (torrent, left, offers) = (self.any_torrent(), self.random.u64(0..2), self.random.u8(0..4));
        let (client, action) = (self.random.usize(0..self.web.len()), self.random.u8(0..8));
        let client = &mut self.web[client];
        match action {
            _ if client.has_left => {}
            0 => client.leave(&mut self.random),
            1..3 => {
                client.receive();
                client.answer();
            }
            _ => {
                client.receive();
                client.announce(torrent, left, offers);
            }
        }
    }
}
