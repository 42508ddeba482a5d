use super::client::Client;
use super::expected;
use super::script::Step;
use crate::http_server::{Connected, ConnectionState, Troubles};
use crate::simulator::{Simulator, SimulatorSettings, usual_http};
use crate::tls_client;
use core_loop::connection::Buffers;
use engine::ProxyHeaderKind;
use http_protocol::{HEAD_BYTES_MAX, RESPONSE_BYTES_MAX};
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

/// Limit of bytes that a connection holds: the start of a request, one more read, and a response.
const HELD_BYTES_MAX: usize = HEAD_BYTES_MAX + READ_BYTES + RESPONSE_BYTES_MAX;

/// The same limit with TLS. It adds the held records, decrypted with a read and raw; headers and tags of the
/// records of a response; and the certificate of a handshake.
const HELD_BYTES_OF_TLS_MAX: usize = HELD_BYTES_MAX + 2 * tls::HELD_BYTES_MAX + 4096;

/// The settings in the first bytes of an input.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choice {
    pub(super) set_up: u8,
    pub(super) troubles: Troubles,
}

/// A client, its connection, and the bytes between them.
pub(super) struct World {
    choice: Choice,
    tracker: Simulator,
    buffers: Buffers,
    connected: Connected,
    client: Client,
    /// Sent bytes that have not arrived.
    line: Vec<u8>,
    /// Plaintext that the client sent.
    said: Vec<u8>,
    /// Plaintext that the client received.
    told: Vec<u8>,
    /// Number of bytes from the tracker that the client has read.
    seen: usize,
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
        let shards = [1, 3][usize::from(self.set_up >> 4 & 1)];
        let mut policy = usual_http();
        policy.requests_per_connection_max = self.requests_max();
        // Lets one connection fill a swarm.
        policy.named_addresses_from = vec!["0.0.0.0/0".parse().expect("a network")];
        if self.has_proxy() {
            policy.proxy.header = ProxyHeaderKind::ProxyProtocol;
            policy.proxy.trusted = policy.named_addresses_from.clone();
        }
        Simulator::with_http(&SimulatorSettings::with_shards(shards), &policy)
    }
}

impl World {
    pub(super) fn new(choice: Choice) -> Self {
        let mut tracker = choice.tracker();
        let identity = choice.is_tls().then(tls_client::identity);
        let connected = Connected::new(&mut tracker, 0, PROXY, identity, choice.troubles);
        let client = if choice.is_tls() { Client::over_tls(choice.set_up >> 1) } else { Client::Plain };
        let mut world = Self {
            choice,
            tracker,
            buffers: Buffers::new(),
            connected,
            client,
            line: choice.proxy_header().to_vec(),
            said: Vec::new(),
            told: Vec::new(),
            seen: 0,
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
            Step::Room(bytes) => {
                self.connected.wire.room += bytes;
                self.connected.advance(&mut self.tracker, &mut self.buffers);
            }
            Step::RoutedReturn => self.connected.bring_back(&mut self.tracker, &mut self.buffers),
            Step::HangUp { tells } => self.hang_up(tells),
            Step::Break => {
                self.connected.wire.is_broken = true;
                self.fall_to(Fairness::Cut);
                self.connected.note_readable(&mut self.tracker, &mut self.buffers);
            }
            Step::Close => {
                self.connected.close();
                self.fall_to(Fairness::Cut);
            }
            Step::Stranger(bytes) => {
                if !bytes.is_empty() && self.fairness == Fairness::Whole {
                    self.line.extend_from_slice(bytes);
                    self.fall_to(Fairness::Foul);
                }
            }
            Step::Turn => self.connected.advance(&mut self.tracker, &mut self.buffers),
        }
        self.check_after_turn();
    }

    /// Delivers everything in flight, then compares the responses with the reference.
    pub(super) fn finish(mut self) {
        let mut rounds_left = 64 + self.said.len();
        while !(self.line.is_empty() && self.connected.wire.room > READ_BYTES && self.is_at_rest()) {
            rounds_left = rounds_left.checked_sub(1).expect("the connection comes to rest");
            self.connected.wire.room = usize::MAX;
            self.connected.advance(&mut self.tracker, &mut self.buffers);
            self.connected.bring_back(&mut self.tracker, &mut self.buffers);
            self.arrive(usize::MAX);
            self.check_after_turn();
        }
        assert_eq!(self.tracker.routed_underway(), 0, "every routed request has returned");
        if self.fairness != Fairness::Foul {
            self.compare();
        }
    }

