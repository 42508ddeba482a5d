//! What holds at any time, and what holds at last.

use super::actions::Simulation;
use super::network::Weather;
use super::troubles::Trouble;
use super::web_socket_clients::WebPeer;
use core_link::CoreCommand;
use guard::SourceLimits;
use metrics::{Counter, Gauge, Statistics};
use primitives::{AddressFamily, RequestKind};
use ringtrack_tests::http_client::{HttpAnswer, announce_target, request};
use ringtrack_tests::simulator::Client;
use std::collections::HashSet;
use std::sync::atomic::Ordering;

/// Virtual time without an answer after which everything is finished: twice what a request waits for another core.
const SETTLE_MS: u64 = 4000;

/// Seconds after which no peer lives, and no swarm that was empty before is kept for its downloads.
const ALL_EXPIRE_S: u32 = 32_100;

/// Virtual time in which the timer of each core sweeps all swarms, connections and sessions.
const SWEEP_ROUND_MS: u64 = 11_000;

/// Virtual time after which nothing is left to be finished.
const SETTLED_MS_MAX: u64 = 600_000;

/// The counters of which each connection that has ended is in one.
const ENDS: [Counter; 15] = [
    Counter::HttpClosedByClient,
    Counter::HttpClosedAfterAnswer,
    Counter::HttpClosedFirstRequest,
    Counter::HttpClosedSlowRequest,
    Counter::HttpClosedIdle,
    Counter::HttpClosedSlowAnswer,
    Counter::HttpClosedNotHttp,
    Counter::HttpClosedProxyHeader,
    Counter::HttpClosedTls,
    Counter::HttpClosedBroken,
    Counter::HttpClosedStop,
    Counter::HttpClosedForNewcomer,
    Counter::HttpClosedBuffersFull,
    Counter::WsClosedIdle,
    Counter::WsClosedSlow,
];

impl Simulation {
    /// Checks what holds at any time.
    pub(crate) fn check(&mut self) {
        let statistics = self.tracker.statistics();
        let ended: u64 = ENDS.iter().map(|&end| statistics.counter(end)).sum();
        let opened = statistics.counter(Counter::HttpConnections);
        assert_eq!(
            opened,
            ended + statistics.gauge(Gauge::HttpConnectionsOpen),
            "every connection has one end"
        );
        for family in AddressFamily::ALL {
            let (received, decided) = (statistics.received(family), statistics.decided(family));
            assert!(decided <= received, "no datagram has two outcomes");
            assert!(received <= self.network.delivered(family), "no datagram is received twice");
        }
        if !self.has(Trouble::Settings) {
            let limits = &self.settings.engine.swarms.limits;
            let cores = self.tracker.cores() as u64;
            assert!(peers(&statistics) <= limits.peers_max * cores, "the limit of peers is kept");
            let swarms = statistics.of_all_families(Gauge::SWARMS);
            assert!(swarms <= limits.swarms_max * cores, "the limit of swarms is kept: {swarms}");
        }
    }

    /// Ends the troubles, and lets everything that is underway finish.
    pub(crate) fn settle(&mut self) {
        self.tracker.mend();
        self.network.weather = Weather::default();
        let (mut quiet_ms, latest_ms) = (0, self.now_ms() + SETTLED_MS_MAX);
        while quiet_ms < SETTLE_MS || !self.network.is_empty() {
            assert!(self.now_ms() < latest_ms, "the tracker comes to rest");
            let has_read = self.read_all();
            quiet_ms = if has_read { 0 } else { quiet_ms + 100 };
            self.run_for_ms(100);
        }
        self.peers.note_rest(self.now_ms());
        self.tracker.take_events_to(&mut self.events);
    }

    pub(crate) fn read_all(&mut self) -> bool {
        let http = self.http.iter_mut().map(|client| client.receive(&mut self.peers));
        let has_read = http.fold(false, |any, has_read| any | has_read);
        self.web.iter_mut().map(WebPeer::receive).fold(has_read, |any, has_read| any | has_read)
    }

    /// Whether the tracker may have refused clients, also by closing their connections.
    fn may_have_refused(&self) -> bool {
        self.has(Trouble::Crowding) || self.has(Trouble::Abuse)
    }

