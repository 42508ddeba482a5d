use super::connection::{Client, SimulatedWire};
use core_link::ReplySource;
use core_loop::{
    Accept, ConnectionEvent, Event, ListenerIndex, NotSent, ReceiveQueues, ReceiveTimestamps, ReceivedBatch,
    ReplyBatch, SlotKey, Sockets,
};
use engine::{BATCH_DATAGRAMS_MAX, Inbox, REPLY_BYTES_MAX};
use primitives::{AddressFamily, AddressRanges, FilterRules};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

/// The sender of a datagram, and its index among those that are served together.
#[derive(Debug, Clone, Copy)]
pub(super) struct SimulatedPath {
    pub(super) request: usize,
    pub(super) source: SocketAddr,
}

/// Datagrams one after another in one buffer, which is reused.
#[derive(Debug, Default)]
pub(super) struct Datagrams {
    bytes: Vec<u8>,
    each: VecDeque<(SimulatedPath, Range<usize>)>,
}

/// Datagrams of a full receive queue. More than these count as dropped, but are served: a test says how many arrive.
const QUEUE_DATAGRAMS: usize = 1000;

/// The listening sockets of a shard: one for datagrams and one for connections. Several processes may have them.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    waiting: Datagrams,
    /// Datagrams that have ever waited.
    arrived: u64,
    filter: FilterRules,
    /// Datagrams that were ever dropped.
    dropped: u64,
    /// The last random number of the filter.
    random: u32,
    /// Sources whose connections are dropped.
    refused: AddressRanges,
    /// Clients that wait to be accepted.
    backlog: VecDeque<Client>,
}

/// The sockets of a simulated core.
#[derive(Debug, Default)]
pub(super) struct SimulatedSockets {
    pub(super) listeners: Rc<RefCell<Listeners>>,
    /// Of the datagrams that have arrived and were dropped, those that the core knows of.
    arrived_known: u64,
    dropped_known: u64,
    pub(super) sent: Datagrams,
    /// How many replies fit into the next sends, of which the others are not sent.
    pub(super) room: Option<usize>,
    /// The calls of which the next one fails.
    pub(super) failing: Vec<SocketCall>,
    /// Whether one of 16 events of connections is missed.
    pub(super) loses_events: bool,
    events_seen: usize,
    pub(super) connections: BTreeMap<u64, Client>,
    events: Vec<Event>,
    /// Whether events of datagrams are reported.
    reports_datagrams: bool,
    accepts: Accepts,
}

/// A call that can be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketCall {
    /// Receives datagrams.
    Receive,
    /// Accepts a connection.
    Accept,
    /// Accepts connections again after a pause.
    ResumeAccepting,
    /// Watches a connection.
    Watch,
    /// Sets the filter of the kernel.
    SetFilter,
}

impl SocketCall {
    /// All calls.
    pub const ALL: [Self; 5] =
        [Self::Receive, Self::Accept, Self::ResumeAccepting, Self::Watch, Self::SetFilter];
}

/// Whether connections are accepted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Accepts {
    Yes,
    #[default]
    Paused,
    /// The listeners are closed.
    Never,
}

/// A batch of received datagrams.
#[derive(Debug, Default)]
pub(super) struct SimulatedReceived(Datagrams);

/// A batch of replies. Their buffers are never cleared, so that a reply that is too long shows bytes of the one before.
#[derive(Debug)]
pub(super) struct SimulatedReplies {
    buffers: Vec<Box<[u8]>>,
    each: Vec<(SimulatedPath, usize)>,
}

impl Datagrams {
    pub(super) fn push(&mut self, path: SimulatedPath, bytes: &[u8]) {
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.each.push_back((path, begin..self.bytes.len()));
    }

    pub(super) fn get(&self, index: usize) -> (SimulatedPath, &[u8]) {
        let (path, range) = &self.each[index];
        (*path, &self.bytes[range.clone()])
    }

    pub(super) fn len(&self) -> usize {
        self.each.len()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.each.clear();
    }

