use super::dialer::Dialer;
use super::fill;
use super::idle::IdleConnections;
use super::judge::Judge;
use super::link::{Arrival, Link};
use super::pool::links;
use super::readiness::{End, Happening, Readiness};
use super::request::RequestWriter;
use super::response::Persistence;
use super::stream::{Flushed, Stream, end, is_end};
use crate::answered::Answered;
use crate::cli::{ConnectionUse, Options, Wait};
use crate::connection_tally::ConnectionTally;
use crate::kind::Kind;
use crate::lane::{Lane, Turn};
use crate::mix::Mix;
use crate::outstanding::{Clock, Outstanding, Sent};
use crate::pace::{Pace, REST_NS_MAX};
use crate::phases::Phases;
use crate::population::Population;
use crate::target::Target;
use crate::verify::{Expectations, Verdict};
use std::collections::VecDeque;
use std::io;
use std::time::Duration;

/// Bytes per receive call: some tens of typical responses.
const BUFFER_BYTES: usize = 1 << 16;

/// Limit of requests sent per turn, before responses are received.
const REQUESTS_OF_TURN: usize = 64;

/// The lane over HTTP: its connections and outstanding requests.
pub(crate) struct HttpLane {
    pub(crate) populations: Vec<Population>,
    pub(crate) links: Vec<Link>,
    /// Per target, the links without an outstanding request, the longest idle one first.
    pub(crate) free: Vec<VecDeque<u16>>,
    pub(crate) outstanding_requests: u32,
    pub(crate) clock: Clock,
    options: Options,
    mix: Mix,
    phases: Phases,
    rng: fastrand::Rng,
    /// One per target, as in the next two.
    dialers: Vec<Dialer>,
    writers: Vec<RequestWriter>,
    expectations: Vec<Expectations>,
    judge: Judge,
    outstanding: Outstanding,
    readiness: Readiness,
    /// Buffer of the next request.
    request: Vec<u8>,
    buffer: Vec<u8>,
    timeout_ns: u64,
    tally: ConnectionTally,
    idle: IdleConnections,
}

/// A request to be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) kind: Kind,
    /// Number of the announced peer; 0 for other kinds.
    pub(crate) peer: u64,
    pub(crate) due_ns: u64,
    pub(crate) now_ns: u64,
}

/// The result of receiving from a link.
enum Outcome {
    Nothing,
    /// The answered request, whether the response was right, and whether the connection is kept.
    Answered(Sent, bool, Persistence),
    /// Bytes without a request.
    Unasked,
    Failed(io::Error),
}

impl HttpLane {
    /// Opens the idle connections of thread `thread`. Connections of the load are opened when first needed.
    pub(crate) fn open(options: &Options, thread: usize, clock: Clock) -> anyhow::Result<Self> {
        let places = options.target.iter().filter_map(Target::http);
        let populations = Population::of_targets(options);
        let (links, free) = links(options, &populations, thread);
        let mut lane = Self {
            links,
            free,
            outstanding_requests: 0,
            clock,
            options: options.clone(),
            mix: options.mix(),
            phases: Phases::new(),
            rng: fastrand::Rng::with_seed(options.seed ^ (thread as u64 + 1) << 48),
            dialers: Dialer::all(options)?,
            writers: places.map(|place| RequestWriter::new(options, place, options.connection)).collect(),
            expectations: options.addresses().map(|target| Expectations::new(options, target)).collect(),
            populations,
            judge: Judge::new(),
            outstanding: Outstanding::new(),
            readiness: Readiness::new()?,
            request: Vec::new(),
            buffer: vec![0; BUFFER_BYTES],
            timeout_ns: options.timeout_ms * 1_000_000,
            tally: ConnectionTally::default(),
            idle: IdleConnections::default(),
        };
        lane.open_idle(thread);
        Ok(lane)
    }

    /// Opens this thread's share of the idle connections. They are kept alive in every mode.
    fn open_idle(&mut self, thread: usize) {
        let options = &self.options;
        let places = options.target.iter().filter_map(Target::http);
        let writer = |place| RequestWriter::new(options, place, ConnectionUse::KeepAlive);
        let writers: Vec<_> = places.map(writer).collect();
        for number in (0..options.idle_connections as usize).skip(thread).step_by(options.cores.len()) {
            let target = number % writers.len();
            let population = self.populations[target];
            let source = u32::try_from(number / writers.len()).unwrap_or(0) % population.sources();
            let peer = population.any_peer_of(source, &mut self.rng);
            writers[target].announce(&population, peer, &mut self.request);
            self.idle.begin(&mut self.dialers[target], source, &self.request, &mut self.buffer);
        }
        self.idle.await_answers(&mut self.buffer);
    }

