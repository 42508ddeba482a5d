//! Allocations of requests over kept connections, from the received bytes to the sent ones.

use access::{AccessPolicy, DetailsKept};
use allocation_counter::{AllocationInfo, measure};
use metrics::{Counter, Gauge};
use primitives::{InfoHash, PeerId};
use ringtrack_tests::http_client::{HttpAnswer, announce_target, request, scrape_target};
use ringtrack_tests::simulator::{Client, Simulator, SimulatorSettings};
use ringtrack_tests::tls_client;
use ringtrack_tests::web_socket_client::{announce, handshake};
use rustls::ClientConnection;
use std::io::Write;
use ws_protocol::{Opcode, append_frame};

/// Allocations of rustls for a request and its answer: one to decrypt, one to encrypt.
const TLS_ALLOCATIONS_PER_REQUEST: u64 = 2;

/// Peers of each torrent: enough for answers of the maximum length.
const PEERS: u16 = 300;

/// A tracker of four cores, whose first core holds the connection.
struct Traffic {
    tracker: Simulator,
    client: Client,
    /// What the tracker has sent last.
    sent: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Owner {
    Home,
    Another,
}

impl Traffic {
    fn new(details: DetailsKept, client: Client) -> Self {
        let policy = AccessPolicy { details, ..AccessPolicy::PUBLIC };
        let mut tracker = Simulator::new(&SimulatorSettings::with_shards(4).with_access(policy));
        let client = tracker.connect(0, client);
        Self { tracker, client, sent: Vec::new() }
    }

    /// Traffic whose requests were each served once.
    fn warmed_up(details: DetailsKept, owner: Owner) -> Self {
        let mut traffic = Self::new(details, Client::with_room(usize::MAX));
        for request in &traffic.requests(owner) {
            traffic.serve(request);
        }
        traffic
    }

    fn torrents(&self, owner: Owner) -> Vec<InfoHash> {
        let is_at_home = matches!(owner, Owner::Home);
        let all = (0..=u8::MAX).map(|number| InfoHash([number; 20]));
        all.filter(|torrent| (self.tracker.owner(torrent) == 0) == is_at_home).take(20).collect()
    }

    /// Announces of all peers, and scrapes of one torrent and of all.
    fn requests(&self, owner: Owner) -> Vec<Vec<u8>> {
        let torrents = self.torrents(owner);
        let mut requests = Vec::new();
        for &torrent in torrents.iter().take(4) {
            for port in 1..=PEERS {
                let form =
                    ["", "&numwant=200", "&compact=0", "&compact=0&numwant=200"][usize::from(port) % 4];
                let more = format!("&left={}{form}", port % 3);
                requests.push(request(&announce_target(torrent, port, &more), ""));
            }
            requests.push(request(&scrape_target(&[torrent]), ""));
            requests.push(request(&scrape_target(&torrents), ""));
            requests.push(request("/announce?info_hash=short", ""));
        }
        requests
    }

    /// Serves received bytes; the answer stays in `sent`.
    fn serve(&mut self, bytes: &[u8]) {
        self.client.send(bytes);
        self.receive();
    }

    /// Serves what the client has sent; the answer stays in `sent`.
    fn receive(&mut self) {
        self.tracker.run_until_idle();
        self.sent.clear();
        self.client.read_to(&mut self.sent);
    }

    /// Asserts that serving the requests allocates nothing. Returns the routed requests: one per owner of a request.
    fn assert_no_allocation(&mut self, requests: &[Vec<u8>]) -> u64 {
        let routed = self.tracker.statistics().counter(Counter::RoutedHttpRequests);
        for request in requests {
            let info = measure(|| self.serve(request));
            assert_eq!(info.count_total, 0, "{info:?}: {}", request.escape_ascii());
            assert_eq!(HttpAnswer::read(&self.sent).status, 200);
        }
        self.tracker.statistics().counter(Counter::RoutedHttpRequests) - routed
    }

    /// Delivers the client's flight to the tracker and the answer to the client. Returns the tracker's allocations.
    fn exchange(&mut self, client: &mut ClientConnection) -> AllocationInfo {
        let flight = tls_client::flight(client);
        self.client.send(&flight);
        let info = measure(|| self.receive());
        let mut sent = self.sent.as_slice();
        while !sent.is_empty() {
            client.read_tls(&mut sent).expect("reading from memory succeeds");
            client.process_new_packets().expect("the server speaks TLS");
        }
        info
    }

