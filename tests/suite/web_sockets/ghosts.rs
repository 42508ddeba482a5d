use super::{peer, peers, torrents};
use fastrand::Rng;
use metrics::{Counter, Gauge};
use primitives::{InfoHash, PeerId};
use ringtrack_tests::simulator::{Client, Simulator, SimulatorSettings};
use ringtrack_tests::web_socket_client::{WebSocketClient, announce, answer, handshake};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

#[test]
fn thousands_of_clients_cut_in_the_middle_of_offers_leave_no_peers_and_no_memory() {
    let mut settings = SimulatorSettings::with_shards(2);
    (settings.connections.connections_max, settings.connections.connections_per_prefix_max) = (5000, 5000);
    let mut tracker = Simulator::new(&settings);
    let torrents = torrents(&tracker);
    let empty_bytes = tracker.statistics().gauge(Gauge::SwarmBytes);
    for round in 0..4_u8 {
        let clients: Vec<_> = (0..1000_u16)
            .map(|number| {
                let client = WebSocketClient::open(&mut tracker, usize::from(number % 2));
                let [high, low] = number.to_be_bytes();
                for torrent in &torrents {
                    let id = PeerId([round, high, low, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7]);
                    client.send(&announce(*torrent, id, u64::from(number % 3), 3));
                }
                client
            })
            .collect();
        // Some messages have been served, others wait or are on their way to another core.
        (0..20).for_each(|step| _ = tracker.step(step % 2));
        for (number, client) in clients.iter().enumerate() {
            if number % 2 == 0 { client.client.end() } else { client.client.break_off() }
        }
        tracker.run_for_ms(2000);
        assert!(clients.iter().all(|client| client.client.is_closed()));
        let statistics = tracker.statistics();
        assert_eq!(peers(&statistics), (0, 0));
        assert_eq!(
            (statistics.gauge(Gauge::SwarmsWebRtc), statistics.gauge(Gauge::WsConnectionsOpen)),
            (0, 0)
        );
    }
    let kept_bytes = tracker.statistics().gauge(Gauge::SwarmBytes);
    assert!(kept_bytes < empty_bytes + 200_000, "{kept_bytes} after {empty_bytes}");
    assert_eq!(tracker.routed_underway(), 0);
}

/// A client in a simulation.
struct Talking {
    socket: WebSocketClient,
    id: PeerId,
    /// Torrents with the announces to which no answer has come.
    announced: HashMap<InfoHash, usize>,
    offers: Vec<Value>,
    /// Offers that were received, by torrent, offerer and id.
    answered: HashSet<String>,
    has_left: bool,
}

/// Runs clients that announce, answer and vanish at every step, on cores that run in a random order with short rings.
struct Simulation {
    random: Rng,
    tracker: Simulator,
    torrents: Vec<InfoHash>,
    clients: Vec<Talking>,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let mut settings = SimulatorSettings::with_shards(random.usize(1..=4));
        (settings.announce_slots, settings.scrape_slots) = (random.usize(1..6), random.usize(1..3));
        settings.seed = seed;
        let tracker = Simulator::new(&settings);
        let torrents = torrents(&tracker);
        Self { random, tracker, torrents, clients: Vec::new() }
    }

    fn run(mut self) {
        for _ in 0..200 {
            match self.random.u8(0..100) {
                0..15 => self.open(),
                15..40 => self.announce(),
                40..55 => self.receive_and_answer(),
                55..65 => self.leave(),
                _ => {
                    let core = self.random.usize(0..self.tracker.cores());
                    self.tracker.step(core);
                }
            }
        }
        self.settle();
    }

    fn open(&mut self) {
        let core = self.random.usize(0..self.tracker.cores());
        // Two clients in three share an id with an earlier one, as after a new connection of the same page.
        let id = peer(self.random.u8(0..12));
        let socket = WebSocketClient::open_at(
            &mut self.tracker,
            core,
            Client::with_room(usize::MAX),
            &handshake("/", ""),
        );
        let (announced, offers, answered) = (HashMap::new(), Vec::new(), HashSet::new());
        self.clients.push(Talking { socket, id, announced, offers, answered, has_left: false });
    }

    fn any_client(&mut self) -> Option<&mut Talking> {
        let index = self.random.usize(0..self.clients.len().max(1));
        self.clients.get_mut(index).filter(|client| !client.has_left)
    }

    fn announce(&mut self) {
        let (torrent, left, offers) = (
            self.random.choice(&self.torrents).copied().unwrap(),
            self.random.u64(0..2),
            self.random.u8(0..4),
        );
        if let Some(client) = self.any_client() {
            client.socket.send(&announce(torrent, client.id, left, offers));
            *client.announced.entry(torrent).or_default() += 1;
        }
    }

    fn receive_and_answer(&mut self) {
        if let Some(client) = self.any_client() {
            client.receive();
            for offer in std::mem::take(&mut client.offers) {
                client.socket.send(&answer(client.id, &offer));
            }
        }
    }

    fn leave(&mut self) {
        let breaks = self.random.bool();
        if let Some(client) = self.any_client() {
            client.has_left = true;
            if breaks { client.socket.client.break_off() } else { client.socket.client.end() }
        }
    }

    fn settle(&mut self) {
        self.tracker.run_for_ms(3000);
        let mut present = HashSet::new();
        for client in self.clients.iter_mut().filter(|client| !client.has_left) {
            client.receive();
            assert!(!client.socket.client.is_closed());
            assert!(
                client.announced.values().all(|&unanswered| unanswered == 0),
                "every announce is answered"
            );
            present.extend(client.announced.keys().map(|torrent| (*torrent, client.id)));
        }
        let statistics = self.tracker.statistics();
        let (seeders, leechers) = peers(&statistics);
        assert!(seeders + leechers <= present.len() as u64, "no peer without a connection");
        self.clients.iter().for_each(|client| client.socket.client.end());
        self.tracker.run_for_ms(3000);
        let statistics = self.tracker.statistics();
        assert_eq!((peers(&statistics), statistics.gauge(Gauge::WsConnectionsOpen)), ((0, 0), 0));
        assert_eq!(statistics.counter(Counter::WsClosedProtocol), 0);
        assert_eq!(self.tracker.routed_underway(), 0);
    }
}

