use super::connections::Connections;
use super::fill::fill_source;
use super::judge::judge;
use super::ports::{Port, open_ports, reply_batch};
use super::url_data::UrlData;
use crate::answered::Answered;
use crate::cli::{Options, Wait};
use crate::kind::Kind;
use crate::lane::{Lane, Turn};
use crate::outstanding::{Clock, Outstanding, Sent};
use crate::pace::{Pace, REST_NS_MAX};
use crate::phases::Phases;
use crate::population::Population;
use crate::verify::Expectations;
use anyhow::Context;
use primitives::AnnounceEvent;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::time::Duration;
use udp_protocol::{AnnounceRequest, ConnectRequest, ConnectionId, ScrapeRequest, TransactionId};
use udp_socket::{ReceiveBatch, SEGMENTS_MAX};
use zerocopy::IntoBytes;

/// The lane over UDP: its ports, connection ids and outstanding requests.
#[derive(Debug)]
pub(crate) struct UdpLane {
    pub(crate) options: Options,
    phases: Phases,
    rng: fastrand::Rng,
    pub(crate) clock: Clock,
    pub(crate) populations: Vec<Population>,
    pub(crate) outstanding_requests: u32,
    ports: Vec<Port>,
    connections: Vec<Connections>,
    outstanding: Outstanding,
    replies: ReceiveBatch,
    /// One per target.
    expectations: Vec<Expectations>,
    url_data: UrlData,
    timeout_ns: u64,
    invalid: f64,
    stopped: f64,
}

/// Requests of one kind that are sent together from one source address and port.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub(crate) kind: Kind,
    /// Number of the target.
    pub(crate) target: usize,
    pub(crate) source: u32,
    pub(crate) count: usize,
    /// When the first was due, and the time between two of them.
    pub(crate) first_due_ns: u64,
    pub(crate) period_ns: u64,
    /// Times that these requests have been sent before.
    pub(crate) repeats: u8,
}

impl UdpLane {
    /// Opens the ports of thread `thread` and connects from all sources.
    pub(crate) fn open(options: &Options, thread: usize, clock: Clock) -> anyhow::Result<Self> {
        let mut ports = open_ports(options)?;
        let connect = |port: &mut Port| Connections::establish(port, clock);
        let connections = ports.iter_mut().map(connect).collect::<anyhow::Result<_>>()?;
        Ok(Self {
            options: options.clone(),
            phases: Phases::new(),
            rng: fastrand::Rng::with_seed(options.seed ^ (thread as u64 + 1) << 48),
            clock,
            populations: Population::of_targets(options),
            outstanding_requests: 0,
            ports,
            connections,
            outstanding: Outstanding::new(),
            replies: reply_batch(),
            expectations: options.addresses().map(|t| Expectations::new(options, t)).collect(),
            url_data: UrlData::of(options),
            timeout_ns: options.timeout_ms * 1_000_000,
            invalid: options.invalid_percent / 100.0,
            stopped: options.stopped_percent / 100.0,
        })
    }

    /// Sends a run; `peer` returns the number of each announced peer. Returns the number of requests sent, fewer
    /// if the kernel has no room.
    pub(crate) fn send(&mut self, run: Run, mut peer: impl FnMut(&mut fastrand::Rng) -> u64) -> usize {
        let number = self.port_for(run);
        let index = u16::try_from(number).expect("a thread has few ports");
        let (population, valid_id) = (self.populations[run.target], self.connections[number].id(run.source));
        let (mut due_ns, numwant) = (run.first_due_ns, self.options.numwant);
        let (invalid, stopped) = (self.invalid, self.stopped);
        let (sent_ns, mut pushed_out, mut written) = (self.clock.now_ns(), Vec::new(), 0);
        let (outstanding, rng) = (&mut self.outstanding, &mut self.rng);
        let url_data = self.url_data.of_source(run.source);
        let sent = self.ports[number].send_run(run.source, run.count, |place| {
            let peer = if run.kind == Kind::Announce { peer(rng) } else { 0 };
            let (transaction_id, older) = outstanding.insert(Sent {
                kind: run.kind,
                repeats: run.repeats,
                way: index,
                peer,
                due_ns,
                sent_ns,
            });
            pushed_out.extend(older);
            due_ns += run.period_ns;
            written += 1;
            let id = if rng.f64() < invalid { ConnectionId(rng.u64(..).to_be_bytes()) } else { valid_id };
            let ids = (id, transaction_id);
            match run.kind {
                Kind::Connect => place.copy_from_slice(ConnectRequest::new(transaction_id).as_bytes()),
                Kind::Announce | Kind::Offer | Kind::Answer => {
                    let (fixed, options) = place.split_at_mut(place.len() - url_data.len());
                    let mut announce = announce(&population, peer, numwant, ids);
                    if stopped > 0.0 && rng.f64() < stopped {
                        announce = announce.with_event(AnnounceEvent::Stopped);
                    }
                    fixed.copy_from_slice(announce.as_bytes());
                    options.copy_from_slice(url_data);
                }
                Kind::Scrape => write_scrape(&population, rng, ids, place),
            }
        });
        self.outstanding.take_back(written - sent);
        let tally = self.phases.measured.of_mut(run.kind);
        let count = if run.repeats == 0 { &mut tally.sent } else { &mut tally.repeated };
        *count += sent as u64;
        let sent_requests = u32::try_from(sent).expect("a run is short");
        self.ports[number].outstanding += sent_requests;
        self.outstanding_requests += sent_requests;
        pushed_out.into_iter().for_each(|lost| self.lose(lost));
        sent
    }

