use super::changes::Change;
use super::ledger::Ledger;
use super::script::{Content, IdChoice, Shape};
use crate::client::TRANSACTION;
use crate::simulator::{Arrival, Datagram, Simulator, SimulatorSettings};
use access::AccessPolicy;
use engine::InvalidConnectionId;
use primitives::{InfoHash, PeerId};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use udp_protocol::{AnnounceRequest, ConnectRequest, ConnectionId, ScrapeRequest};
use zerocopy::IntoBytes;

/// Number of datagrams after which an input ends.
const DATAGRAMS_MAX: u64 = 1024;

/// A tracker, the datagrams waiting at its sockets, and the ledger that checks it.
#[derive(Debug)]
pub(super) struct World {
    tracker: Simulator,
    ledger: Ledger,
    waiting: Vec<Datagram>,
}

impl World {
    pub(super) fn new(choice: u8, policy: AccessPolicy) -> Self {
        let settings = settings(choice).with_access(policy);
        let ledger = Ledger::new(settings.engine);
        Self { tracker: Simulator::new(&settings), ledger, waiting: Vec::new() }
    }

    pub(super) fn send(&mut self, shape: &Shape<'_>) {
        let mut bytes = datagram_bytes(&shape.content);
        self.put_id(shape, &mut bytes);
        let arrival = shape.core.map_or(Arrival::Steered, Arrival::At);
        self.waiting.push(Datagram { source: shape.source, bytes, arrival });
    }

    pub(super) fn burst(&mut self, source: SocketAddr, torrent: InfoHash, peers: u8) {
        let id = self.fresh_id(source.ip());
        for port in 0..u16::from(peers) {
            // These only fill the swarm; other steps ask for peers.
            let request = AnnounceRequest::new(id, TRANSACTION, torrent).with_port(2000 + port);
            let request = request.with_left(1).with_numwant(0);
            self.waiting.push(Datagram::steered(source, request.as_bytes()));
        }
    }

    pub(super) fn pass(&mut self, seconds: u32) {
        self.flush();
        self.tracker.pass(seconds);
        self.tracker.expire();
        self.tracker.sweep();
    }

    pub(super) fn change(&mut self, change: Change) {
        self.flush();
        change.make(&mut self.tracker, &mut self.ledger.admission);
        self.ledger.check_swarms(&mut self.tracker);
    }

    /// Delivers the waiting datagrams and checks the results.
    pub(super) fn flush(&mut self) {
        let datagrams = core::mem::take(&mut self.waiting);
        self.exchange(&datagrams);
    }

    pub(super) fn is_worn_out(&self) -> bool {
        self.ledger.datagrams() + self.waiting.len() as u64 > DATAGRAMS_MAX
    }

    fn exchange(&mut self, datagrams: &[Datagram]) {
        let now = self.tracker.now();
        let replies = self.tracker.exchange(datagrams);
        self.ledger.enter(now, datagrams, &replies);
        self.ledger.balance(&self.tracker.statistics());
        self.ledger.enter_events(self.tracker.take_events());
    }

    fn put_id(&mut self, shape: &Shape<'_>, bytes: &mut [u8]) {
        let ip = shape.source.ip();
        let id = match (shape.id, &shape.content) {
            (IdChoice::AsItStands, _) | (_, Content::Connect) => return,
            (IdChoice::Fresh, _) => self.fresh_id(ip),
            (IdChoice::Oldest, _) => self.ledger.oldest_id(ip).unwrap_or_else(|| self.fresh_id(ip)),
            (IdChoice::OfAnother, _) => self.fresh_id(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))),
        };
        if let Some(place) = bytes.first_chunk_mut() {
            *place = id.0;
        }
    }

    /// Returns an id issued in this second, and connects for one if there is none.
    fn fresh_id(&mut self, ip: IpAddr) -> ConnectionId {
        if let Some(id) = self.ledger.id_of_this_second(self.tracker.now(), ip) {
            return id;
        }
        if self.ledger.admission.is_banned(ip) {
            return ConnectionId([0; 8]);
        }
        let connect = ConnectRequest::new(TRANSACTION);
        self.exchange(&[Datagram::steered(SocketAddr::new(ip, 999), connect.as_bytes())]);
        self.ledger.id_of_this_second(self.tracker.now(), ip).expect("a connect is answered with an id")
    }
}

/// Returns the settings for the first byte of an input. Every bit has a meaning.
fn settings(choice: u8) -> SimulatorSettings {
    let mut settings = SimulatorSettings::with_shards(1 + usize::from(choice & 3));
    let engine = &mut settings.engine;
    engine.swarms.peer_lifetime_s = 600;
    engine.path_mtu_bytes = [1280, 576, 1500, 9000][usize::from(choice >> 2 & 3)];
    if choice & 0x10 != 0 {
        engine.invalid_connection_id = InvalidConnectionId::Drop;
    }
    if choice & 0x20 != 0 {
        engine.swarms.limits.swarms_max = 4;
        engine.swarms.limits.peers_max = 64;
        engine.swarms.limits.swarm_peers_max = 24;
    }
    if choice & 0x40 != 0 {
        (settings.announce_slots, settings.scrape_slots) = (2, 1);
    }
    if choice & 0x80 != 0 {
        settings.engine.announce.numwant_max = 0;
        settings.engine.announce.numwant_default = 0;
        settings.engine.announce.interval_jitter_percent = 0;
    }
    settings
}

fn datagram_bytes(content: &Content<'_>) -> Vec<u8> {
    const NO_ID: ConnectionId = ConnectionId([0; 8]);
    match content {
        Content::Raw(bytes) => bytes.to_vec(),
        Content::Connect => ConnectRequest::new(TRANSACTION).as_bytes().to_vec(),
        Content::Announce { torrent, left, event, port, numwant, software, options } => {
            let request = AnnounceRequest::new(NO_ID, TRANSACTION, *torrent).with_port(*port);
            let mut request = request.with_left(*left).with_event(*event).with_numwant(*numwant);
            request.peer_id = PeerId([*software; PeerId::BYTES]);
            request.uploaded = (*left + u64::from(*port)).into();
            [request.as_bytes(), options].concat()
        }
        &Content::Scrape { first, hashes } => {
            let mut bytes = ScrapeRequest::new(NO_ID, TRANSACTION).as_bytes().to_vec();
            for hash in 0..hashes {
                bytes.extend_from_slice(&[first.wrapping_add(hash); InfoHash::BYTES]);
            }
            bytes
        }
    }
}