impl Talking {
    fn receive(&mut self) {
        for message in self.socket.messages() {
            let torrent: Vec<u8> = message["info_hash"].as_str().unwrap().chars().map(|c| c as u8).collect();
            let torrent = InfoHash(torrent.try_into().unwrap());
            if message.get("offer").is_some() {
                assert!(self.announced.contains_key(&torrent), "an offer is for a peer of the torrent");
                self.offers.push(message);
            } else if message.get("answer").is_some() {
                let key = format!("{} {} {}", message["info_hash"], message["peer_id"], message["offer_id"]);
                self.answered.insert(key);
            } else {
                let unanswered = self.announced.get_mut(&torrent).unwrap();
                *unanswered = unanswered.checked_sub(1).expect("one answer for each announce");
            }
        }
    }
}

#[test]
fn connections_that_die_at_every_step_of_offers_and_answers_leave_no_peers() {
    for seed in 0..200 {
        let run = std::panic::catch_unwind(|| Simulation::new(seed).run());
        assert!(run.is_ok(), "seed {seed}");
    }
}

/// More clients than an owner takes requests of one core.
const CROWD: u16 = 300;

fn crowd(tracker: &mut Simulator, torrent: InfoHash) -> Vec<(WebSocketClient, PeerId)> {
    let crowd = (0..CROWD).map(|number| {
        let [high, low] = number.to_be_bytes();
        let mut id = [7; 20];
        (id[0], id[1]) = (high, low);
        let mut client = WebSocketClient::open(tracker, 0);
        assert_eq!(client.exchange(tracker, &announce(torrent, PeerId(id), 1, 0)).len(), 1);
        (client, PeerId(id))
    });
    crowd.collect()
}

/// Lets only the first core run for a while.
fn run_without_owner(tracker: &mut Simulator, milliseconds: u64) {
    for _ in 0..milliseconds / 50 {
        tracker.pass_ms(50);
        (0..20).for_each(|_| _ = tracker.step(0));
    }
}

#[test]
fn peers_whose_stop_found_a_busy_owner_leave_with_their_connection() {
    let mut tracker = Simulator::new(&SimulatorSettings::with_shards(2));
    let torrent = torrents(&tracker)[1];
    let mut crowd = crowd(&mut tracker, torrent);
    for (client, id) in &crowd {
        let mut stop = announce(torrent, *id, 1, 0);
        stop["event"] = serde_json::json!("stopped");
        client.send(&stop);
    }
    run_without_owner(&mut tracker, 4000);
    let received: Vec<_> = crowd.iter_mut().flat_map(|(client, _)| client.messages()).collect();
    assert_eq!(received.len(), usize::from(CROWD) - 256, "the others are at the owner");
    assert!(received.iter().all(|message| message["failure reason"] == "the tracker is busy"));
    crowd.iter().for_each(|(client, _)| client.client.end());
    tracker.run_for_ms(3000);
    assert_eq!(peers(&tracker.statistics()), (0, 0));
    assert_eq!(tracker.routed_underway(), 0);
}

#[test]
fn replies_to_a_connection_that_has_ended_reach_no_other() {
    let mut tracker = Simulator::new(&SimulatorSettings::with_shards(2));
    let torrent = torrents(&tracker)[1];
    let ended = WebSocketClient::open(&mut tracker, 0);
    ended.send(&announce(torrent, peer(1), 1, 0));
    // Its message is at the owner until its deadline has passed.
    run_without_owner(&mut tracker, 25_000);
    assert!(ended.client.is_closed());
    tracker.run_until_idle();
    let mut next = WebSocketClient::open(&mut tracker, 0);
    let answered = next.exchange(&mut tracker, &announce(torrent, peer(2), 1, 3));
    assert_eq!(answered, [super::answer_with(torrent, 0, 1)], "the peer of the first has left");
}
