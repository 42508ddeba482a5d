use super::expected;
use super::script::Step;
use crate::codec::Codec;
use crate::http_client::{announce_target, request};
use crate::simulator::{self, Simulator, SimulatorSettings, usual_http};
use engine::ProxyHeaderKind;
use http_protocol::HEAD_BYTES_MAX;
use primitives::InfoHash;
use std::net::{IpAddr, Ipv4Addr};

const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

/// PROXY protocol headers that a connection can begin with.
const PROXY_HEADERS: [&[u8]; 4] = [
    b"PROXY TCP4 203.0.113.5 198.51.100.1 5000 80\r\n",
    b"PROXY UNKNOWN\r\n",
    b"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00",
    b"",
];

/// Limit of bytes that a client sends: less than the tracker discards after a refused request.
const SAID_BYTES_MAX: usize = 128 << 10;

/// Bytes per read.
const READ_BYTES: usize = 16 << 10;

/// Limit of bytes that a connection has read and not answered: a request that is routed, the start of the next, and one
/// more read.
const HELD_BYTES_MAX: usize = 2 * HEAD_BYTES_MAX + READ_BYTES;

/// The same limit with TLS. It adds the held records, decrypted with a read and raw; and the handshake, and the headers and
/// tags of all records of a script.
const HELD_BYTES_OF_TLS_MAX: usize = HELD_BYTES_MAX + 2 * tls::HELD_BYTES_MAX + 8192;

/// Requests that one core may have at another.
const ROUTED_MAX: u16 = 256;

/// Time limit of the tracker for whatever it waits for: longer than any script takes.
const LIMIT_S: u32 = 10_000;

/// Virtual time without an answer after which everything is finished: twice what a request waits for another core.
const SETTLE_MS: u64 = 4000;

/// The settings in the first bytes of an input.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choice {
    pub(super) set_up: u8,
    /// Whether the second and the third core are busy: they have as many requests of the first as they may, and never run.
    pub(super) busy: [bool; 2],
}

/// A client, its connection, and the bytes between them.
pub(super) struct World {
    choice: Choice,
    tracker: Simulator,
    connection: simulator::Client,
    client: Codec,
    /// Sent bytes that have not arrived.
    line: Vec<u8>,
    /// Number of bytes that have arrived.
    arrived: usize,
    /// Plaintext that the client sent.
    said: Vec<u8>,
    /// Plaintext that the client received.
    told: Vec<u8>,
    has_hung_up: bool,
    fairness: Fairness,
}

/// What can be required of the tracker, in falling order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fairness {
    /// Every request is answered.
    Whole,
    /// The client shut down its sending side and still reads: every request is answered.
    HungUp,
    /// The connection was cut: requests are answered up to some point.
    Cut,
    /// Bytes were inserted that the client did not send.
    Foul,
}

impl Choice {
    const fn is_tls(self) -> bool {
        self.set_up & 1 == 1
    }

    const fn has_proxy(self) -> bool {
        self.set_up & 4 == 4
    }

    pub(super) const fn requests_max(self) -> u32 {
        if self.set_up & 8 == 8 { 5 } else { u32::MAX }
    }

    /// Whether the proxy sends no header. The client's own bytes may still contain one.
    fn lacks_proxy_header(self) -> bool {
        self.has_proxy() && self.proxy_header().is_empty()
    }

    fn proxy_header(self) -> &'static [u8] {
        if self.has_proxy() { PROXY_HEADERS[usize::from(self.set_up >> 6)] } else { b"" }
    }

    fn tracker(self) -> Simulator {
        let mut settings = SimulatorSettings::with_shards(self.cores());
        let limits = &mut settings.connections;
        (limits.first_request_s, limits.request_s, limits.idle_s, limits.answer_s) =
            (LIMIT_S, LIMIT_S, LIMIT_S, LIMIT_S);
        let mut policy = usual_http();
        policy.requests_per_connection_max = self.requests_max();
        // Lets one connection fill a swarm.
        policy.named_addresses_from = vec!["0.0.0.0/0".parse().expect("a network")];
        if self.has_proxy() {
            policy.proxy.header = ProxyHeaderKind::ProxyProtocol;
            policy.proxy.trusted = vec![PROXY.into()];
        }
        let mut tracker = Simulator::with_http(&settings, &policy);
        for core in (1..self.cores()).filter(|&core| self.is_busy(core)) {
            make_busy(&mut tracker, core);
        }
        tracker
    }

    const fn cores(self) -> usize {
        if self.set_up & 0x10 == 0 { 1 } else { 3 }
    }

    const fn is_busy(self, core: usize) -> bool {
        core > 0 && self.busy[core - 1]
    }
}