    fn compare(&mut self) {
        if self.choice.is_tls() && self.choice.lacks_proxy_header() {
            assert_eq!(self.told, b"");
            return;
        }
        let mut reference = Reference::serve(self.choice, &self.said);
        let requests = reference.tracker.statistics().http_requests();
        if !self.choice.lacks_proxy_header() {
            let sent = &reference.connected.wire.sent;
            assert_eq!(expected::check(&self.said, self.choice.requests_max(), sent), requests);
        }
        let (told, expected) = (&self.told, &reference.connected.wire.sent);
        if self.fairness == Fairness::Cut {
            assert!(expected.starts_with(told), "responses before a cut are the same as without one");
            return;
        }
        assert_eq!(told.escape_ascii().to_string(), expected.escape_ascii().to_string());
        assert_eq!(self.tracker.statistics().http_requests(), requests, "each request is counted once");
        assert_eq!(self.connected.wire.has_ended, reference.connected.wire.has_ended);
        if self.fairness == Fairness::Whole {
            assert_eq!(self.connected.state, reference.connected.state);
        } else {
            assert!(matches!(self.connected.state, ConnectionState::Ended(_)), "{:?}", self.connected.state);
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
        if bytes > 0 && !self.connected.wire.client_has_ended {
            self.connected.wire.arrived.extend(self.line.drain(..bytes));
            self.connected.note_readable(&mut self.tracker, &mut self.buffers);
        } else if self.connected.wire.client_has_ended {
            self.line.clear();
        }
    }

    fn hang_up(&mut self, tells: bool) {
        // A client in its handshake has not sent its plaintext yet.
        let is_mute = matches!(&self.client, Client::Tls(client) if client.is_handshaking());
        if self.fairness != Fairness::Whole {
            return;
        }
        if tells {
            let end = self.client.send_end();
            self.line.extend(end);
        }
        self.connected.wire.arrived.extend(self.line.drain(..));
        self.fall_to(if is_mute { Fairness::Cut } else { Fairness::HungUp });
        self.connected.hang_up(&mut self.tracker, &mut self.buffers);
    }

    fn fall_to(&mut self, fairness: Fairness) {
        self.fairness = self.fairness.max(fairness);
    }

    fn is_at_rest(&mut self) -> bool {
        !matches!(
            self.connected.state,
            ConnectionState::Again | ConnectionState::Waits(core_loop::connection::WaitsFor::RoutedRequest)
        ) && self.tracker.routed_underway() == 0
    }

    fn check_after_turn(&mut self) {
        let bound = if self.choice.is_tls() { HELD_BYTES_OF_TLS_MAX } else { HELD_BYTES_MAX };
        assert!(self.connected.held_bytes() <= bound, "{} bytes held", self.connected.held_bytes());
        if self.fairness == Fairness::Foul {
            return;
        }
        let told = self.client.receive(&self.connected.wire.sent[self.seen..]);
        self.seen = self.connected.wire.sent.len();
        self.told.extend(told);
        if self.fairness == Fairness::Whole {
            let sent = self.client.send(b"");
            self.line.extend(sent);
        }
    }
}

/// The same client without TLS: all of its bytes arrive at once, on a wire that never blocks.
struct Reference {
    tracker: Simulator,
    connected: Connected,
}

impl Reference {
    fn serve(choice: Choice, said: &[u8]) -> Self {
        let mut tracker = choice.tracker();
        let mut buffers = Buffers::new();
        let mut connected = Connected::new(&mut tracker, 0, PROXY, None, choice.troubles);
        connected.wire.room = usize::MAX;
        connected.wire.arrived.extend(choice.proxy_header().iter().chain(said));
        connected.note_readable(&mut tracker, &mut buffers);
        while tracker.routed_underway() > 0 {
            connected.bring_back(&mut tracker, &mut buffers);
        }
        Self { tracker, connected }
    }
}