    /// Opens a WebSocket that announces a torrent. Returns the bytes that the tracker keeps for it.
    fn open_web_socket(&mut self, number: u16, tls: Option<&mut ClientConnection>) -> i64 {
        let [high, low] = number.to_be_bytes();
        let (torrent, peer) = (InfoHash([low; 20]), PeerId([high; 20]));
        let mut bytes = handshake("/", "").into_bytes();
        let message = announce(torrent, peer, 0, 5).to_string();
        append_frame(&mut bytes, Opcode::Text, Some([1, 2, 3, 4]), message.as_bytes());
        let Some(tls) = tls else {
            self.client.send(&bytes);
            return measure(|| self.receive()).bytes_current;
        };
        let mut kept = 0;
        while tls.is_handshaking() {
            kept += self.exchange(tls).bytes_current;
        }
        tls.writer().write_all(&bytes).expect("it fits");
        kept + self.exchange(tls).bytes_current
    }
}

#[test]
fn requests_over_a_kept_connection_allocate_nothing_if_its_core_owns_the_torrent() {
    for details in [DetailsKept::Dropped, DetailsKept::Kept] {
        let mut traffic = Traffic::warmed_up(details, Owner::Home);
        let requests = traffic.requests(Owner::Home);
        assert_eq!(traffic.assert_no_allocation(&requests), 0);
    }
}

#[test]
fn requests_over_a_kept_connection_allocate_nothing_if_another_core_owns_the_torrent() {
    for details in [DetailsKept::Dropped, DetailsKept::Kept] {
        let mut traffic = Traffic::warmed_up(details, Owner::Another);
        let requests = traffic.requests(Owner::Another);
        let routed = traffic.assert_no_allocation(&requests);
        assert_eq!(routed, 4 * (u64::from(PEERS) + 1 + 3), "all but the refused ones");
    }
}

#[test]
fn a_request_over_tls_allocates_only_for_its_two_records() {
    for version in [0, 1] {
        for owner in [Owner::Home, Owner::Another] {
            let mut traffic = Traffic::new(DetailsKept::Dropped, Client::with_room(usize::MAX).over_tls());
            let mut client = tls_client::client(version);
            while client.is_handshaking() {
                traffic.exchange(&mut client);
            }
            let requests = traffic.requests(owner);
            for round in 0..2 {
                for request in &requests {
                    client.writer().write_all(request).expect("it fits");
                    let allocations = traffic.exchange(&mut client).count_total;
                    let told = drain(&mut client);
                    assert_eq!(HttpAnswer::read(&told).status, 200);
                    let text = request.escape_ascii();
                    assert!(
                        round == 0 || allocations <= TLS_ALLOCATIONS_PER_REQUEST,
                        "{allocations}: {text}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_connection_whose_answers_have_no_room_keeps_one_read_of_16_kib() {
    const CLIENTS: i64 = 100;
    let mut traffic = Traffic::new(DetailsKept::Dropped, Client::with_room(usize::MAX).over_tls());
    let mut tls = tls_client::client(1);
    tls.set_buffer_limit(None);
    while tls.is_handshaking() {
        traffic.exchange(&mut tls);
    }
    let requests = request("/health_check", "").repeat(1000);
    // Pipelining over TLS enlarges the buffers of the core, but not what another connection keeps of them.
    tls.writer().write_all(&requests).expect("there is no limit");
    traffic.serve(&tls_client::flight(&mut tls));
    let clients: Vec<Client> =
        (0..CLIENTS).map(|_| traffic.tracker.connect(0, Client::with_room(0))).collect();
    traffic.tracker.run_until_idle();
    clients.iter().for_each(|client| client.send(&requests));
    let kept = measure(|| traffic.tracker.run_until_idle()).bytes_current / CLIENTS;
    assert!((10_000..17_000).contains(&kept), "{kept}");
}

#[test]
fn an_idle_web_socket_with_a_torrent_holds_at_most_2_kib_and_20_kib_over_tls() {
    const CLIENTS: u16 = 300;
    for (version, bytes_max) in [(None, 2 << 10), (Some(0), 20 << 10), (Some(1), 20 << 10)] {
        let mut traffic = Traffic::new(DetailsKept::Dropped, Client::with_room(usize::MAX));
        let mut kept = 0;
        for number in 0..CLIENTS {
            let client = Client::with_room(usize::MAX);
            let client = if version.is_some() { client.over_tls() } else { client };
            traffic.client = traffic.tracker.connect(0, client);
            let mut tls = version.map(tls_client::client);
            kept += traffic.open_web_socket(number, tls.as_mut());
        }
        assert_eq!(traffic.tracker.statistics().gauge(Gauge::WsConnectionsOpen), u64::from(CLIENTS));
        let each = kept / i64::from(CLIENTS);
        assert!((200..bytes_max).contains(&each), "{each} with TLS {version:?}");
    }
}

fn drain(client: &mut ClientConnection) -> Vec<u8> {
    let mut told = Vec::new();
    let blocked = std::io::Read::read_to_end(&mut client.reader(), &mut told);
    assert!(blocked.is_err(), "the connection is kept");
    told
}
