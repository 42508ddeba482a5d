use super::client::{Client, of_thread};
use super::clients::Clients;
use super::inbox::Inbox;
use super::opening::Opening;
use super::writer::upgrade_request;
use crate::answered::Answered;
use crate::cli::{Options, Wait};
use crate::connection_tally::ConnectionTally;
use crate::http::dialer::Dialer;
use crate::http::idle::{ANSWER_MAX, AT_ONCE, IdleConnections};
use crate::http::readiness::Readiness;
use crate::http::stream::{Flushed, Received, Stream, end, is_end};
use crate::lane::{Lane, Turn};
use crate::outstanding::Clock;
use crate::pace::{Pace, REST_NS_MAX};
use crate::phases::Phases;
use crate::population::Population;
use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

/// Bytes per receive call: some tens of offers.
const BUFFER_BYTES: usize = 1 << 16;

/// Limit of requests sent per turn, before their consequences are received: each leads to many messages.
const REQUESTS_OF_TURN: usize = 16;

/// The lane over WebSocket: its connections, which are opened before the load begins.
pub(crate) struct WsLane {
    clients: Clients,
    /// One per client.
    inboxes: Vec<Inbox>,
    /// Per target, the clients with a connection, the longest silent one first.
    open: Vec<VecDeque<u16>>,
    options: Options,
    readiness: Readiness,
    buffer: Vec<u8>,
    idle: IdleConnections,
}

impl WsLane {
    /// Opens the connections of thread `thread`.
    pub(crate) fn open(options: &Options, thread: usize, clock: Clock) -> anyhow::Result<Self> {
        let mut dialers = Dialer::all(options)?;
        let populations = Population::of_targets(options);
        let active = of_thread(options, thread, &populations);
        let mut lane = Self {
            inboxes: active.iter().map(|_| Inbox::new()).collect(),
            open: vec![VecDeque::new(); populations.len()],
            clients: Clients::new(options, thread, clock, populations, active),
            options: options.clone(),
            readiness: Readiness::new()?,
            buffer: vec![0; BUFFER_BYTES],
            idle: IdleConnections::default(),
        };
        lane.open_active(&mut dialers)?;
        lane.open_idle(thread, &mut dialers);
        Ok(lane)
    }

    fn open_active(&mut self, dialers: &mut [Dialer]) -> anyhow::Result<()> {
        let mut clients = std::mem::take(&mut self.clients.all);
        let mut way = 0;
        for batch in clients.chunks_mut(AT_ONCE) {
            let opened = self.open_all(dialers, batch);
            for (client, opened) in batch.iter_mut().zip(opened) {
                match opened {
                    Ok((stream, inbox)) => {
                        self.readiness.watch(stream.tcp(), way, Flushed::All)?;
                        self.clients.tally.opened += 1;
                        self.open[client.target].push_back(way);
                        self.inboxes[usize::from(way)] = inbox;
                        client.stream = Some(stream);
                    }
                    Err(error) => self.clients.tally.note_failure(&error.to_string()),
                }
                way += 1;
            }
        }
        self.clients.all = clients;
        self.check_open("no connection could be opened")
    }

    /// Opens this thread's share of the idle connections.
    fn open_idle(&mut self, thread: usize, dialers: &mut [Dialer]) {
        let (options, populations) = (&self.options, &self.clients.populations);
        let numbers = (0..options.idle_connections).skip(thread).step_by(options.cores.len());
        let idle: Vec<_> = numbers
            .map(|number| {
                let target = number as usize % populations.len();
                let peer = options.peers() - 1 - u64::from(number);
                Client::new(target, number, &populations[target], peer..peer + 1)
            })
            .collect();
        for batch in idle.chunks(AT_ONCE) {
            for opened in self.open_all(dialers, batch) {
                self.idle.hold(opened.map(|(stream, _)| stream));
            }
        }
    }

    fn open_all(&mut self, dialers: &mut [Dialer], batch: &[Client]) -> Vec<io::Result<(Stream, Inbox)>> {
        let begun: Vec<_> =
            batch.iter().map(|client| self.begin(&mut dialers[client.target], client)).collect();
        let deadline = Instant::now() + ANSWER_MAX;
        let opened = |(stream, client): (io::Result<Stream>, &Client)| {
            let opening = Opening { stream: stream?, deadline, buffer: &mut self.buffer };
            opening.finish(client, &mut self.clients.writer)
        };
        begun.into_iter().zip(batch).map(opened).collect()
    }

    fn begin(&self, dialer: &mut Dialer, client: &Client) -> io::Result<Stream> {
        let sources = self.clients.populations[client.target].sources();
        let mut stream = dialer.dial(client.number % sources)?;
        // As browsers do: a message must not wait until the tracker has acknowledged the last one.
        stream.tcp().set_nodelay(true)?;
        let place = self.options.target[client.target].http();
        stream.send(&place.map(upgrade_request).unwrap_or_default())?;
        Ok(stream)
    }

    fn check_open(&self, what: &str) -> anyhow::Result<()> {
        let failures = &self.clients.tally.failures;
        anyhow::ensure!(self.open.iter().any(|open| !open.is_empty()), "{what}: {failures:?}");
        Ok(())
    }

