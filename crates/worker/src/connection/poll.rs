use super::limits::EVENTS_MAX;
use super::slots::SlotKey;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::time::Timespec;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The epoll of a core's HTTP sockets.
pub(super) struct Poll {
    epoll: OwnedFd,
    events: Vec<Event>,
}

/// The socket of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The listener at this index has connections to accept.
    Listener(usize),
    Connection(SlotKey),
}

/// An event of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ready {
    pub(super) source: Source,
    pub(super) readable: bool,
    /// The client has sent its last byte, or is gone.
    pub(super) hung_up: bool,
}

/// Set in the data of listeners' events. No generation of a connection has it.
const LISTENER: u64 = 1 << 63;

impl Poll {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { epoll: epoll::create(CreateFlags::CLOEXEC)?, events: Vec::with_capacity(EVENTS_MAX) })
    }

    /// Watches a listener. Its event is repeated while it has connections to accept (level-triggered).
    pub(super) fn watch_listener(&self, socket: impl AsFd, index: usize) -> io::Result<()> {
        let data = EventData::new_u64(LISTENER | index as u64);
        Ok(epoll::add(&self.epoll, socket, data, EventFlags::IN)?)
    }

    pub(super) fn forget_listener(&self, socket: impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, socket)?)
    }

    /// Watches a connection until it is closed. There is one event each time that data arrives or the send buffer has
    /// room again (edge-triggered).
    pub(super) fn watch(&self, socket: impl AsFd, key: SlotKey) -> io::Result<()> {
        let interest = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(key.to_bits()), interest)?)
    }

    /// Fetches the events since the last call, at most [`EVENTS_MAX`], and returns their number.
    pub(super) fn look(&mut self) -> io::Result<usize> {
        const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
        self.events.clear();
        epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut self.events), Some(&AT_ONCE))?;
        Ok(self.events.len())
    }

    /// Returns the event at `index` of the last [`Self::look`].
    pub(super) fn event(&self, index: usize) -> Ready {
        let event = self.events[index];
        let (data, flags) = (event.data.u64(), event.flags);
        let source = if data & LISTENER == 0 {
            Source::Connection(SlotKey::from_bits(data))
        } else {
            Source::Listener(usize::try_from(data & !LISTENER).unwrap_or(usize::MAX))
        };
        let hung_up = flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
        Ready { source, readable: hung_up || flags.contains(EventFlags::IN), hung_up }
    }
}

impl fmt::Debug for Poll {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Poll").field("epoll", &self.epoll).finish_non_exhaustive()
    }
}

impl AsFd for Poll {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}
