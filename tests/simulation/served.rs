//! Clients are served again when all troubles have ended, and after a handover.

use super::actions::{SOURCES, Simulation};
use super::troubles::{self, Trouble};
use super::web_socket_clients::WebPeer;
use access::TorrentAdmission;
use primitives::{AnnounceEvent, InfoHash};
use ringtrack_tests::codec::Codec;
use ringtrack_tests::simulator::SimulatorSettings;
use std::net::{IpAddr, SocketAddr};

/// Attempts of a client, one each second, after which it counts as not served.
const ATTEMPTS: usize = 40;

/// A torrent that no client announces before all troubles have ended.
const LAST: InfoHash = InfoHash([0xee; 20]);

/// The ports of the last peers over HTTP.
const HTTP_PORT: u16 = 7000;
const TLS_PORT: u16 = 7001;

/// The ports of the last torrent's peers that announce during a handover begin after this one. An answer has room for all.
const LATE_PORT: u16 = 8000;
const LATE_PEERS_MAX: u16 = 100;

/// The client over UDP that completes the last torrent.
const SEEDER: usize = 1;

/// Milliseconds for which a connection id is accepted at least.
const IDS_MS: u64 = 120_000;

impl Simulation {
    /// Asserts that clients over each protocol are served: those of proved sources beside a source that goes on with its abuse.
    pub(crate) fn assert_all_are_served(&mut self) {
        let usual = SimulatorSettings::default();
        self.settings.engine.swarms = usual.engine.swarms;
        self.settings.engine.announce = usual.engine.announce;
        self.settings.engine.announce.numwant_default = usual.engine.announce.numwant_max;
        self.settings.engine.connection_id_lifetime_s = usual.engine.connection_id_lifetime_s;
        self.settings.engine.access.torrents = TorrentAdmission::Any;
        self.settings.connections = usual.connections;
        self.use_settings();
        // Buckets fill, and connections that were left open end.
        self.leave_all();
        self.run_for_ms(if self.has(Trouble::Abuse) { 12_000 } else { 1000 });
        for client in 0..self.udp.len() {
            self.assert_udp_client_is_served(client, AnnounceEvent::Started);
        }
        for (number, host) in (100..).zip(hosts()) {
            if self.has(Trouble::Abuse) {
                // The narrowest limits admit four new peers of a network at once, and two a second.
                self.run_for_ms(2000);
            }
            self.assert_http_client_is_served(host, HTTP_PORT);
            self.assert_web_socket_client_is_served(host, number);
        }
        self.assert_udp_client_is_served(SEEDER, AnnounceEvent::Completed);
        self.assert_http_client_is_served(hosts()[0], TLS_PORT);
        self.assert_counts();
    }

    pub(crate) fn leave_all(&mut self) {
        self.http.drain(..).filter(|client| !client.has_left).for_each(|mut client| client.leave());
        for mut client in self.web.drain(..).filter(|client| !client.has_left) {
            client.leave(&mut self.random);
        }
    }

    /// Lets a second pass, in which the abuser sends, or less if a client is served before. Returns whether it is.
    fn wait_for(&mut self, mut is_served: impl FnMut(&mut Self) -> bool) -> bool {
        if self.has(Trouble::Abuse) {
            let core = self.any_core();
            self.abuse(core);
        }
        // A handshake of TLS takes several flights.
        [5, 5, 40, 150, 800].into_iter().any(|pause_ms| {
            self.run_for_ms(pause_ms);
            is_served(self)
        })
    }

    fn assert_udp_client_is_served(&mut self, client: usize, event: AnnounceEvent) {
        self.udp[client].announced = None;
        for _ in 0..ATTEMPTS {
            let (now_ms, core) = (self.now_ms(), self.any_core());
            let asking = &mut self.udp[client];
            let (source, has_id) = (asking.client.source, asking.has_id());
            let bytes =
                if has_id { asking.announce(LAST, source.port(), now_ms, event) } else { asking.connect() };
            self.network.send(now_ms, source, bytes, core);
            let is_answered = |simulation: &mut Self| {
                let asking = &simulation.udp[client];
                if has_id { asking.announced.is_some() } else { asking.has_id() }
            };
            match self.wait_for(is_answered) {
                true if has_id => return,
                true => {}
                // Clients try another id when they get no answer.
                false => self.udp[client].forget_id(),
            }
        }
        panic!("{} is not served", self.udp[client].client.source);
    }

    fn assert_http_client_is_served(&mut self, host: IpAddr, port: u16) {
        for _ in 0..ATTEMPTS {
            let (now_ms, core) = (self.now_ms(), self.any_core());
            let codec = if port == TLS_PORT { Codec::over_tls(1) } else { Codec::Plain };
            let mut client = self.connected(core, host, codec, usize::MAX);
            client.announce(LAST, port, now_ms, &mut self.peers);
            client.scrape(&[LAST]);
            let is_served = self.wait_for(|simulation| {
                client.receive(&mut simulation.peers);
                client.announced > 0 && !client.scraped.is_empty()
            });
            if is_served {
                return self.http.push(client);
            }
            client.leave();
        }
        panic!("{host} is not served over HTTP");
    }

