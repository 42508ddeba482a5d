use super::connection::{Client, SimulatedWire};
use core_link::ReplySource;
use core_loop::{
    Accept, ConnectionEvent, Event, ListenerIndex, NotSent, ReceiveQueues, ReceiveTimestamps, ReceivedBatch,
    ReplyBatch, SlotKey, Sockets,
};
use engine::{BATCH_DATAGRAMS_MAX, Inbox, REPLY_BYTES_MAX};
use primitives::{AddressFamily, AddressRanges, FilterRules};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
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

/// The sockets of a simulated core: one UDP listener and one TCP listener.
#[derive(Debug, Default)]
pub(super) struct SimulatedSockets {
    pub(super) waiting: Datagrams,
    filter: FilterRules,
    /// Datagrams dropped since the core asked.
    dropped: u64,
    /// The last random number of the filter.
    random: u32,
    pub(super) sent: Datagrams,
    /// How many replies fit into the next sends, of which the others are not sent.
    pub(super) room: Option<usize>,
    /// Whether the next receive fails.
    pub(super) fails: bool,
    /// Whether one of 16 events of connections is missed.
    pub(super) loses_events: bool,
    events_seen: usize,
    /// Sources whose connections are dropped.
    refused: AddressRanges,
    /// Clients that wait to be accepted.
    backlog: VecDeque<Client>,
    pub(super) connections: BTreeMap<u64, Client>,
    events: Vec<Event>,
    has_datagram_event: bool,
    accepts: Accepts,
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

impl SimulatedSockets {
    /// Delivers a datagram, unless the filter drops it.
    pub(super) fn deliver(&mut self, path: SimulatedPath, bytes: &[u8]) {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if !self.filter.passes(path.source.ip(), bytes, self.random) {
            self.dropped += 1;
            return;
        }
        self.waiting.push(path, bytes);
        self.dropped += u64::from(self.waiting.len() > QUEUE_DATAGRAMS);
        self.has_datagram_event = true;
    }

    /// Lets a client wait to be accepted, unless the filter drops its packets.
    pub(super) fn connect(&mut self, client: Client) {
        let (remote, _) = client.origin();
        if !self.refused.contains(remote) {
            self.backlog.push_back(client);
        }
    }

    /// Whether there is an event to poll for.
    pub(super) fn has_event(&self) -> bool {
        let accepts = self.accepts == Accepts::Yes && !self.backlog.is_empty();
        self.has_datagram_event || accepts || self.connections.values().any(Client::has_event)
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
        if std::mem::take(&mut self.fails) {
            return Err(io::ErrorKind::Other.into());
        }
        self.waiting.move_first(batch.capacity(), &mut batch.0);
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

    fn set_filter(&mut self, rules: &FilterRules) -> io::Result<usize> {
        self.filter = rules.clone();
        Ok(0)
    }

    fn set_connection_filter(&mut self, refused: &AddressRanges) -> io::Result<()> {
        self.refused = refused.clone();
        Ok(())
    }

    fn receive_queues(&mut self) -> ReceiveQueues {
        let fullest_percent = u8::try_from(self.waiting.len() * 100 / QUEUE_DATAGRAMS).unwrap_or(u8::MAX);
        ReceiveQueues { dropped: std::mem::take(&mut self.dropped), fullest_percent }
    }

    fn set_receive_timestamps(&mut self, _: ReceiveTimestamps) {}

    fn set_reply_source(&mut self, _: AddressFamily, _: ReplySource) {}

    fn poll(&mut self) -> usize {
        self.events.clear();
        if std::mem::take(&mut self.has_datagram_event) {
            self.events.push(Event::Datagrams(ListenerIndex(0)));
        }
        if self.accepts == Accepts::Yes && !self.backlog.is_empty() {
            self.events.push(Event::Connections(0));
        }
        self.add_events_of_clients();
        self.events.len()
    }

    fn event(&self, index: usize) -> Event {
        self.events[index]
    }

    fn accept(&mut self, _: usize) -> Accept<SimulatedWire> {
        match self.backlog.pop_front() {
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
        self.accepts = Accepts::Yes;
        Ok(())
    }

    fn close_listeners(&mut self) {
        self.accepts = Accepts::Never;
    }

    fn watch(&mut self, wire: &SimulatedWire, key: SlotKey) -> io::Result<()> {
        // Like epoll, it reports at once what is there already.
        wire.0.note_event();
        self.connections.insert(key.to_bits(), wire.0.clone());
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