/// Lets clients of the first core send as many requests to another core as may be under way.
fn make_busy(tracker: &mut Simulator, core: usize) {
    let mut torrents = (0..=u8::MAX).map(|number| InfoHash([number; 20]));
    let torrent = torrents.find(|torrent| tracker.owner(torrent) == core).expect("one in a few");
    for port in 1..=ROUTED_MAX {
        let client = tracker.connect(0, simulator::Client::with_room(usize::MAX));
        client.send(&request(&announce_target(torrent, port, ""), ""));
    }
    while tracker.step(0) {}
}

impl World {
    pub(super) fn new(choice: Choice) -> Self {
        let mut tracker = choice.tracker();
        let connection = simulator::Client::with_room(0).at(PROXY);
        let connection = if choice.is_tls() { connection.over_tls() } else { connection };
        let client = if choice.is_tls() { Codec::over_tls(choice.set_up >> 1) } else { Codec::Plain };
        let mut world = Self {
            choice,
            connection: tracker.connect(0, connection),
            tracker,
            client,
            line: choice.proxy_header().to_vec(),
            arrived: 0,
            said: Vec::new(),
            told: Vec::new(),
            has_hung_up: false,
            fairness: Fairness::Whole,
        };
        world.respond(b"");
        world
    }

    pub(super) fn play(&mut self, step: Step<'_>) {
        match step {
            Step::Ask(request) => self.respond(request.as_bytes()),
            Step::Say(bytes) => self.respond(bytes),
            Step::AskOften(request, times) => self.respond(request.repeat(times % 64).as_bytes()),
            Step::Arrive(bytes) => self.arrive(bytes),
            Step::Room(bytes) => self.connection.make_room(bytes),
            Step::RoutedReturn => self.run(),
            Step::HangUp { tells } => self.hang_up(tells),
            Step::Break => {
                self.connection.break_off();
                self.fall_to(Fairness::Cut);
            }
            Step::Close => {
                self.pass_the_limit();
                self.fall_to(Fairness::Cut);
            }
            Step::Stranger(bytes) => {
                if !bytes.is_empty() && self.fairness == Fairness::Whole {
                    self.line.extend_from_slice(bytes);
                    self.fall_to(Fairness::Foul);
                }
            }
            Step::Turn => self.tracker.pass_ms(100),
        }
        self.run_home();
        self.receive();
    }

    /// Delivers everything in flight, then compares the responses with the reference.
    pub(super) fn finish(mut self) {
        self.settle();
        let stuck = (1..self.choice.cores()).filter(|&core| self.choice.is_busy(core)).count();
        assert_eq!(
            self.tracker.routed_underway(),
            stuck * usize::from(ROUTED_MAX),
            "all others have returned"
        );
        if self.fairness != Fairness::Foul {
            self.compare();
        }
    }

    fn settle(&mut self) {
        let mut quiet_ms = 0;
        while quiet_ms < SETTLE_MS {
            self.connection.make_room(usize::MAX);
            let is_arriving = !self.line.is_empty();
            self.arrive(usize::MAX);
            self.run();
            let is_quiet = self.receive() == 0 && !is_arriving;
            quiet_ms = if is_quiet { quiet_ms + 500 } else { 0 };
            self.tracker.pass_ms(500);
        }
    }