    /// Receives all pending replies and returns their number. Calls `answered` for each right response.
    pub(crate) fn receive(&mut self, mut answered: impl FnMut(&Sent)) -> anyhow::Result<usize> {
        let mut received = 0;
        for number in 0..self.ports.len() {
            while self.ports[number].outstanding > 0 {
                let count = self.ports[number].receive(&mut self.replies)?;
                received += count;
                if count == 0 {
                    break;
                }
                self.settle(number, &mut answered);
                if count < self.replies.capacity() {
                    break;
                }
            }
        }
        Ok(received)
    }

    /// Sends requests again that were sent before the time-out, whenever they were due, or counts them as lost.
    pub(crate) fn expire(&mut self) {
        let before_ns = self.clock.now_ns().saturating_sub(self.timeout_ns);
        while let Some(unanswered) = self.outstanding.pop_before(before_ns) {
            if unanswered.repeats < self.options.retries && self.repeat(unanswered) {
                self.note_off_its_way(&unanswered);
            } else {
                self.lose(unanswered);
            }
        }
    }

    /// Sends a request once more. Returns false if the kernel has no room.
    fn repeat(&mut self, unanswered: Sent) -> bool {
        let Sent { kind, repeats, way, peer, due_ns, .. } = unanswered;
        let target = usize::from(way) / self.ports_per_target();
        let population = self.populations[target];
        let source = match kind {
            Kind::Announce => population.peer(peer).source,
            _ => self.rng.u32(0..population.sources()),
        };
        let run =
            Run { kind, target, source, count: 1, first_due_ns: due_ns, period_ns: 0, repeats: repeats + 1 };
        self.send(run, |_| peer) == 1
    }

    fn lose(&mut self, lost: Sent) {
        self.phases.lose(&lost, self.clock.now_ns(), self.timeout_ns);
        self.note_off_its_way(&lost);
    }

    fn note_off_its_way(&mut self, sent: &Sent) {
        self.ports[usize::from(sent.way)].outstanding -= 1;
        self.outstanding_requests -= 1;
    }

    /// Renews old connection ids. Drains the outstanding requests first, because their replies would be lost.
    pub(crate) fn renew_connections(&mut self, answered: impl FnMut(&Sent)) -> anyhow::Result<()> {
        if !self.connections.iter().any(|connections| connections.are_due(self.clock)) {
            return Ok(());
        }
        self.drain_with(answered)?;
        for (port, connections) in self.ports.iter_mut().zip(&mut self.connections) {
            match self.options.attack {
                None => connections.renew(port, self.clock)?,
                Some(_) => connections.try_to_renew(port, self.clock),
            }
        }
        Ok(())
    }

    /// Waits until every request is answered or counts as lost.
    fn drain_with(&mut self, mut answered: impl FnMut(&Sent)) -> anyhow::Result<()> {
        while self.outstanding_requests > 0 {
            self.receive(&mut answered)?;
            self.expire();
        }
        Ok(())
    }

    fn settle(&mut self, number: usize, answered: &mut impl FnMut(&Sent)) {
        let now_ns = self.clock.now_ns();
        for index in 0..self.replies.len() {
            let Some(sent) = self.request_of_reply(index) else { continue };
            let Some(reply) = self.replies.get(index) else { continue };
            let verdict = judge(&self.expectations[number / self.ports_per_target()], sent.kind, reply.bytes);
            if self.phases.settle(&sent, now_ns, reply.bytes.len(), &verdict) {
                answered(&sent);
            }
        }
    }