    /// Sends a request over a free link, and connects first if it has no connection.
    pub(crate) fn send(&mut self, number: u16, asked: Asked) {
        let Asked { kind, peer, due_ns, now_ns } = asked;
        let target = self.links[usize::from(number)].target;
        self.write(target, kind, peer);
        let sent = Sent { kind, repeats: 0, way: number, peer, due_ns, sent_ns: now_ns };
        let (id, pushed_out) = self.outstanding.insert(sent);
        self.links[usize::from(number)].request = Some(id);
        self.outstanding_requests += 1;
        self.phases.measured.of_mut(kind).sent += 1;
        if let Some(lost) = pushed_out {
            self.lose(&lost);
        }
        if let Err(error) = self.transmit(number) {
            self.give_up(number, error);
        }
    }

    fn write(&mut self, target: usize, kind: Kind, peer: u64) {
        let (writer, population) = (&self.writers[target], &self.populations[target]);
        match kind {
            Kind::Scrape => {
                let torrents = (0..self.options.scrape_hashes).map(|_| population.any_torrent(&mut self.rng));
                writer.scrape(torrents, &mut self.request);
            }
            Kind::Connect | Kind::Announce | Kind::Offer | Kind::Answer => {
                writer.announce(population, peer, &mut self.request);
            }
        }
    }

    fn transmit(&mut self, number: u16) -> io::Result<()> {
        let link = &mut self.links[usize::from(number)];
        if let Some(stream) = &mut link.stream {
            if stream.send(&self.request)? == Flushed::Waits {
                self.readiness.watch_for_room(stream.tcp(), number)?;
            }
            return Ok(());
        }
        let mut stream = self.dialers[link.target].dial(link.source)?;
        self.tally.opened += 1;
        // On the loopback, a connection is established before its first bytes are sent.
        let flushed = stream.send(&self.request)?;
        self.readiness.watch(stream.tcp(), number, flushed)?;
        link.stream = Some(stream);
        Ok(())
    }

    /// Receives all pending responses and returns their number. Calls `answered` for each right one.
    pub(crate) fn receive(&mut self, mut answered: impl FnMut(&Sent)) -> anyhow::Result<usize> {
        let mut replies = 0;
        for index in 0..self.readiness.look()? {
            let happening = self.readiness.happening(index);
            replies += usize::from(self.attend(happening, &mut answered));
        }
        Ok(replies)
    }

    /// Handles an event of a link. Returns whether a response came.
    fn attend(&mut self, happening: Happening, answered: &mut impl FnMut(&Sent)) -> bool {
        let Happening { number, end } = happening;
        match self.take_arrival(number) {
            Outcome::Nothing => false,
            Outcome::Answered(sent, is_right, persistence) => {
                if is_right {
                    answered(&sent);
                }
                let link = &mut self.links[usize::from(number)];
                link.note_answer();
                if self.options.connection == ConnectionUse::PerRequest {
                    self.cut(number);
                } else if end == End::Seen || persistence == Persistence::Ended {
                    self.cut(number);
                    self.tally.ended_by_tracker += 1;
                }
                self.set_free(number);
                true
            }
            Outcome::Unasked => {
                self.phases.measured.unmatched += 1;
                self.cut(number);
                false
            }
            Outcome::Failed(error) => {
                self.tally.ended_by_tracker += u64::from(is_end(&error));
                self.give_up(number, error);
                false
            }
        }
    }

    /// Receives from a link, and counts the response if there is one.
    fn take_arrival(&mut self, number: u16) -> Outcome {
        let link = &mut self.links[usize::from(number)];
        let (request, target) = (link.request, link.target);
        if let Some(Err(error)) = link.stream.as_mut().map(Stream::flush) {
            return Outcome::Failed(error);
        }
        let arrival = match link.receive(&mut self.buffer) {
            Ok(Arrival::Nothing) => return Outcome::Nothing,
            Ok(Arrival::Ended) => return Outcome::Failed(end()),
            Err(error) => return Outcome::Failed(error),
            Ok(arrival) => arrival,
        };
        let Some(sent) = request.and_then(|id| self.outstanding.take(id)) else { return Outcome::Unasked };
        let (verdict, bytes, persistence) = match arrival {
            Arrival::Answer(response) => {
                let verdict = self.judge.judge(&self.expectations[target], sent.kind, &response);
                (verdict, response.bytes, response.persistence)
            }
            Arrival::Wrong(what) => (Verdict::Wrong(what), 0, Persistence::Ended),
            Arrival::Nothing | Arrival::Ended => return Outcome::Nothing,
        };
        let is_right = self.phases.settle(&sent, self.clock.now_ns(), bytes, &verdict);
        Outcome::Answered(sent, is_right, persistence)
    }

    /// Counts requests as lost that were sent before the time-out, and closes their connections.
    pub(crate) fn expire(&mut self) {
        if self.outstanding_requests == 0 {
            return;
        }
        let before_ns = self.clock.now_ns().saturating_sub(self.timeout_ns);
        while let Some(lost) = self.outstanding.pop_before(before_ns) {
            self.tally.note_failure("no answer before the time-out");
            self.lose(&lost);
        }
    }

