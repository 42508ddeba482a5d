use super::stream::Flushed;
use anyhow::Context;
use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};
use rustix::io::Errno;
use std::io;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// Limit of events per call.
const EVENTS_MAX: usize = 512;

const NO_TIME: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// The epoll of a thread's links.
pub(crate) struct Readiness {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
}

/// An event of a link.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Happening {
    pub(crate) number: u16,
    pub(crate) end: End,
}

/// Whether the tracker has shut down its sending side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    NotSeen,
    Seen,
}

impl Readiness {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).context("an epoll cannot be created")?;
        Ok(Self { epoll, events: Vec::with_capacity(EVENTS_MAX) })
    }

    /// Watches a new connection of the link of this number until it is closed.
    pub(crate) fn watch(&self, tcp: &TcpStream, number: u16, flushed: Flushed) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, tcp, data(number), interest(flushed))?)
    }

    /// Watches for room to send, too.
    pub(crate) fn watch_for_room(&self, tcp: &TcpStream, number: u16) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, tcp, data(number), interest(Flushed::Waits))?)
    }

    /// Sleeps until an event, or for `time`.
    pub(crate) fn sleep(&self, time: Duration) -> anyhow::Result<()> {
        let time = Timespec::try_from(time).context("the sleep is too long")?;
        match poll(&mut [PollFd::new(&self.epoll, PollFlags::IN)], Some(&time)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error).context("the connections cannot be waited for"),
        }
    }

    /// Collects the events since the last call, and returns their number.
    pub(crate) fn look(&mut self) -> anyhow::Result<usize> {
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&NO_TIME)) {
            Ok(_) | Err(Errno::INTR) => Ok(self.events.len()),
            Err(error) => Err(error).context("the connections cannot be waited for"),
        }
    }

    /// Returns one of the events of the last [`Self::look`].
    pub(crate) fn happening(&self, index: usize) -> Happening {
        let epoll::Event { flags, data, .. } = self.events[index];
        let number = u16::try_from(data.u64()).expect("links are numbered by a u16");
        let hang_ups = epoll::EventFlags::RDHUP | epoll::EventFlags::HUP | epoll::EventFlags::ERR;
        let end = if flags.intersects(hang_ups) { End::Seen } else { End::NotSeen };
        Happening { number, end }
    }
}

fn data(number: u16) -> epoll::EventData {
    epoll::EventData::new_u64(number.into())
}

/// Edge-triggered: bytes that one call leaves unread are read at the next event.
fn interest(flushed: Flushed) -> epoll::EventFlags {
    let usual = epoll::EventFlags::IN | epoll::EventFlags::RDHUP | epoll::EventFlags::ET;
    match flushed {
        Flushed::All => usual,
        Flushed::Waits => usual | epoll::EventFlags::OUT,
    }
}
