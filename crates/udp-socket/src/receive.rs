//! Receiving: a batch of owned buffers that one system call fills.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use crate::limits::RECEIVE_ATTEMPTS_MAX;
use crate::message_table::MessageTable;
use crate::path::Path;

/// One received datagram, borrowed from its batch.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// Sender, and local address if the socket captures it; the path to reply on.
    pub path: &'a Path,
    /// The payload, or only its beginning if `truncated`.
    pub bytes: &'a [u8],
    /// Whether the datagram was longer than the buffers of the batch.
    pub truncated: bool,
}

/// Buffers for received datagrams, allocated once and filled by each
/// [`BatchSocket::receive`](crate::BatchSocket::receive).
#[derive(Debug)]
pub struct ReceiveBatch {
    table: MessageTable,
    filled: usize,
}

impl ReceiveBatch {
    /// Creates an empty batch for up to `datagrams` datagrams of up to `datagram_bytes_max` bytes each; longer ones
    /// are truncated. The arguments are clamped to 1..=[`BATCH_DATAGRAMS_MAX`](crate::BATCH_DATAGRAMS_MAX) and
    /// 1..=[`DATAGRAM_BYTES_MAX`](crate::DATAGRAM_BYTES_MAX).
    pub fn new(datagrams: usize, datagram_bytes_max: usize) -> Self {
        Self { table: MessageTable::new(datagrams, datagram_bytes_max), filled: 0 }
    }

    /// Number of datagrams of the last receive.
    pub fn len(&self) -> usize {
        self.filled
    }

    /// Whether the last receive returned no datagram.
    pub fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// The most datagrams per receive. After a receive of this many, more may be waiting in the kernel.
    pub fn capacity(&self) -> usize {
        self.table.capacity()
    }

    /// Returns the datagram at `index` of the last receive, in the order of arrival.
    pub fn get(&self, index: usize) -> Option<Received<'_>> {
        (index < self.filled).then(|| self.received(index))
    }

    /// Iterates over the datagrams of the last receive, in the order of arrival.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Received<'_>> + '_ {
        (0..self.filled).map(|index| self.received(index))
    }

    /// When the kernel received the datagram at `index` of the last receive: the system's clock, since the Unix
    /// epoch. `None` if it has no time stamp.
    pub fn arrived(&self, index: usize) -> Option<Duration> {
        self.table.arrived(index).filter(|_| index < self.filled)
    }

    /// Returns the path of the datagram at `index` of the last receive.
    pub fn path(&self, index: usize) -> Option<&Path> {
        (index < self.filled).then(|| self.table.path(index))
    }

    fn received(&self, index: usize) -> Received<'_> {
        Received {
            path: self.table.path(index),
            bytes: &self.table.buffer(index)[..self.table.transferred_bytes(index)],
            truncated: self.table.truncated(index),
        }
    }

    pub(crate) fn fill(&mut self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        self.filled = 0;
        for _ in 0..RECEIVE_ATTEMPTS_MAX {
            match self.table.receive(socket) {
                Ok(count) => return Ok(self.settle(count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(0),
                Err(error) if passes_by(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(0)
    }

    fn settle(&mut self, count: usize) -> usize {
        debug_assert!(count <= self.table.capacity());
        for index in 0..count {
            self.table.settle(index);
        }
        self.filled = count;
        count
    }
}

/// Whether an error is over once it was reported: an interruption, or an ICMP error about an earlier datagram. The
/// kernel does not report the latter on an unconnected socket; if it ever does, an ICMP message from a third party
/// must not look like a broken socket.
fn passes_by(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::EINTR
                | libc::ECONNREFUSED
                | libc::EHOSTUNREACH
                | libc::ENETUNREACH
                | libc::EHOSTDOWN
                | libc::ENONET
                | libc::ENOPROTOOPT
                | libc::EOPNOTSUPP
                | libc::EMSGSIZE
                | libc::EPROTO
                | libc::EACCES
        )
    )
}