    /// Closes a failed stream. Its request, if any, is repeated over a new stream if that is right, or lost.
    fn give_up(&mut self, number: u16, error: io::Error) {
        let link = &self.links[usize::from(number)];
        let (request, is_repeated) = (link.request, link.may_be_repeated());
        self.cut(number);
        let Some(sent) = request.and_then(|id| self.outstanding.take(id)) else { return };
        let repeated = if is_repeated { self.repeat(&sent) } else { Err(error) };
        if let Err(error) = repeated {
            self.tally.note_failure(&error.to_string());
            self.lose(&sent);
        }
    }

    /// Sends a request again. The tally counts it once.
    fn repeat(&mut self, sent: &Sent) -> io::Result<()> {
        let link = &mut self.links[usize::from(sent.way)];
        let (id, pushed_out) = self.outstanding.insert(*sent);
        link.request = Some(id);
        let target = link.target;
        if let Some(lost) = pushed_out {
            self.lose(&lost);
        }
        self.write(target, sent.kind, sent.peer);
        self.transmit(sent.way).inspect_err(|_| {
            self.outstanding.take(id);
        })
    }

    fn lose(&mut self, lost: &Sent) {
        self.phases.lose(lost, self.clock.now_ns(), self.timeout_ns);
        self.cut(lost.way);
        self.set_free(lost.way);
    }

    /// Removes the link's request and marks the link as free.
    fn set_free(&mut self, number: u16) {
        let link = &mut self.links[usize::from(number)];
        link.request = None;
        self.free[link.target].push_back(number);
        self.outstanding_requests -= 1;
    }

    /// Closes the link's stream, if it has one.
    pub(crate) fn cut(&mut self, number: u16) {
        if let Some(Stream::Tls(tls)) = self.links[usize::from(number)].cut() {
            tls.note_handshake(&mut self.tally.handshakes);
        }
    }

    /// Sends a request if one is due and a link is free.
    fn send_due(&mut self, pace: &mut Pace) -> bool {
        let target = self.options.choose_target(&mut self.rng);
        let Some(&number) = self.free[target].front() else { return false };
        let now_ns = self.clock.now_ns();
        let allowance = pace.allowance(now_ns, self.outstanding_requests, 1);
        if allowance.requests == 0 {
            return false;
        }
        self.free[target].pop_front();
        pace.note(1);
        let kind = self.mix.choose(&mut self.rng);
        let population = self.populations[target];
        let link = &mut self.links[usize::from(number)];
        if self.options.connection == ConnectionUse::PerRequest {
            link.source = self.rng.u32(0..population.sources());
        }
        let peer =
            if kind == Kind::Announce { population.any_peer_of(link.source, &mut self.rng) } else { 0 };
        self.send(number, Asked { kind, peer, due_ns: allowance.first_due_ns, now_ns });
        true
    }
}

impl Lane for HttpLane {
    fn rest(&mut self, pace: &Pace) -> anyhow::Result<()> {
        if self.options.wait == Wait::Spin {
            return Ok(());
        }
        let is_one_free = self.free.iter().any(|free| !free.is_empty());
        let until_due_ns = pace.calm_ns(self.clock.now_ns(), self.outstanding_requests);
        let time_ns = if is_one_free { until_due_ns.min(REST_NS_MAX) } else { REST_NS_MAX };
        if time_ns == 0 { Ok(()) } else { self.readiness.sleep(Duration::from_nanos(time_ns)) }
    }

    fn turn(&mut self, pace: &mut Pace) -> anyhow::Result<Turn> {
        let replies = self.receive(|_| {})?;
        self.expire();
        let mut sent = 0;
        while sent < REQUESTS_OF_TURN && self.send_due(pace) {
            sent += 1;
        }
        Ok(Turn { replies, sent })
    }

    fn announce_missing(
        &mut self,
        target: usize,
        answered: &mut Answered,
        shown: &dyn Fn(u64),
    ) -> anyhow::Result<()> {
        fill::announce_missing(self, target, self.options.window, answered, shown)
    }

    fn drain(&mut self) -> anyhow::Result<()> {
        while self.outstanding_requests > 0 {
            self.receive(|_| {})?;
            self.expire();
        }
        Ok(())
    }

    fn phases(&mut self) -> &mut Phases {
        &mut self.phases
    }

    fn population(&self, target: usize) -> Population {
        self.populations[target]
    }

    fn connections(&mut self) -> ConnectionTally {
        let mut tally = self.tally.clone();
        for link in &self.links {
            if let Some(Stream::Tls(tls)) = &link.stream {
                tls.note_handshake(&mut tally.handshakes);
            }
        }
        tally.merge(&self.idle.tally(&mut self.buffer));
        tally
    }
}
