use crate::http_listener::HttpListener;
use crate::wake_up::WakeUp;
use crate::wire::TcpWire;
use core_link::ReplySource;
use core_loop::SlotKey;
use core_loop::{
    Accept, ConnectionEvent, EVENTS_MAX, Event, ListenerIndex, NotSent, ReceiveQueues, ReceiveTimestamps,
    ReceivedBatch, ReplyBatch, Sockets,
};
use engine::Inbox;
use primitives::{AddressFamily, AddressRanges, FilterRules};
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{SocketAddrAny, SocketFlags, acceptfrom_with};
use rustix::time::Timespec;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};
use udp_socket::{BatchSocket, DestinationInfo, Path, ReceiveBatch, SendBatch};

/// The sockets of a core and the one epoll that watches them.
pub(crate) struct CoreSockets {
    udp: Vec<BatchSocket>,
    /// Of each UDP socket, the datagrams that the kernel had dropped when it was asked last.
    dropped: Vec<u32>,
    http: Vec<HttpListener>,
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
    /// Whether [`Self::wait`] has fetched events that were not polled.
    has_waited: bool,
    wake_up: Arc<WakeUp>,
}

/// [`ReceiveBatch`] for the core's loop.
#[derive(Debug)]
pub(crate) struct Received(pub(crate) ReceiveBatch);

/// [`SendBatch`] for the core's loop.
#[derive(Debug)]
pub(crate) struct Replies(pub(crate) SendBatch);

/// Bits in the data of an event that say what it is about. No key of a connection has one of them.
const KIND: u64 = 1 << 63;
const TCP_LISTENER: u64 = KIND;
const UDP_LISTENER: u64 = KIND | 1 << 62;
const WAKE_UP: u64 = KIND | 1 << 61;

const ROOM: &str = "the loop sends a batch when it is full";
const IN_BATCH: &str = "the engine names datagrams of the batch only";

impl CoreSockets {
    pub(crate) fn new(udp: Vec<BatchSocket>, http: Vec<HttpListener>) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let wake_up = Arc::new(WakeUp::new()?);
        // Each write to it is an event, so that it need not be read.
        epoll::add(&epoll, &*wake_up, EventData::new_u64(WAKE_UP), EventFlags::IN | EventFlags::ET)?;
        for (index, socket) in udp.iter().enumerate() {
            epoll::add(&epoll, socket, data_of_udp(index), EventFlags::ET)?;
        }
        let events = Vec::with_capacity(EVENTS_MAX);
        // An adopted socket has dropped some for another process.
        let dropped =
            udp.iter().map(|socket| socket.receive_queue().map_or(0, |queue| queue.dropped)).collect();
        Ok(Self { udp, dropped, http, epoll, events, has_waited: false, wake_up })
    }

    /// Returns how another thread wakes the core while it waits.
    pub(crate) fn wake_up(&self) -> Arc<WakeUp> {
        Arc::clone(&self.wake_up)
    }

    fn watch_udp(&self, interest: EventFlags) {
        for (index, socket) in self.udp.iter().enumerate() {
            // This fails only for a socket that is not watched.
            let _changed = epoll::modify(&self.epoll, socket, data_of_udp(index), interest);
        }
    }

    /// Blocks the thread until there is an event, the core is woken, or the time has come.
    pub(crate) fn wait(&mut self, until: Instant) {
        let timeout = until.saturating_duration_since(Instant::now());
        // In whole milliseconds, for which every kernel and sandbox has a call.
        self.fetch(timeout.as_nanos().div_ceil(1_000_000));
        self.has_waited = true;
    }

    /// Fetches the events, and waits for the first one for at most this many milliseconds.
    ///
    /// # Panics
    /// When the kernel refuses, which would be a bug: the epoll is open and belongs to this core.
    fn fetch(&mut self, timeout_ms: u128) {
        self.events.clear();
        let timeout = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(u64::MAX));
        let timeout = Timespec::try_from(timeout).ok();
        let spare = rustix::buffer::spare_capacity(&mut self.events);
        match epoll::wait(&self.epoll, spare, timeout.as_ref()) {
            // The next call has the events.
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => panic!("the epoll of a core failed: {error}"),
        }
    }
}

impl Sockets for CoreSockets {
    type Path = Path;
    type Received = Received;
    type Replies = Replies;
    type Wire = TcpWire;

    fn udp_listeners(&self) -> u8 {
        u8::try_from(self.udp.len()).unwrap_or(u8::MAX)
    }

    fn receive(&mut self, listener: ListenerIndex, batch: &mut Received) -> io::Result<()> {
        self.udp[listener.get()].receive(&mut batch.0).map(drop)
    }

    fn send(&mut self, listener: ListenerIndex, replies: &mut Replies) -> NotSent {
        let report = self.udp[listener.get()].send(&mut replies.0);
        replies.0.clear();
        NotSent { refused: report.refused, unsent: report.unsent }
    }

    fn pause_receiving(&mut self) {
        self.watch_udp(EventFlags::ET);
    }

    fn resume_receiving(&mut self) {
        self.watch_udp(EventFlags::IN | EventFlags::ET);
    }

    fn set_filter(&mut self, rules: &FilterRules) -> io::Result<usize> {
        let mut left_out_max = 0;
        let each = self.udp.iter().map(|socket| socket.set_filter(rules));
        of_all(each.map(|set| set.map(|left_out| left_out_max = left_out_max.max(left_out))))?;
        Ok(left_out_max)
    }

    fn set_connection_filter(&mut self, refused: &AddressRanges) -> io::Result<()> {
        of_all(self.http.iter().map(|listener| listener.set_filter(refused)))
    }

