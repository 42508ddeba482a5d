use crate::cli::Options;
use crate::connections::Connections;
use crate::outstanding::{Clock, Outstanding, Sent};
use crate::population::Population;
use crate::sockets::{Kind, Port, open_ports, reply_batch, sources};
use crate::tally::Tally;
use crate::verify::{Expectations, Verdict};
use primitives::{AnnounceEvent, CompactIpv4, CompactIpv6};
use std::net::SocketAddr;
use udp_protocol::{AnnounceRequest, ConnectRequest, ConnectionId, ScrapeRequest, TransactionId};
use udp_socket::ReceiveBatch;
use zerocopy::IntoBytes;

/// One thread's way to the trackers: its ports, its connections, and what is on its way.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) tally: Tally,
    pub(crate) rng: fastrand::Rng,
    pub(crate) clock: Clock,
    pub(crate) populations: Vec<Population>,
    pub(crate) outstanding_requests: u32,
    ports: Vec<Port>,
    connections: Vec<Connections>,
    outstanding: Outstanding,
    replies: ReceiveBatch,
    expectations: Expectations,
    numwant: i32,
    timeout_ns: u64,
    /// What was due before is not counted where it is lost: it was not counted as sent either.
    measured_from_ns: u64,
    invalid: f64,
}

/// Requests of one kind that leave together, from one source address and port.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub(crate) kind: Kind,
    /// The target, by number.
    pub(crate) target: usize,
    pub(crate) source: u32,
    pub(crate) count: usize,
    /// When the first was due, and between two of them, in nanoseconds.
    pub(crate) first_due_ns: u64,
    pub(crate) period_ns: u64,
}

impl Lane {
    /// Opens the ports of thread `thread` and connects from all sources.
    pub(crate) fn open(options: &Options, thread: usize, clock: Clock) -> anyhow::Result<Self> {
        let mut ports = open_ports(options)?;
        let sources_of = |&target: &SocketAddr| sources(options, target);
        let connect = |port: &mut Port| Connections::establish(port, sources_of(&port.target), clock);
        let connections = ports.iter_mut().map(connect).collect::<anyhow::Result<_>>()?;
        Ok(Self {
            tally: Tally::new(),
            rng: fastrand::Rng::with_seed(options.seed ^ (thread as u64 + 1) << 48),
            clock,
            populations: options.target.iter().map(|t| Population::new(options, sources_of(t))).collect(),
            outstanding_requests: 0,
            ports,
            connections,
            outstanding: Outstanding::new(),
            replies: reply_batch(),
            expectations: Expectations::new(options),
            numwant: options.numwant,
            timeout_ns: options.timeout_ms * 1_000_000,
            measured_from_ns: 0,
            invalid: options.invalid_percent / 100.0,
        })
    }

    /// Sends a run; `peer` gives the number of each announced peer.
    pub(crate) fn send(&mut self, run: Run, mut peer: impl FnMut(&mut fastrand::Rng) -> u64) {
        let Some(number) = self.port_for(run) else { return };
        let index = u16::try_from(number).expect("a thread has few ports");
        let (population, id) = (self.populations[run.target], self.connections[number].id(run.source));
        let (mut due_ns, numwant, invalid) = (run.first_due_ns, self.numwant, self.invalid);
        let measured_from_ns = self.measured_from_ns;
        let (outstanding, rng, tally) = (&mut self.outstanding, &mut self.rng, &mut self.tally);
        let sent = self.ports[number].send_run(run.source, run.count, |place| {
            let peer = if run.kind == Kind::Announce { peer(rng) } else { 0 };
            let sent = Sent { kind: run.kind, port: index, peer, due_ns };
            due_ns += run.period_ns;
            let (transaction_id, pushed_out) = outstanding.insert(sent);
            if let Some(lost) = pushed_out.filter(|lost| lost.due_ns >= measured_from_ns) {
                tally.of_mut(lost.kind).lost += 1;
            }
            let id = if rng.f64() < invalid { ConnectionId(rng.u64(..).to_be_bytes()) } else { id };
            match run.kind {
                Kind::Connect => place.copy_from_slice(ConnectRequest::new(transaction_id).as_bytes()),
                Kind::Announce => {
                    let request = announce(&population, peer, numwant, (id, transaction_id));
                    place.copy_from_slice(request.as_bytes());
                }
                Kind::Scrape => write_scrape(&population, rng, (id, transaction_id), place),
            }
        });
        self.tally.of_mut(run.kind).sent += sent as u64;
        self.ports[number].outstanding += u32::try_from(sent).unwrap_or(0);
        self.outstanding_requests += u32::try_from(sent).unwrap_or(0);
    }