    pub(crate) fn assert_everything_is_answered(&mut self) {
        let may_have_closed = self.may_have_refused() || self.has(Trouble::Sockets);
        for client in self.http.iter().filter(|client| !client.has_left) {
            let is_closed = client.client.is_closed();
            assert!(!is_closed || may_have_closed, "a connection was closed");
            assert!(is_closed || client.unanswered() == 0 || self.may_have_refused(), "{client:?}");
        }
        let mut present = HashSet::new();
        for client in self.web.iter().filter(|client| !client.has_left) {
            assert!(!client.is_closed() || may_have_closed, "a WebSocket was closed");
            assert!(client.is_closed() || client.unanswered() == 0, "every announce is answered: {client:?}");
            if !client.is_closed() {
                present.extend(client.announced.keys().map(|torrent| (*torrent, client.id())));
            }
        }
        let statistics = self.tracker.statistics();
        let web_peers = statistics.gauge(Gauge::SeedersWebRtc) + statistics.gauge(Gauge::LeechersWebRtc);
        assert!(web_peers <= present.len() as u64, "no peer without a connection");
        assert_eq!(self.tracker.routed_underway(), 0, "every routed request has returned");
        assert_eq!(self.replied.load(Ordering::Relaxed), self.submitted, "every task has its reply");
        self.assert_sums(&statistics);
    }

    fn assert_sums(&self, statistics: &Statistics) {
        if self.has_lost_process {
            return;
        }
        for family in AddressFamily::ALL {
            let delivered = self.network.delivered(family);
            assert_eq!(statistics.received(family), delivered, "every datagram was received");
            assert_eq!(statistics.decided(family), delivered, "every datagram has one outcome");
        }
        let answered: u64 = RequestKind::ALL.iter().map(|&kind| statistics.answered(kind)).sum();
        let sent = self.network.replies + statistics.counter(Counter::RepliesUnsent);
        assert_eq!(answered + statistics.errors(), sent, "each answer was sent, or is counted as unsent");
        for gauge in
            [Gauge::QueuedRequests, Gauge::QueuedReturns, Gauge::QueuedTasks, Gauge::ReadyConnections]
        {
            assert_eq!(statistics.gauge(gauge), 0, "{gauge:?}");
        }
    }

    /// Asserts that nothing is left of all clients some time after they have left.
    pub(crate) fn assert_all_is_forgotten(&mut self) {
        self.leave_all();
        self.sources = SourceLimits::none();
        self.use_settings();
        self.run_for_ms(3000);
        for _ in 0..2 {
            // First the peers go, then the swarms that stay for their downloads.
            self.tracker.pass(ALL_EXPIRE_S);
            self.run_for_ms(SWEEP_ROUND_MS);
        }
        let statistics = self.tracker.statistics();
        assert_eq!(peers(&statistics), 0, "every peer expires");
        for gauge in [Gauge::HttpConnectionsOpen, Gauge::WsConnectionsOpen, Gauge::HttpBufferedBytes] {
            assert_eq!(statistics.gauge(gauge), 0, "{gauge:?}");
        }
        assert_eq!(statistics.of_all_families(Gauge::SWARMS), 0, "every swarm is removed");
        self.tracker.take_events_to(&mut self.events);
        for account in self.events.accounts.values() {
            assert_eq!((account.seeding, account.leeching), (0, 0), "every session that began has ended");
        }
        self.assert_sums(&statistics);
    }

    /// Stops one core, and the others while requests are underway between all of them. All of these are answered.
    pub(crate) fn stop(&mut self) {
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
            let received = client.read();
            let (_, rest) =
                HttpAnswer::read_first(&received).expect("a request that had arrived is answered");
            assert!(rest.is_empty() && client.is_closed());
        }
    }

    /// Stops a core, or lets its control plane die, and lets it run alone, until it waits for the others.
    fn stop_core(&mut self, core: usize) {
        if self.random.u8(0..4) == 0 {
            self.tracker.cut_link(core);
        } else {
            self.tracker.command(core, CoreCommand::Stop);
            self.tracker.command(core, CoreCommand::End);
        }
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

fn peers(statistics: &Statistics) -> u64 {
    statistics.of_all_families(Gauge::SEEDERS) + statistics.of_all_families(Gauge::LEECHERS)
}