    /// Moves up to `most` of the first ones to another place.
    fn move_first(&mut self, most: usize, to: &mut Self) {
        for _ in 0..most.min(self.each.len()) {
            if let Some((path, range)) = self.each.pop_front() {
                to.push(path, &self.bytes[range]);
            }
        }
        if self.each.is_empty() {
            self.bytes.clear();
        }
    }
}

impl Listeners {
    /// Delivers a datagram, unless the filter drops it. Returns whether it was delivered.
    pub(super) fn deliver(&mut self, path: SimulatedPath, bytes: &[u8]) -> bool {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if !self.filter.passes(path.source.ip(), bytes, self.random) {
            self.dropped += 1;
            return false;
        }
        self.waiting.push(path, bytes);
        self.dropped += u64::from(self.waiting.len() > QUEUE_DATAGRAMS);
        self.arrived += 1;
        true
    }

    /// Lets a client wait to be accepted, unless the filter drops its packets.
    pub(super) fn connect(&mut self, client: Client) {
        let (remote, _) = client.origin();
        if !self.refused.contains(remote) {
            self.backlog.push_back(client);
        }
    }
}

impl SimulatedSockets {
    pub(super) fn at(listeners: Rc<RefCell<Listeners>>) -> Self {
        Self { listeners, ..Self::default() }
    }

    /// Whether there is an event to poll for.
    pub(super) fn has_event(&self) -> bool {
        let listeners = self.listeners.borrow();
        let accepts = self.accepts == Accepts::Yes && !listeners.backlog.is_empty();
        let receives = self.reports_datagrams && listeners.arrived > self.arrived_known;
        receives || accepts || self.connections.values().any(Client::has_event)
    }

    /// Whether a call fails that was made to.
    fn fails(&mut self, call: SocketCall) -> io::Result<()> {
        match self.failing.iter().position(|&failing| failing == call) {
            Some(position) => {
                self.failing.swap_remove(position);
                Err(io::ErrorKind::Other.into())
            }
            None => Ok(()),
        }
    }

    /// Reports the events of a client that has sent something, has read something, or is gone.
    fn add_events_of_clients(&mut self) {
        self.connections.retain(|_, client| !client.is_closed());
        for (&key, client) in &self.connections {
            if let Some((readable, hung_up)) = client.take_event() {
                self.events_seen += 1;
                if self.loses_events && self.events_seen.is_multiple_of(16) {
                    continue;
                }
                let key = SlotKey::from_bits(key);
                self.events.push(Event::Connection(ConnectionEvent { key, readable, hung_up }));
            }
        }
    }
}

impl Sockets for SimulatedSockets {
    type Path = SimulatedPath;
    type Received = SimulatedReceived;
    type Replies = SimulatedReplies;
    type Wire = SimulatedWire;

    fn udp_listeners(&self) -> u8 {
        1
    }

    fn receive(&mut self, _: ListenerIndex, batch: &mut SimulatedReceived) -> io::Result<()> {
        batch.0.clear();
        self.fails(SocketCall::Receive)?;
        self.listeners.borrow_mut().waiting.move_first(batch.capacity(), &mut batch.0);
        Ok(())
    }

    fn send(&mut self, _: ListenerIndex, replies: &mut SimulatedReplies) -> NotSent {
        let queued = replies.each.len();
        let sent = self.room.map_or(queued, |room| room.min(queued));
        for (index, (path, length)) in replies.each.drain(..).enumerate().take(sent) {
            self.sent.push(path, &replies.buffers[index][..length]);
        }
        replies.each.clear();
        NotSent { refused: 0, unsent: queued - sent }
    }

    fn pause_receiving(&mut self) {
        self.reports_datagrams = false;
    }

    fn resume_receiving(&mut self) {
        // Like epoll, it reports at once what is there already.
        self.reports_datagrams = true;
        let listeners = self.listeners.borrow();
        self.arrived_known = listeners.arrived - u64::from(listeners.waiting.len() > 0);
    }

    fn set_filter(&mut self, rules: &FilterRules) -> io::Result<usize> {
        assert!(self.reports_datagrams, "another process may serve the listeners");
        self.fails(SocketCall::SetFilter)?;
        self.listeners.borrow_mut().filter = rules.clone();
        Ok(0)
    }

