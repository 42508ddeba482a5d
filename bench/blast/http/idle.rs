use super::dialer::Dialer;
use super::link::{Arrival, Link};
use super::stream::{Flushed, Received, Stream, received};
use crate::connection_tally::{ConnectionTally, IdleTally};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Connections whose first responses are awaited together: the tracker's accept queue has room for this many.
pub(crate) const AT_ONCE: usize = 128;

/// Time after which a connection without a response is given up.
pub(crate) const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Connections that have received one response each and are silent since then.
#[derive(Debug, Default)]
pub(crate) struct IdleConnections {
    asked_for: u64,
    /// Reasons why connections failed.
    failed: ConnectionTally,
    awaited: Vec<Link>,
    /// Sockets without TLS state, because nothing more is sent.
    silent: Vec<TcpStream>,
}

impl IdleConnections {
    /// Begins another connection and sends its request.
    pub(crate) fn begin(&mut self, dialer: &mut Dialer, source: u32, request: &[u8], buffer: &mut [u8]) {
        self.asked_for += 1;
        let mut link = Link::new(0, source);
        let begun = dialer.dial(source).and_then(|mut stream| {
            stream.send(request)?;
            link.stream = Some(stream);
            Ok(())
        });
        match begun {
            Ok(()) => self.awaited.push(link),
            Err(error) => self.fail(&error),
        }
        if self.awaited.len() >= AT_ONCE {
            self.await_answers(buffer);
        }
    }

    /// Waits for the responses of the connections begun.
    pub(crate) fn await_answers(&mut self, buffer: &mut [u8]) {
        let deadline = Instant::now() + ANSWER_MAX;
        for mut link in std::mem::take(&mut self.awaited) {
            match await_answer(&mut link, deadline, buffer) {
                Ok(()) => self.silent.extend(link.cut().map(Stream::into_tcp)),
                Err(error) => self.fail(&error),
            }
        }
    }

    /// Holds a connection that another has opened.
    pub(crate) fn hold(&mut self, opened: io::Result<Stream>) {
        self.asked_for += 1;
        match opened {
            Ok(stream) => self.silent.push(stream.into_tcp()),
            Err(error) => self.fail(&error),
        }
    }

    fn fail(&mut self, error: &io::Error) {
        self.failed.note_failure(&format!("idle: {error}"));
    }

    /// Counts the connections, and those that are still open.
    pub(crate) fn tally(&self, buffer: &mut [u8]) -> ConnectionTally {
        let open_now = self.silent.iter().filter(|tcp| is_open(tcp, buffer)).count();
        let idle = IdleTally {
            asked_for: self.asked_for,
            open_at_begin: self.silent.len() as u64,
            open_at_end: open_now as u64,
        };
        ConnectionTally { idle, ..self.failed.clone() }
    }
}

fn await_answer(link: &mut Link, deadline: Instant, buffer: &mut [u8]) -> io::Result<()> {
    loop {
        let Some(stream) = &mut link.stream else { return Err(io::Error::other("no connection")) };
        let flushed = stream.flush()?;
        match link.receive(buffer)? {
            Arrival::Answer(response) if response.status == 200 => return Ok(()),
            Arrival::Answer(response) => {
                return Err(io::Error::other(String::from_utf8_lossy(response.status_line)));
            }
            Arrival::Wrong(what) => return Err(io::Error::other(what)),
            Arrival::Ended => return Err(io::ErrorKind::UnexpectedEof.into()),
            Arrival::Nothing => {}
        }
        let Some(left) = deadline.checked_duration_since(Instant::now()) else {
            return Err(io::ErrorKind::TimedOut.into());
        };
        if let Some(stream) = &link.stream {
            wait(stream.tcp(), flushed, left)?;
        }
    }
}

/// Waits until the socket is ready, or the time is over.
pub(crate) fn wait(tcp: &TcpStream, flushed: Flushed, time: Duration) -> io::Result<()> {
    let flags = match flushed {
        Flushed::All => PollFlags::IN,
        Flushed::Waits => PollFlags::IN | PollFlags::OUT,
    };
    let time = Timespec::try_from(time).map_err(io::Error::other)?;
    poll(&mut [PollFd::new(tcp, flags)], Some(&time))?;
    Ok(())
}

fn is_open(mut tcp: &TcpStream, buffer: &mut [u8]) -> bool {
    loop {
        match received(tcp.read(buffer)) {
            Ok(Received::Nothing) => return true,
            Ok(Received::Bytes(_)) => {}
            Ok(Received::End) | Err(_) => return false,
        }
    }
}
