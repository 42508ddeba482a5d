use super::stream::Flushed;
use anyhow::Context;
use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};
use rustix::io::Errno;
use std::io;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// Events that one look takes.
const EVENTS_MAX: usize = 512;

const NO_TIME: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// Which of a thread's links something has happened to.
pub(crate) struct Readiness {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
}

/// Something has happened to a link.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Happening {
    pub(crate) number: u16,
    pub(crate) end: End,
}

/// Whether the tracker has said that it will send no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    NotSeen,
    Seen,
}

impl Readiness {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).context("no epoll can be had")?;
        Ok(Self { epoll, events: Vec::with_capacity(EVENTS_MAX) })
    }

    /// Watches a new connection of the link of this number, as long as it is open.
    pub(crate) fn watch(&self, tcp: &TcpStream, number: u16, flushed: Flushed) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, tcp, data(number), interest(flushed))?)
    }

    /// From now on also tells when there is room to send more.
    pub(crate) fn watch_for_room(&self, tcp: &TcpStream, number: u16) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, tcp, data(number), interest(Flushed::Waits))?)
    }

    /// Sleeps until something happens, or so long.
    pub(crate) fn sleep(&self, time: Duration) -> anyhow::Result<()> {
        let time = Timespec::try_from(time).context("no time to sleep for")?;
        match poll(&mut [PollFd::new(&self.epoll, PollFlags::IN)], Some(&time)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error).context("the connections cannot be waited for"),
        }
    }

    /// Looks at what has happened since the last look. Gives the number of the things to be told.
    pub(crate) fn look(&mut self) -> anyhow::Result<usize> {
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&NO_TIME)) {
            Ok(_) | Err(Errno::INTR) => Ok(self.events.len()),
            Err(error) => Err(error).context("the connections cannot be waited for"),
        }
    }

    /// One of the things that the last look has found.
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

/// Only changes are told: what a call leaves waiting is taken with the next one.
fn interest(flushed: Flushed) -> epoll::EventFlags {
    let usual = epoll::EventFlags::IN | epoll::EventFlags::RDHUP | epoll::EventFlags::ET;
    match flushed {
        Flushed::All => usual,
        Flushed::Waits => usual | epoll::EventFlags::OUT,
    }
}