    fn receive_queues(&mut self) -> ReceiveQueues {
        let mut all = ReceiveQueues::default();
        for (socket, dropped) in self.udp.iter().zip(&mut self.dropped) {
            let Ok(queue) = socket.receive_queue() else { continue };
            let before = std::mem::replace(dropped, queue.dropped);
            all.dropped += u64::from(queue.dropped.wrapping_sub(before));
            let percent = u64::from(queue.bytes) * 100 / u64::from(queue.bytes_max.max(1));
            all.fullest_percent = all.fullest_percent.max(u8::try_from(percent).unwrap_or(u8::MAX));
        }
        all
    }

    fn set_receive_timestamps(&mut self, timestamps: ReceiveTimestamps) {
        let timestamps = match timestamps {
            ReceiveTimestamps::Off => udp_socket::ReceiveTimestamps::Off,
            ReceiveTimestamps::On => udp_socket::ReceiveTimestamps::On,
            ReceiveTimestamps::ReadOnly => udp_socket::ReceiveTimestamps::ReadOnly,
        };
        for socket in &self.udp {
            drop(socket.set_receive_timestamps(timestamps));
        }
    }

    fn set_reply_source(&mut self, family: AddressFamily, source: ReplySource) {
        let info = match source {
            ReplySource::Destination => DestinationInfo::Capture,
            ReplySource::Kernel => DestinationInfo::Ignore,
        };
        for socket in &self.udp {
            let address = socket.local_address().ip();
            if address.is_unspecified() && AddressFamily::of(address) == family {
                drop(socket.set_destination_info(info));
            }
        }
    }

    fn poll(&mut self) -> usize {
        if !std::mem::take(&mut self.has_waited) {
            self.fetch(0);
        }
        self.events.len()
    }

    fn event(&self, index: usize) -> Event {
        let epoll::Event { data, flags, .. } = self.events[index];
        let data = data.u64();
        if data & KIND == 0 {
            let hung_up = flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
            let readable = hung_up || flags.contains(EventFlags::IN);
            return Event::Connection(ConnectionEvent { key: SlotKey::from_bits(data), readable, hung_up });
        }
        if data == WAKE_UP {
            return Event::WokenUp;
        }
        // The lowest byte is the index of the listener: there are far fewer than 256 of each kind.
        let [index, ..] = data.to_le_bytes();
        if data & UDP_LISTENER == UDP_LISTENER {
            Event::Datagrams(ListenerIndex(index))
        } else {
            Event::Connections(index.into())
        }
    }

    fn accept(&mut self, listener: usize) -> Accept<TcpWire> {
        let Some(listener) = self.http.get(listener) else { return Accept::Nothing };
        match acceptfrom_with(&listener.socket, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
            Ok((socket, remote)) => match remote.and_then(socket_address) {
                Some(remote) => Accept::Accepted(TcpWire::new(socket), remote.ip(), listener.security),
                None => Accept::Gone,
            },
            Err(Errno::AGAIN) => Accept::Nothing,
            Err(Errno::CONNABORTED | Errno::INTR) => Accept::Gone,
            Err(_) => Accept::Failed,
        }
    }

    fn pause_accepting(&mut self) {
        for listener in &self.http {
            // This fails only for a listener that is not watched.
            let _forgotten = epoll::delete(&self.epoll, &listener.socket);
        }
    }

    fn resume_accepting(&mut self) -> io::Result<()> {
        for (index, listener) in self.http.iter().enumerate() {
            let data = EventData::new_u64(TCP_LISTENER | index as u64);
            match epoll::add(&self.epoll, &listener.socket, data, EventFlags::IN) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn close_listeners(&mut self) {
        // Where another process has the sockets too, the epoll would still report their events.
        self.pause_accepting();
        self.http.clear();
    }

    fn watch(&mut self, wire: &TcpWire, key: SlotKey) -> io::Result<()> {
        let interest = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        Ok(epoll::add(&self.epoll, wire, EventData::new_u64(key.to_bits()), interest)?)
    }
}

const fn data_of_udp(index: usize) -> EventData {
    EventData::new_u64(UDP_LISTENER | index as u64)
}

/// Returns the first error, after all results.
fn of_all(results: impl Iterator<Item = io::Result<()>>) -> io::Result<()> {
    results.fold(Ok(()), io::Result::and)
}

fn socket_address(address: SocketAddrAny) -> Option<SocketAddr> {
    SocketAddr::try_from(address).ok()
}

impl fmt::Debug for CoreSockets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CoreSockets")
            .field("udp", &self.udp)
            .field("http", &self.http)
            .finish_non_exhaustive()
    }
}

impl Inbox for Received {
    fn datagrams(&self) -> usize {
        self.0.len()
    }

    fn datagram(&self, index: usize) -> (SocketAddr, &[u8]) {
        let received = self.0.get(index).expect(IN_BATCH);
        (received.path.remote(), received.bytes)
    }
}

impl ReceivedBatch for Received {
    type Path = Path;

    fn capacity(&self) -> usize {
        self.0.capacity()
    }

    fn path(&self, index: usize) -> &Path {
        self.0.path(index).expect(IN_BATCH)
    }

    fn arrived(&self, index: usize) -> Option<Duration> {
        self.0.arrived(index)
    }
}

impl ReplyBatch for Replies {
    type Path = Path;

    fn capacity(&self) -> usize {
        self.0.capacity()
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn buffer(&mut self) -> &mut [u8] {
        self.0.next_buffer().expect(ROOM)
    }

    fn commit(&mut self, length: usize, path: &Path) {
        self.0.commit(length, path);
    }
}