    /// Takes the outstanding request that the reply of this number answers.
    fn request_of_reply(&mut self, index: usize) -> Option<Sent> {
        let reply = self.replies.get(index)?;
        let Some(id) = reply.bytes.get(4..8).and_then(|id| id.try_into().ok()) else {
            self.phases.measured.note_wrong("too short");
            return None;
        };
        let sent = self.outstanding.take(TransactionId(id));
        match &sent {
            Some(sent) => self.note_off_its_way(sent),
            None => self.phases.measured.unmatched += 1,
        }
        sent
    }

    fn ports_per_target(&self) -> usize {
        self.ports.len() / self.populations.len()
    }

    /// Returns a port for the kind and target of a run; of several, a random one.
    fn port_for(&mut self, run: Run) -> usize {
        let per_target = self.ports_per_target();
        let first = run.target * per_target;
        match run.kind {
            Kind::Connect => first,
            Kind::Scrape => first + 1,
            Kind::Announce | Kind::Offer | Kind::Answer => first + 2 + self.rng.usize(0..per_target - 2),
        }
    }
}

impl Lane for UdpLane {
    fn rest(&mut self, pace: &Pace) -> anyhow::Result<()> {
        let time_ns = pace.calm_ns(self.clock.now_ns(), self.outstanding_requests).min(REST_NS_MAX);
        if self.options.wait == Wait::Spin || time_ns == 0 {
            return Ok(());
        }
        let time = Timespec::try_from(Duration::from_nanos(time_ns)).context("the sleep is too long")?;
        let sockets = self.ports.iter().map(|port| PollFd::new(port, PollFlags::IN));
        match poll(&mut sockets.collect::<Vec<_>>(), Some(&time)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error).context("replies cannot be waited for"),
        }
    }

    fn turn(&mut self, pace: &mut Pace) -> anyhow::Result<Turn> {
        let replies = self.receive(|_| {})?;
        self.expire();
        self.renew_connections(|_| {})?;
        let kind = self.options.mix().choose(&mut self.rng);
        let run_max = run_max(&self.options);
        let allowance = pace.allowance(self.clock.now_ns(), self.outstanding_requests, run_max);
        if allowance.requests == 0 {
            return Ok(Turn { replies, sent: 0 });
        }
        let target = self.options.choose_target(&mut self.rng);
        let population = self.populations[target];
        let source = self.rng.u32(0..population.sources());
        let run = Run {
            kind,
            target,
            source,
            count: allowance.requests,
            first_due_ns: allowance.first_due_ns,
            period_ns: allowance.period_ns,
            repeats: 0,
        };
        let mut last = None;
        let sent = self.send(run, |rng| *last.insert(population.next_peer_of(source, last, rng)));
        pace.note(sent);
        Ok(Turn { replies, sent })
    }

    fn announce_missing(
        &mut self,
        target: usize,
        answered: &mut Answered,
        shown: &dyn Fn(u64),
    ) -> anyhow::Result<()> {
        for source in 0..self.populations[target].sources() {
            fill_source(self, target, source, answered)?;
            shown(answered.count);
        }
        self.drain_with(|sent| answered.add(sent.peer))
    }

    fn drain(&mut self) -> anyhow::Result<()> {
        self.drain_with(|_| {})
    }

    fn phases(&mut self) -> &mut Phases {
        &mut self.phases
    }

    fn population(&self, target: usize) -> Population {
        self.populations[target]
    }
}

/// Limit of requests sent together.
fn run_max(options: &Options) -> usize {
    if options.torrent_run > 1 { options.torrent_run.into() } else { SEGMENTS_MAX / 2 }
}

fn announce(
    population: &Population,
    number: u64,
    numwant: i32,
    (id, transaction_id): (ConnectionId, TransactionId),
) -> AnnounceRequest {
    let peer = population.peer(number);
    let bytes_left = match peer.status {
        primitives::PeerStatus::Seeder => 0,
        primitives::PeerStatus::Leecher => 1 << 30,
    };
    let mut request = AnnounceRequest::new(id, transaction_id, peer.info_hash)
        .with_port(peer.port)
        .with_left(bytes_left)
        .with_event(AnnounceEvent::None)
        .with_numwant(numwant);
    request.peer_id = population.peer_id(number);
    request
}