    fn assert_web_socket_client_is_served(&mut self, host: IpAddr, number: u8) {
        for _ in 0..ATTEMPTS {
            let core = self.any_core();
            let mut client = self.open_web_socket(core, host, number);
            let opens = self.wait_for(|_| {
                client.receive();
                client.is_open()
            });
            client.announce(LAST, 1, 0);
            let is_served = |client: &mut WebPeer| {
                client.receive();
                client.counts.is_some()
            };
            if opens && self.wait_for(|_| is_served(&mut client)) {
                return self.web.push(client);
            }
            client.leave(&mut self.random);
        }
        panic!("{host} is not served over a WebSocket");
    }

    /// Asserts that the last torrent has the peers whose announces of it were answered.
    fn assert_peers_of_last(&mut self) {
        for client in [0, SOURCES.len() - 1] {
            self.assert_udp_client_is_served(client, AnnounceEvent::None);
            let own = self.udp[client].client.source;
            let announced = self.udp[client].announced.take().expect("it is served");
            // A limit by source may keep a peer out of the swarm without telling it.
            let answered = self.peers.answered(&LAST, own).into_iter().filter(|_| !self.has(Trouble::Abuse));
            let expected = others_of_last(own).into_iter().chain(answered);
            let lost: Vec<_> = expected.filter(|peer| !announced.peers.contains(peer)).collect();
            assert!(lost.is_empty(), "{own} does not get {lost:?}");
            let seeders = u32::from(own.is_ipv4());
            let leechers = u32::try_from(announced.peers.len()).expect("a few") + 1 - seeders;
            assert_eq!((announced.seeders, announced.leechers), (seeders, leechers), "the counts for {own}");
        }
    }

    /// Asserts that the last torrent has all peers, and that its completed event was counted.
    fn assert_counts(&mut self) {
        self.assert_peers_of_last();
        let web_peers = SOURCES.len() as u64;
        assert_eq!(self.web.last().and_then(|client| client.counts), Some((0, web_peers)));
        let downloaded = self.http.iter().rev().find_map(|client| client.scraped.get(&LAST));
        let downloaded = downloaded.map(|counts| counts.downloaded);
        assert_eq!(downloaded, Some(1), "the completed event is counted once");
    }

    /// Hands over to a successor, and asserts that the peers of the last torrent are those that it had.
    pub(crate) fn assert_a_handover_loses_no_peer(&mut self) {
        for client in 0..self.udp.len() {
            self.udp[client].forget_id();
            self.assert_udp_client_is_served(client, AnnounceEvent::None);
        }
        if self.has(Trouble::Network) {
            self.network.weather = troubles::weather(&mut self.random);
        }
        let begun_ms = self.now_ms();
        self.hand_over();
        self.settle();
        // Before any of them announces again.
        self.assert_peers_of_last();
        if self.now_ms() < begun_ms + IDS_MS && !self.has(Trouble::Clocks) {
            self.assert_ids_are_known();
        }
        assert_eq!(self.tracker.routed_underway(), 0, "every routed request has returned");
        self.leave_all();
        self.run_for_ms(1000);
        for (number, host) in (100..).zip(hosts()) {
            self.assert_web_socket_client_is_served(host, number);
        }
        self.assert_http_client_is_served(hosts()[0], TLS_PORT);
        self.assert_counts();
    }

    /// Has another peer of the last torrent announce over UDP.
    pub(crate) fn announce_late(&mut self) {
        let (now_ms, core, client) = (self.now_ms(), self.any_core(), self.random.usize(0..self.udp.len()));
        let (port, client) = (self.late_port(), &mut self.udp[client]);
        let bytes = client.announce(LAST, port, now_ms, AnnounceEvent::None);
        self.network.send(now_ms, client.client.source, bytes, core);
    }

    /// Has another peer of the last torrent announce over a connection.
    pub(crate) fn announce_late_over(&mut self, connection: usize) {
        let (now_ms, port) = (self.now_ms(), self.late_port());
        let client = &mut self.http[connection];
        if !client.has_left {
            client.announce(LAST, port, now_ms, &mut self.peers);
        }
    }

    fn late_port(&mut self) -> u16 {
        self.late_peers = LATE_PEERS_MAX.min(self.late_peers + 1);
        LATE_PORT + self.late_peers
    }

    /// Asserts that the connection ids of the process before are accepted.
    fn assert_ids_are_known(&mut self) {
        let errors = self.tracker.statistics().errors();
        for client in 0..self.udp.len() {
            assert!(self.udp[client].has_id());
            self.assert_udp_client_is_served(client, AnnounceEvent::None);
        }
        assert_eq!(self.tracker.statistics().errors(), errors, "no id is refused");
    }
}

/// Returns the addresses of the hosts of all clients.
fn hosts() -> [IpAddr; SOURCES.len()] {
    SOURCES.map(|source| source.parse::<SocketAddr>().expect("an address").ip())
}

/// Returns the peers of the last torrent, before a handover, of the same family as this one, without it.
fn others_of_last(own: SocketAddr) -> Vec<SocketAddr> {
    let over_udp = SOURCES.map(|source| source.parse().expect("an address"));
    let over_http = hosts().map(|host| SocketAddr::new(host, HTTP_PORT));
    let over_tls = SocketAddr::new(hosts()[0], TLS_PORT);
    let all = over_udp.into_iter().chain(over_http).chain([over_tls]);
    all.filter(|peer: &SocketAddr| peer.is_ipv4() == own.is_ipv4() && *peer != own).collect()
}
