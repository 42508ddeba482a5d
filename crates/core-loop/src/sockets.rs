use crate::messages::ListenerIndex;
use crate::wire::{Security, SlotKey, Wire};
use core_link::ReplySource;
use engine::Inbox;
use primitives::{AddressFamily, AddressRanges, FilterRules};
use std::fmt::Debug;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

/// The sockets of a core: those of its UDP listeners, and its TCP listeners and connections. No call waits.
pub trait Sockets: Debug {
    /// How a datagram came, and how its reply goes back.
    type Path: Copy + Debug + Send + 'static;
    /// Datagrams that were received together.
    type Received: ReceivedBatch<Path = Self::Path>;
    /// Replies that are sent together, with room for one to each datagram of a [`Self::Received`].
    type Replies: ReplyBatch<Path = Self::Path>;
    /// The socket of a connection.
    type Wire: Wire;

    /// Returns the number of UDP listeners.
    fn udp_listeners(&self) -> u8;

    /// Receives the datagrams that wait at a listener, as many as the batch holds.
    ///
    /// # Errors
    /// When the socket fails. The batch is empty then.
    fn receive(&mut self, listener: ListenerIndex, batch: &mut Self::Received) -> io::Result<()>;

    /// Sends replies from a listener and empties the batch. Those that are not sent are dropped: clients retry, and a
    /// queue would only make every reply late.
    fn send(&mut self, listener: ListenerIndex, replies: &mut Self::Replies) -> NotSent;

    /// Reports no more events of UDP listeners, as at the beginning.
    fn pause_receiving(&mut self);

    /// Reports the events of UDP listeners.
    fn resume_receiving(&mut self);

    /// Makes the kernel drop datagrams by these rules, in place of earlier ones. Returns how many networks were left out, of
    /// the socket with the least memory.
    ///
    /// # Errors
    /// When a socket refuses. The others have the rules.
    fn set_filter(&mut self, rules: &FilterRules) -> io::Result<usize>;

    /// Makes the kernel drop connections from these addresses, in place of earlier ones.
    ///
    /// # Errors
    /// When a listener refuses. The others have the rules.
    fn set_connection_filter(&mut self, refused: &AddressRanges) -> io::Result<()>;

    /// Returns the state of the receive queues of the UDP listeners. Those of which it is not known are left out.
    fn receive_queues(&mut self) -> ReceiveQueues;

    /// Switches the time stamps of received datagrams. The datagrams of a socket that refuses are not sampled.
    fn set_receive_timestamps(&mut self, timestamps: ReceiveTimestamps);

    /// Sets the address that replies leave from on the wildcard address of a family. A socket that refuses stays as it is.
    fn set_reply_source(&mut self, family: AddressFamily, source: ReplySource);

    /// Fetches the events since the last call and returns their number, at most [`EVENTS_MAX`](crate::EVENTS_MAX): the others
    /// remain.
    fn poll(&mut self) -> usize;

    /// Returns an event of the last [`Self::poll`].
    fn event(&self, index: usize) -> Event;

    /// Accepts a connection that waits at a TCP listener.
    fn accept(&mut self, listener: usize) -> Accept<Self::Wire>;

    /// Reports no more events of TCP listeners, as at the beginning.
    fn pause_accepting(&mut self);

    /// Reports the events of TCP listeners.
    ///
    /// # Errors
    /// When a listener cannot be watched. It may be retried.
    fn resume_accepting(&mut self) -> io::Result<()>;

    /// Closes the TCP listeners.
    fn close_listeners(&mut self);

    /// Reports the events of a connection until it is dropped.
    ///
    /// # Errors
    /// When it cannot be watched.
    fn watch(&mut self, wire: &Self::Wire, key: SlotKey) -> io::Result<()>;
}

/// Datagrams that were received together.
pub trait ReceivedBatch: Inbox + Debug {
    /// How a datagram came.
    type Path;

    /// Returns how many datagrams it holds at most. A receive of fewer has emptied the socket.
    fn capacity(&self) -> usize;

    /// Returns how a datagram came.
    fn path(&self, index: usize) -> &Self::Path;

    /// Returns when the kernel received a datagram, since the Unix epoch, if it has a time stamp.
    fn arrived(&self, index: usize) -> Option<Duration>;
}

/// Replies that are sent together.
pub trait ReplyBatch: Debug {
    /// How a reply goes back.
    type Path;

    /// Returns how many replies it holds at most.
    fn capacity(&self) -> usize;

    /// Returns the number of replies in it.
    fn len(&self) -> usize;

    /// Returns whether there is no reply in it.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the buffer of the next reply; an earlier one may still be in it. The batch must not be full.
    fn buffer(&mut self) -> &mut [u8];

    /// Adds the first `length` bytes of the buffer as a reply.
    fn commit(&mut self, length: usize, path: &Self::Path);
}

/// The receive queues of UDP listeners.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReceiveQueues {
    /// Datagrams dropped since the last call: by the filter, or because a queue was full.
    pub dropped: u64,
    /// How much of the fullest queue is used, in percent.
    pub fullest_percent: u8,
}

/// Replies that were not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NotSent {
    /// The kernel refused them: no route, not permitted, too long.
    pub refused: usize,
    /// The kernel had no room for them.
    pub unsent: usize,
}

/// An event of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Datagrams have arrived at this listener. It is reported once for each time that some arrive (edge-triggered).
    Datagrams(ListenerIndex),
    /// The TCP listener at this index has connections to accept. It is repeated while there are some (level-triggered).
    Connections(usize),
    /// Something has happened on a connection (edge-triggered).
    Connection(ConnectionEvent),
    /// The core was notified while it waited.
    WokenUp,
}

/// Bytes have arrived on a connection, or there is room to send again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionEvent {
    /// The key with which it is watched.
    pub key: SlotKey,
    /// Whether there is something to read.
    pub readable: bool,
    /// Whether the client has sent its last byte, or is gone.
    pub hung_up: bool,
}

/// The result of accepting a connection.
#[derive(Debug)]
pub enum Accept<W> {
    /// A connection from this address.
    Accepted(W, IpAddr, Security),
    /// None waits.
    Nothing,
    /// The client was gone before it was accepted.
    Gone,
    /// It failed, for example because the process has no more descriptors.
    Failed,
}

/// Whether the kernel stamps received datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiveTimestamps {
    /// It does not, and stamps are not read.
    Off,
    /// It does, and they are read.
    On,
    /// It no longer does, but the stamps of datagrams that wait are still read.
    ReadOnly,
}