    /// Takes all replies that wait; `answered` is told of each right answer. Gives their number.
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

    /// Counts from now on only.
    pub(crate) fn begin_measurement(&mut self) {
        self.tally = Tally::new();
        self.measured_from_ns = self.clock.now_ns();
    }

    /// Counts requests as lost that were due before the time-out.
    pub(crate) fn expire(&mut self) {
        let before_ns = self.clock.now_ns().saturating_sub(self.timeout_ns);
        let (tally, ports, all) = (&mut self.tally, &mut self.ports, &mut self.outstanding_requests);
        let measured_from_ns = self.measured_from_ns;
        self.outstanding.expire(before_ns, |lost| {
            tally.of_mut(lost.kind).lost += u64::from(lost.due_ns >= measured_from_ns);
            let port = &mut ports[usize::from(lost.port)];
            port.outstanding = port.outstanding.saturating_sub(1);
            *all = all.saturating_sub(1);
        });
    }

    /// Connects anew where the ids get old. What is on its way comes back first: it would be lost otherwise.
    pub(crate) fn renew_connections(&mut self, answered: impl FnMut(&Sent)) -> anyhow::Result<()> {
        if !self.connections.iter().any(|connections| connections.are_due(self.clock)) {
            return Ok(());
        }
        self.drain(answered)?;
        for (port, connections) in self.ports.iter_mut().zip(&mut self.connections) {
            *connections = Connections::establish(port, connections.sources(), self.clock)?;
        }
        Ok(())
    }

    /// Waits until every request has its answer, or counts as lost.
    pub(crate) fn drain(&mut self, mut answered: impl FnMut(&Sent)) -> anyhow::Result<()> {
        while self.outstanding_requests > 0 {
            self.receive(&mut answered)?;
            self.expire();
        }
        Ok(())
    }

    fn settle(&mut self, number: usize, answered: &mut impl FnMut(&Sent)) {
        let now_ns = self.clock.now_ns();
        let is_ipv4 = self.ports[number].target.is_ipv4();
        for reply in self.replies.iter() {
            let Some(id) = reply.bytes.get(4..8).and_then(|id| id.try_into().ok()) else {
                self.tally.note_wrong("too short");
                continue;
            };
            let Some(sent) = self.outstanding.take(TransactionId(id)) else {
                self.tally.unmatched += 1;
                continue;
            };
            let port = &mut self.ports[usize::from(sent.port)];
            port.outstanding = port.outstanding.saturating_sub(1);
            self.outstanding_requests = self.outstanding_requests.saturating_sub(1);
            self.tally.reply_bytes += reply.bytes.len() as u64;
            self.tally.of_mut(sent.kind).latency_ns.saturating_record(now_ns.saturating_sub(sent.due_ns));
            let verdict = if is_ipv4 {
                self.expectations.judge::<CompactIpv4>(sent.kind, reply.bytes)
            } else {
                self.expectations.judge::<CompactIpv6>(sent.kind, reply.bytes)
            };
            match verdict {
                Verdict::Right { peers } => {
                    let tally = self.tally.of_mut(sent.kind);
                    tally.answered += 1;
                    tally.peers += peers as u64;
                    answered(&sent);
                }
                Verdict::Error(text) => self.tally.note_error(text),
                Verdict::Wrong(what) => self.tally.note_wrong(what),
            }
        }
    }

    /// A port of the run's kind towards its target; of several, any.
    fn port_for(&mut self, run: Run) -> Option<usize> {
        let target = self.populations.get(run.target).map(|_| run.target)?;
        let per_target = self.ports.len() / self.populations.len();
        let first = target * per_target;
        let announce_ports = per_target - 2;
        Some(match run.kind {
            Kind::Connect => first,
            Kind::Scrape => first + 1,
            Kind::Announce => first + 2 + self.rng.usize(0..announce_ports),
        })
    }
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