    fn set_connection_filter(&mut self, refused: &AddressRanges) -> io::Result<()> {
        assert!(self.reports_datagrams, "another process may serve the listeners");
        self.listeners.borrow_mut().refused = refused.clone();
        Ok(())
    }

    fn receive_queues(&mut self) -> ReceiveQueues {
        let listeners = self.listeners.borrow();
        let fullest_percent = listeners.waiting.len() * 100 / QUEUE_DATAGRAMS;
        let dropped = listeners.dropped - std::mem::replace(&mut self.dropped_known, listeners.dropped);
        ReceiveQueues { dropped, fullest_percent: u8::try_from(fullest_percent).unwrap_or(u8::MAX) }
    }

    fn set_receive_timestamps(&mut self, _: ReceiveTimestamps) {}

    fn set_reply_source(&mut self, _: AddressFamily, _: ReplySource) {}

    fn poll(&mut self) -> usize {
        self.events.clear();
        let (arrived, waits) = {
            let listeners = self.listeners.borrow();
            (listeners.arrived, !listeners.backlog.is_empty())
        };
        if self.reports_datagrams && std::mem::replace(&mut self.arrived_known, arrived) < arrived {
            self.events.push(Event::Datagrams(ListenerIndex(0)));
        }
        if self.accepts == Accepts::Yes && waits {
            self.events.push(Event::Connections(0));
        }
        self.add_events_of_clients();
        self.events.len()
    }

    fn event(&self, index: usize) -> Event {
        self.events[index]
    }

    fn accept(&mut self, _: usize) -> Accept<SimulatedWire> {
        if self.fails(SocketCall::Accept).is_err() {
            return Accept::Failed;
        }
        let next = self.listeners.borrow_mut().backlog.pop_front();
        match next {
            Some(client) => {
                let (remote, security) = client.origin();
                Accept::Accepted(SimulatedWire(client), remote, security)
            }
            None => Accept::Nothing,
        }
    }

    fn pause_accepting(&mut self) {
        self.accepts = Accepts::Paused;
    }

    fn resume_accepting(&mut self) -> io::Result<()> {
        self.fails(SocketCall::ResumeAccepting)?;
        self.accepts = Accepts::Yes;
        Ok(())
    }

    fn close_listeners(&mut self) {
        self.accepts = Accepts::Never;
    }

    fn watch(&mut self, wire: &SimulatedWire, key: SlotKey) -> io::Result<()> {
        self.fails(SocketCall::Watch)?;
        // Like epoll, it reports at once what is there already.
        wire.0.note_event();
        let before = self.connections.insert(key.to_bits(), wire.0.clone());
        assert!(before.is_none_or(|client| client.is_closed()), "two connections have one key");
        Ok(())
    }
}

impl Inbox for SimulatedReceived {
    fn datagrams(&self) -> usize {
        self.0.len()
    }

    fn datagram(&self, index: usize) -> (SocketAddr, &[u8]) {
        let (path, bytes) = self.0.get(index);
        (path.source, bytes)
    }
}

impl ReceivedBatch for SimulatedReceived {
    type Path = SimulatedPath;

    fn capacity(&self) -> usize {
        BATCH_DATAGRAMS_MAX
    }

    fn path(&self, index: usize) -> &SimulatedPath {
        &self.0.each[index].0
    }

    fn arrived(&self, _: usize) -> Option<Duration> {
        None
    }
}

impl Default for SimulatedReplies {
    fn default() -> Self {
        let buffers = (0..BATCH_DATAGRAMS_MAX).map(|_| vec![0; REPLY_BYTES_MAX].into_boxed_slice()).collect();
        Self { buffers, each: Vec::with_capacity(BATCH_DATAGRAMS_MAX) }
    }
}

impl ReplyBatch for SimulatedReplies {
    type Path = SimulatedPath;

    fn capacity(&self) -> usize {
        self.buffers.len()
    }

    fn len(&self) -> usize {
        self.each.len()
    }

    fn buffer(&mut self) -> &mut [u8] {
        &mut self.buffers[self.each.len()]
    }

    fn commit(&mut self, length: usize, path: &SimulatedPath) {
        self.each.push((*path, length));
    }
}