fn write_scrape(
    population: &Population,
    rng: &mut fastrand::Rng,
    (id, transaction_id): (ConnectionId, TransactionId),
    place: &mut [u8],
) {
    let (head, hashes) = place.split_at_mut(size_of::<ScrapeRequest>());
    head.copy_from_slice(ScrapeRequest::new(id, transaction_id).as_bytes());
    for hash in hashes.chunks_exact_mut(20) {
        hash.copy_from_slice(&population.any_torrent(rng).0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outstanding::CAPACITY;
    use clap::Parser;
    use primitives::KeyInPath;
    use std::collections::HashSet;
    use std::net::UdpSocket;
    use std::time::Instant;
    use udp_protocol::{ConnectResponse, Request, decode_request};

    /// Source ports of the lane of `open_towards`.
    const PORTS: usize = 3;

    /// Answers the connects of a lane and nothing else.
    fn answer_connects(tracker: &UdpSocket) {
        let (mut connected, mut request) = (HashSet::new(), [0; 2048]);
        while connected.len() < PORTS {
            let (_, from) = tracker.recv_from(&mut request).expect("a connect");
            let id = TransactionId(request[12..16].try_into().expect("four bytes"));
            let answer = ConnectResponse::new(id, ConnectionId([1; 8]));
            tracker.send_to(answer.as_bytes(), from).expect("an answer on the loopback");
            connected.insert(from);
        }
    }

    fn open_towards(tracker: &UdpSocket) -> UdpLane {
        open_with(tracker, &[])
    }

    fn open_with(tracker: &UdpSocket, arguments: &[&str]) -> UdpLane {
        let target = tracker.local_addr().expect("a bound socket").to_string();
        let fixed = ["ringtrack-blast", "--sources", "1", "--ports", "1", "--timeout-ms", "1", "--target"];
        let options =
            Options::parse_from(fixed.into_iter().chain([target.as_str()]).chain(arguments.iter().copied()));
        std::thread::scope(|scope| {
            scope.spawn(|| answer_connects(tracker));
            UdpLane::open(&options, 0, Clock(Instant::now())).expect("a lane to a tracker that connects")
        })
    }

    #[test]
    fn requests_replaced_by_newer_ones_are_lost_and_no_longer_outstanding() {
        let tracker = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let mut lane = open_towards(&tracker);
        let run = Run {
            kind: Kind::Connect,
            target: 0,
            source: 0,
            count: 32,
            first_due_ns: 0,
            period_ns: 0,
            repeats: 0,
        };
        let mut sent = 0;
        while sent < CAPACITY as u64 + 64 {
            sent += lane.send(run, |_| 0) as u64;
        }
        assert_eq!(lane.outstanding_requests as usize, CAPACITY);
        assert_eq!(CAPACITY as u64 + lane.phases.measured.lost(), sent);
        lane.drain().expect("no reply is a failure");
        assert_eq!((lane.outstanding_requests, lane.phases.measured.lost()), (0, sent));
    }

    #[test]
    fn an_unanswered_announce_is_repeated_as_often_as_requested_and_then_lost() {
        let tracker = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let mut lane = open_with(&tracker, &["--retries", "2", "--stopped-percent", "100"]);
        let run = Run {
            kind: Kind::Announce,
            target: 0,
            source: 0,
            count: 1,
            first_due_ns: 0,
            period_ns: 0,
            repeats: 0,
        };
        assert_eq!(lane.send(run, |_| 5), 1);
        lane.drain().expect("no reply is a failure");
        let tally = lane.phases.measured.of(Kind::Announce);
        assert_eq!((tally.sent, tally.repeated, tally.lost, lane.outstanding_requests), (1, 2, 1, 0));
        let mut request = [0; 2048];
        for _ in 0..3 {
            let bytes = tracker.recv(&mut request).expect("an announce");
            let Ok(Request::Announce(announce)) = decode_request(&request[..bytes]) else {
                panic!("{bytes} bytes that are not an announce")
            };
            let announce = announce.request;
            let peer = lane.populations[0].peer(5);
            assert_eq!((announce.info_hash, announce.port.get()), (peer.info_hash, peer.port));
            assert_eq!(announce.event(), AnnounceEvent::Stopped);
        }
    }

    #[test]
    fn each_announce_of_a_message_carries_the_path_of_the_url() {
        let tracker = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let key = "0123456789abcdefghijklmnopqrstuv";
        let mut lane = open_with(&tracker, &["--url-data", &format!("/announce/{key}")]);
        let run = Run {
            kind: Kind::Announce,
            target: 0,
            source: 0,
            count: 3,
            first_due_ns: 0,
            period_ns: 0,
            repeats: 0,
        };
        assert_eq!(lane.send(run, |_| 5), 3);
        let (peer, mut request) = (lane.populations[0].peer(5), [0; 2048]);
        for _ in 0..3 {
            let bytes = tracker.recv(&mut request).expect("an announce");
            let Ok(Request::Announce(announce)) = decode_request(&request[..bytes]) else {
                panic!("{bytes} bytes that are not an announce")
            };
            assert_eq!(
                (announce.request.info_hash, announce.request.port.get()),
                (peer.info_hash, peer.port)
            );
            assert_eq!(announce.options.key(), KeyInPath::of(key.as_bytes()));
        }
    }
}
