//! Sending: a batch of owned buffers, sent with as few system calls as possible.

use std::io;
use std::os::fd::BorrowedFd;

use crate::message_table::MessageTable;
use crate::path::Path;

/// The result of [`BatchSocket::send`](crate::BatchSocket::send). The three counts add up to the datagrams that were
/// queued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendReport {
    /// Datagrams that the kernel accepted.
    pub sent: usize,
    /// Datagrams that the kernel refused (no route, not permitted, too long); they are dropped.
    pub refused: usize,
    /// Datagrams that the kernel had no room for; they are still queued.
    pub unsent: usize,
}

/// Buffers for datagrams to be sent, allocated once. A datagram is written into [`next_buffer`](Self::next_buffer),
/// queued by [`commit`](Self::commit) and sent by [`BatchSocket::send`](crate::BatchSocket::send).
#[derive(Debug)]
pub struct SendBatch {
    table: MessageTable,
    /// The first datagram that is not sent yet; those before it were sent by an incomplete send.
    first: usize,
    /// After the last queued datagram; `first <= end <= capacity`.
    end: usize,
}

impl SendBatch {
    /// Creates an empty batch for up to `datagrams` datagrams of up to `datagram_bytes_max` bytes each. The arguments
    /// are clamped to 1..=[`BATCH_DATAGRAMS_MAX`](crate::BATCH_DATAGRAMS_MAX) and
    /// 1..=[`DATAGRAM_BYTES_MAX`](crate::DATAGRAM_BYTES_MAX).
    pub fn new(datagrams: usize, datagram_bytes_max: usize) -> Self {
        Self { table: MessageTable::new(datagrams, datagram_bytes_max), first: 0, end: 0 }
    }

    /// Returns the next free buffer, of the datagram size of the batch, or `None` if the batch is full. The buffer
    /// still contains an earlier datagram. It is returned again until [`commit`](Self::commit) queues it.
    #[must_use]
    pub fn next_buffer(&mut self) -> Option<&mut [u8]> {
        if self.is_full() { None } else { Some(self.table.buffer_mut(self.end)) }
    }

    /// Queues the first `length` bytes of the buffer from [`next_buffer`](Self::next_buffer), along `path`. A longer
    /// `length` than the buffer is cut, and a commit to a full batch is ignored; both are errors of the calling code.
    pub fn commit(&mut self, length: usize, path: &Path) {
        debug_assert!(!self.is_full(), "a commit follows a buffer");
        debug_assert!(length <= self.table.datagram_bytes_max(), "a datagram fits its buffer");
        if !self.is_full() {
            self.table.address(self.end, length, path);
            self.end += 1;
        }
    }

    /// Number of queued datagrams.
    pub fn len(&self) -> usize {
        self.end - self.first
    }

    /// Whether no datagram is queued.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether no buffer is free. After a send that left datagrams unsent, buffers become free when the last of those
    /// is sent or the batch is cleared.
    pub fn is_full(&self) -> bool {
        self.end == self.table.capacity()
    }

    /// The most datagrams that can be queued.
    pub fn capacity(&self) -> usize {
        self.table.capacity()
    }

    /// Drops all queued datagrams.
    pub fn clear(&mut self) {
        (self.first, self.end) = (0, 0);
    }

    pub(crate) fn drain(&mut self, socket: BorrowedFd<'_>) -> SendReport {
        let (first, end) = (self.first, self.end);
        let report = drain(end - first, |done| self.table.send(socket, first + done, end));
        self.first = end - report.unsent;
        if self.is_empty() {
            self.clear();
        }
        report
    }
}

/// Offers `queued` datagrams to the kernel until it has accepted or refused all, or has no room. `offer(done)` offers
/// those after the first `done`; like `sendmmsg` it returns how many were accepted, or why the first was not.
fn drain(queued: usize, mut offer: impl FnMut(usize) -> io::Result<usize>) -> SendReport {
    let mut report = SendReport { unsent: queued, ..SendReport::default() };
    while report.unsent > 0 {
        match offer(queued - report.unsent) {
            Ok(count) => {
                let taken = count.clamp(1, report.unsent);
                report.sent += taken;
                report.unsent -= taken;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if no_room(&error) => break,
            Err(_) => {
                report.refused += 1;
                report.unsent -= 1;
            }
        }
    }
    report
}

/// Whether the kernel lacks memory or room in the send buffer: independent of the datagram, and likely temporary.
fn no_room(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Drains with a kernel that returns `answers`, and records what it was offered.
    fn drain_scripted(queued: usize, answers: &[Result<usize, i32>]) -> (SendReport, Vec<usize>) {
        let (mut answers, mut offered) = (answers.iter(), Vec::new());
        let report = drain(queued, |done| {
            offered.push(done);
            answers.next().expect("the script is long enough").map_err(io::Error::from_raw_os_error)
        });
        assert_eq!(answers.next(), None, "every scripted answer is used");
        (report, offered)
    }

    #[test]
    fn a_partly_sent_batch_continues_after_the_sent_datagrams() {
        let (report, offered) = drain_scripted(9, &[Ok(4), Ok(3), Ok(2)]);
        assert_eq!(report, SendReport { sent: 9, refused: 0, unsent: 0 });
        assert_eq!(offered, [0, 4, 7]);
    }

    #[test]
    fn a_refused_datagram_is_skipped_and_an_interruption_is_not_a_refusal() {
        let script = [Ok(1), Err(libc::EPERM), Err(libc::EINTR), Err(libc::ENETUNREACH), Ok(2)];
        let (report, offered) = drain_scripted(5, &script);
        assert_eq!(report, SendReport { sent: 3, refused: 2, unsent: 0 });
        assert_eq!(offered, [0, 1, 2, 2, 3]);
    }

    #[test]
    fn a_kernel_without_room_leaves_the_rest_unsent() {
        for reason in [libc::EAGAIN, libc::ENOBUFS, libc::ENOMEM] {
            let (report, _) = drain_scripted(6, &[Ok(2), Err(libc::EINVAL), Err(reason)]);
            assert_eq!(report, SendReport { sent: 2, refused: 1, unsent: 3 });
        }
    }

    #[test]
    fn an_empty_batch_makes_no_system_call() {
        assert_eq!(drain_scripted(0, &[]), (SendReport::default(), Vec::new()));
    }

    #[test]
    fn a_kernel_that_refuses_everything_ends_the_send() {
        let (report, _) = drain_scripted(3, &[Err(libc::EBADF); 3]);
        assert_eq!(report, SendReport { sent: 0, refused: 3, unsent: 0 });
    }
}