    /// Receives all pending messages, and returns their number.
    fn receive(&mut self) -> anyhow::Result<usize> {
        let mut messages = 0;
        for index in 0..self.readiness.look()? {
            let way = self.readiness.happening(index).number;
            match self.exchange(way) {
                Ok(received) => messages += received,
                Err(error) => self.give_up(way, &error)?,
            }
        }
        Ok(messages)
    }

    /// Receives what a connection has, and sends the answers to it.
    fn exchange(&mut self, way: u16) -> io::Result<usize> {
        let mut messages = 0;
        if let Some(stream) = &mut self.clients.all[usize::from(way)].stream {
            stream.flush()?;
        }
        loop {
            let (clients, inbox) = (&mut self.clients, &mut self.inboxes[usize::from(way)]);
            let Some(stream) = &mut clients.all[usize::from(way)].stream else { break };
            let bytes = match stream.receive(&mut self.buffer)? {
                Received::Bytes(bytes) => bytes,
                Received::Nothing => break,
                Received::End => return Err(end()),
            };
            inbox.read(&mut self.buffer[..bytes], |incoming| {
                messages += usize::from(clients.handle(way, incoming));
            })?;
            self.transmit(way)?;
        }
        Ok(messages)
    }

    /// Sends the messages that the client has written.
    fn transmit(&mut self, way: u16) -> io::Result<()> {
        let Clients { out, all, .. } = &mut self.clients;
        let stream = all[usize::from(way)].stream.as_mut().filter(|_| !out.is_empty());
        let flushed = stream.map(|stream| (stream.send(out), &*stream));
        out.clear();
        match flushed {
            Some((Ok(Flushed::Waits), stream)) => self.readiness.watch_for_room(stream.tcp(), way),
            Some((Err(error), _)) => Err(error),
            _ => Ok(()),
        }
    }

    /// Closes a failed connection, with which its requests are lost.
    fn give_up(&mut self, way: u16, error: &io::Error) -> anyhow::Result<()> {
        self.clients.out.clear();
        let client = &mut self.clients.all[usize::from(way)];
        if let Some(Stream::Tls(tls)) = client.stream.take() {
            tls.note_handshake(&mut self.clients.tally.handshakes);
        }
        self.open[client.target].retain(|&open| open != way);
        self.clients.tally.ended_by_tracker += u64::from(is_end(error));
        self.clients.tally.note_failure(&error.to_string());
        self.clients.give_up(way);
        self.check_open("no connection is left")
    }

    /// Sends a request if one is due.
    fn send_due(&mut self, pace: &mut Pace) -> anyhow::Result<bool> {
        let target = self.options.choose_target(&mut self.clients.rng);
        let now_ns = self.clients.clock.now_ns();
        let allowance = pace.allowance(now_ns, self.clients.outstanding_requests, 1);
        if allowance.requests == 0 {
            return Ok(false);
        }
        let Some(way) = self.open[target].pop_front() else { return Ok(false) };
        self.open[target].push_back(way);
        pace.note(1);
        let kind = self.options.mix().choose(&mut self.clients.rng);
        self.clients.request(way, kind, allowance.first_due_ns, now_ns);
        if let Err(error) = self.transmit(way) {
            self.give_up(way, &error)?;
        }
        Ok(true)
    }
}

impl Lane for WsLane {
    fn rest(&mut self, pace: &Pace) -> anyhow::Result<()> {
        if self.options.wait == Wait::Spin {
            return Ok(());
        }
        let until_due_ns = pace.calm_ns(self.clients.clock.now_ns(), self.clients.outstanding_requests);
        let time_ns = until_due_ns.min(REST_NS_MAX);
        if time_ns == 0 { Ok(()) } else { self.readiness.sleep(Duration::from_nanos(time_ns)) }
    }

    fn turn(&mut self, pace: &mut Pace) -> anyhow::Result<Turn> {
        let replies = self.receive()?;
        self.clients.expire();
        let mut sent = 0;
        while sent < REQUESTS_OF_TURN && self.send_due(pace)? {
            sent += 1;
        }
        Ok(Turn { replies, sent })
    }

    /// The command line refuses a fill: a peer leaves with its connection.
    fn announce_missing(&mut self, _: usize, _: &mut Answered, _: &dyn Fn(u64)) -> anyhow::Result<()> {
        anyhow::bail!("--fill is not for WebSocket")
    }

    fn drain(&mut self) -> anyhow::Result<()> {
        while self.clients.outstanding_requests > 0 {
            self.receive()?;
            self.clients.expire();
        }
        Ok(())
    }

    fn phases(&mut self) -> &mut Phases {
        &mut self.clients.phases
    }

    fn population(&self, target: usize) -> Population {
        self.clients.populations[target]
    }

    fn connections(&mut self) -> ConnectionTally {
        let mut tally = self.clients.tally.clone();
        for client in &self.clients.all {
            if let Some(Stream::Tls(tls)) = &client.stream {
                tls.note_handshake(&mut tally.handshakes);
            }
        }
        tally.merge(&self.idle.tally(&mut self.buffer));
        tally
    }
}