    /// The reference is the same client without TLS: all of its bytes arrive at once, on a wire that never blocks.
    fn compare(&mut self) {
        if self.choice.is_tls() && self.choice.lacks_proxy_header() {
            assert_eq!(self.told, b"");
            return;
        }
        let mut reference = Self::new(Choice { set_up: self.choice.set_up & !1, ..self.choice });
        reference.respond(&self.said);
        reference.settle();
        let requests = reference.tracker.statistics().http_requests();
        if !self.choice.lacks_proxy_header() {
            let told = &reference.told;
            assert_eq!(expected::check(&self.said, self.choice.requests_max(), told), requests);
        }
        let (told, expected) = (&self.told, &reference.told);
        if self.fairness == Fairness::Cut {
            assert!(expected.starts_with(told), "responses before a cut are the same as without one");
            return;
        }
        assert_eq!(told.escape_ascii().to_string(), expected.escape_ascii().to_string());
        assert_eq!(self.tracker.statistics().http_requests(), requests, "each request is counted once");
        assert_eq!(self.connection.has_seen_the_end(), reference.connection.has_seen_the_end());
        if self.fairness == Fairness::Whole {
            assert_eq!(self.ends(), reference.ends(), "both wait for the same");
        } else {
            assert!(self.connection.is_closed(), "the tracker does not wait for a client that has hung up");
        }
    }

    /// Lets the time limit of whatever the tracker waits for pass. Returns why it has closed its connections.
    fn ends(&mut self) -> Vec<(String, u64)> {
        self.pass_the_limit();
        let figures = self.tracker.statistics().named().collect::<Vec<_>>();
        figures.into_iter().filter(|(name, _)| name.starts_with("http_closed_")).collect()
    }

    fn pass_the_limit(&mut self) {
        self.tracker.pass_ms(u64::from(LIMIT_S) * 1000);
        // The timer checks a part of the connections each time.
        for _ in 0..20 {
            self.tracker.pass_ms(100);
            self.run_home();
        }
    }

    fn respond(&mut self, bytes: &[u8]) {
        if self.fairness == Fairness::Whole && self.said.len() + bytes.len() <= SAID_BYTES_MAX {
            self.said.extend_from_slice(bytes);
            let sent = self.client.send(bytes);
            self.line.extend(sent);
        }
    }

    fn arrive(&mut self, bytes: usize) {
        let bytes = bytes.min(self.line.len());
        let arriving: Vec<u8> = self.line.drain(..bytes).collect();
        if bytes > 0 && !self.has_hung_up {
            self.arrived += bytes;
            self.connection.send(&arriving);
        }
    }

    fn hang_up(&mut self, tells: bool) {
        // A client in its handshake has not sent its plaintext yet.
        let is_mute = matches!(&self.client, Codec::Tls(client) if client.is_handshaking());
        if self.fairness != Fairness::Whole {
            return;
        }
        if tells {
            let end = self.client.send_end();
            self.line.extend(end);
        }
        self.arrive(usize::MAX);
        self.fall_to(if is_mute { Fairness::Cut } else { Fairness::HungUp });
        self.has_hung_up = true;
        self.connection.end();
    }

    fn fall_to(&mut self, fairness: Fairness) {
        self.fairness = self.fairness.max(fairness);
    }

    /// Runs the core of the connection alone.
    fn run_home(&mut self) {
        while self.tracker.step(0) {}
    }

    /// Runs all cores that are not busy.
    fn run(&mut self) {
        let (choice, cores) = (self.choice, self.tracker.cores());
        let mut step = |core| !choice.is_busy(core) && self.tracker.step(core);
        while (0..cores).filter(|&core| step(core)).count() > 0 {}
    }

    /// Receives what the tracker has sent, and checks what it holds. Returns the number of bytes.
    fn receive(&mut self) -> usize {
        let mut sent = Vec::new();
        let bytes = self.connection.take_to(&mut sent);
        if self.fairness == Fairness::Foul {
            return bytes;
        }
        self.told.extend(self.client.receive(&sent));
        if self.fairness == Fairness::Whole {
            let sent = self.client.send(b"");
            self.line.extend(sent);
        }
        self.check_held_bytes();
        bytes
    }

    /// Checks how much the tracker has read of requests that it has not answered.
    fn check_held_bytes(&mut self) {
        if self.connection.has_seen_the_end() || self.connection.is_closed() {
            // What follows the last request is discarded.
            return;
        }
        let read = self.arrived - self.connection.unread();
        let requests = self.tracker.statistics().http_requests();
        let served = expected::bytes_of(&self.said, requests) + self.choice.proxy_header().len();
        let held = read.saturating_sub(served);
        let most = if self.choice.is_tls() { HELD_BYTES_OF_TLS_MAX } else { HELD_BYTES_MAX };
        assert!(held <= most, "{held} bytes held");
    }
}
