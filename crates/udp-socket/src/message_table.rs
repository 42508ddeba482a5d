//! The arrays that `recvmmsg` and `sendmmsg` work on, linked once.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;
use std::{fmt, io, mem, ptr};

use crate::control_message::{ControlData, ControlMessages};
use crate::limits::{BATCH_DATAGRAMS_MAX, DATAGRAM_BYTES_MAX};
use crate::path::{LocalEnd, Path, SocketName};
use crate::stable_slice::StableSlice;

/// The data of one datagram besides its bytes. The kernel reads and writes the name in the path and the control
/// messages.
struct Slot {
    control: ControlMessages,
    iovec: libc::iovec,
    path: Path,
    /// Time of arrival since the Unix epoch, if the kernel reported it.
    arrived: Option<Duration>,
}

/// Buffers, addresses and message headers for up to [`MessageTable::capacity`] datagrams.
///
/// Invariant that the system calls rely on: header `i` points to slot `i` (name, control messages, iovec), whose
/// iovec points to buffer `i`, and each length is at most the room at its pointer. Buffers and slots are stable
/// slices, so that moving the table does not move them. Code outside of this module cannot write a pointer or a
/// length.
pub(crate) struct MessageTable {
    buffers: StableSlice<u8>,
    slots: StableSlice<Slot>,
    headers: Box<[libc::mmsghdr]>,
    datagram_bytes_max: usize,
    /// Number of datagrams of the last receive with a time of arrival.
    stamped: usize,
}

// SAFETY: all pointers point into memory that the table alone owns, and none of it belongs to a thread.
unsafe impl Send for MessageTable {}

/// Room for a name of either family; set again for each datagram.
#[allow(clippy::cast_possible_truncation, reason = "28 bytes")]
const NAME_ROOM_BYTES: u32 = size_of::<SocketName>() as u32;

impl MessageTable {
    /// Creates a table for `datagrams` of up to `datagram_bytes_max` bytes each, both clamped to the limits, ready to
    /// receive.
    pub(crate) fn new(datagrams: usize, datagram_bytes_max: usize) -> Self {
        let capacity = datagrams.clamp(1, BATCH_DATAGRAMS_MAX);
        let datagram_bytes_max = datagram_bytes_max.clamp(1, DATAGRAM_BYTES_MAX);
        let empty_slot = || Slot {
            control: ControlMessages::EMPTY,
            iovec: libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 },
            path: Path::UNSPECIFIED,
            arrived: None,
        };
        // SAFETY: a message header consists of integers and pointers, for which all zeros is a valid value.
        let empty_header = || unsafe { mem::zeroed::<libc::mmsghdr>() };
        let mut table = Self {
            buffers: StableSlice::new(vec![0; capacity * datagram_bytes_max].into()),
            slots: StableSlice::new((0..capacity).map(|_| empty_slot()).collect()),
            headers: (0..capacity).map(|_| empty_header()).collect(),
            datagram_bytes_max,
            stamped: 0,
        };
        for index in 0..capacity {
            table.wire(index);
        }
        table
    }

    /// Links the header to its slot and the slot to its buffer, once for the life of the table.
    fn wire(&mut self, index: usize) {
        let buffer = self.buffers.pointer_to(index * self.datagram_bytes_max);
        let slot = self.slots.pointer_to(index);
        // SAFETY: `slot` is an element of the slots to which no reference exists; only addresses of its fields are
        // taken.
        let (control, iovec, name) =
            unsafe { (&raw mut (*slot).control, &raw mut (*slot).iovec, &raw mut (*slot).path.name) };
        // SAFETY: as above.
        unsafe { *iovec = libc::iovec { iov_base: buffer.cast(), iov_len: self.datagram_bytes_max } };
        let header = &mut self.headers[index].msg_hdr;
        header.msg_name = name.cast();
        header.msg_iov = iovec;
        header.msg_iovlen = 1;
        header.msg_control = control.cast();
        self.arm(index);
    }

    /// Prepares the header to receive: the kernel has overwritten the two lengths.
    fn arm(&mut self, index: usize) {
        let header = &mut self.headers[index].msg_hdr;
        header.msg_namelen = NAME_ROOM_BYTES;
        header.msg_controllen = ControlMessages::ROOM_BYTES;
    }

    pub(crate) fn capacity(&self) -> usize {
        self.headers.len()
    }

    pub(crate) fn datagram_bytes_max(&self) -> usize {
        self.datagram_bytes_max
    }

    /// Returns the whole buffer of a datagram.
    pub(crate) fn buffer(&self, index: usize) -> &[u8] {
        &self.buffers[index * self.datagram_bytes_max..][..self.datagram_bytes_max]
    }

    /// Returns the whole buffer of a datagram for writing.
    pub(crate) fn buffer_mut(&mut self, index: usize) -> &mut [u8] {
        &mut self.buffers[index * self.datagram_bytes_max..][..self.datagram_bytes_max]
    }

    pub(crate) fn path(&self, index: usize) -> &Path {
        &self.slots[index].path
    }

    /// Time of arrival since the Unix epoch, if the kernel reported it.
    pub(crate) fn arrived(&self, index: usize) -> Option<Duration> {
        if self.stamped == 0 { None } else { self.slots[index].arrived }
    }

    /// Bytes that the kernel received or sent.
    pub(crate) fn transferred_bytes(&self, index: usize) -> usize {
        (self.headers[index].msg_len as usize).min(self.datagram_bytes_max)
    }

    /// Whether the datagram was longer than its buffer, so that its end is lost.
    pub(crate) fn truncated(&self, index: usize) -> bool {
        self.headers[index].msg_hdr.msg_flags & libc::MSG_TRUNC != 0
    }

    /// Reads the control messages of a received datagram into its slot, and prepares the header for the next receive.
    pub(crate) fn settle(&mut self, index: usize) {
        let written_bytes = self.headers[index].msg_hdr.msg_controllen;
        if ControlMessages::may_be_stamped(written_bytes) {
            self.settle_stamped(index, written_bytes);
        } else {
            let slot = &mut self.slots[index];
            slot.path.local = if written_bytes == 0 { None } else { slot.control.destination(written_bytes) };
            slot.arrived = None;
        }
        self.arm(index);
    }

    #[cold]
    fn settle_stamped(&mut self, index: usize, written_bytes: usize) {
        let slot = &mut self.slots[index];
        let ControlData { destination, arrived } = slot.control.control_data(written_bytes);
        (slot.path.local, slot.arrived) = (destination, arrived);
        self.stamped += usize::from(arrived.is_some());
    }

    /// Makes the header send the first `length` bytes of its buffer along `path`.
    pub(crate) fn address(&mut self, index: usize, length: usize, path: &Path) {
        let slot = &mut self.slots[index];
        slot.path = *path;
        slot.iovec.iov_len = length.min(self.datagram_bytes_max);
        let control_bytes = path.local.map_or(0, |local: LocalEnd| slot.control.set_source(local));
        let header = &mut self.headers[index].msg_hdr;
        header.msg_namelen = path.name.length_bytes();
        header.msg_controllen = control_bytes;
    }

    /// Calls `recvmmsg` once with all headers. Returns the number of datagrams received.
    pub(crate) fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        self.stamped = 0;
        // SAFETY: the headers are exclusively borrowed and the count is theirs. By the table's invariant the kernel
        // writes only into names, control messages and buffers of the table, none of which is borrowed.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                message_count(self.headers.len()),
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    /// Calls `sendmmsg` once with the headers `first..end`. Returns the number of datagrams sent, at least one.
    pub(crate) fn send(&mut self, socket: BorrowedFd<'_>, first: usize, end: usize) -> io::Result<usize> {
        let headers = &mut self.headers[first..end];
        // SAFETY: the headers are exclusively borrowed and the count is theirs. By the table's invariant the kernel
        // reads only names, control messages and buffers of the table.
        let count = unsafe {
            libc::sendmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                message_count(headers.len()),
                libc::MSG_DONTWAIT,
            )
        };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }
}

#[allow(clippy::cast_possible_truncation, reason = "at most BATCH_DATAGRAMS_MAX")]
fn message_count(headers: usize) -> libc::c_uint {
    debug_assert!(headers <= BATCH_DATAGRAMS_MAX);
    headers as libc::c_uint
}

impl fmt::Debug for MessageTable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("MessageTable")
            .field("capacity", &self.capacity())
            .field("datagram_bytes_max", &self.datagram_bytes_max)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The remote end of all datagrams here.
    fn remote() -> Path {
        Path::new(([192, 0, 2, 1], 7).into())
    }

    /// Does to one header what `recvmmsg` does: writes the payload, the name, the control messages and their lengths.
    fn receive_as_the_kernel_does(table: &mut MessageTable, index: usize, payload: &[u8], to: LocalEnd) {
        let header = &mut table.headers[index];
        let iovec = header.msg_hdr.msg_iov;
        let mut control = ControlMessages::EMPTY;
        let control_bytes = control.set_source(to);
        assert!(control_bytes <= header.msg_hdr.msg_controllen);
        assert!(size_of::<SocketName>() <= header.msg_hdr.msg_namelen as usize);
        // SAFETY: by the table's invariant the iovec, the name and the control messages are valid, and they are not borrowed.
        unsafe {
            assert!(payload.len() <= (*iovec).iov_len);
            ptr::copy_nonoverlapping(payload.as_ptr(), (*iovec).iov_base.cast(), payload.len());
            *header.msg_hdr.msg_name.cast::<SocketName>() = remote().name;
            *header.msg_hdr.msg_control.cast::<ControlMessages>() = control;
        }
        header.msg_len = u32::try_from(payload.len()).expect("a short payload");
        header.msg_hdr.msg_controllen = control_bytes;
    }

    /// Reads of one header what `sendmmsg` reads: the bytes of the payload, the name and the control messages.
    fn send_as_the_kernel_does(table: &MessageTable, index: usize) -> [&[u8]; 3] {
        let header = &table.headers[index].msg_hdr;
        // SAFETY: by the table's invariant each pointer leads to at least as many bytes as the length beside it, which are
        // initialised and not borrowed for writing.
        unsafe {
            let iovec = *header.msg_iov;
            [
                (iovec.iov_base, iovec.iov_len),
                (header.msg_name, header.msg_namelen as usize),
                (header.msg_control, header.msg_controllen),
            ]
            .map(|(bytes, length)| std::slice::from_raw_parts(bytes.cast(), length))
        }
    }

    #[test]
    fn data_written_through_the_headers_is_read_after_moves_and_borrows() {
        let mut table = MessageTable::new(3, 8);
        let local = LocalEnd::new([198, 51, 100, 2].into(), 0);
        for round in 0..3 {
            let payload = [round; 8];
            table.buffer_mut(1).fill(0xff);
            receive_as_the_kernel_does(&mut table, 1, &payload, local);
            table = *Box::new(table);
            table.settle(1);
            assert_eq!(table.buffer(1)[..table.transferred_bytes(1)], payload);
            assert_eq!((table.path(1).remote(), table.path(1).local), (remote().remote(), Some(local)));
            assert_eq!((table.buffer(0), table.buffer(2)), ([0; 8].as_slice(), [0; 8].as_slice()));
        }
    }

    #[test]
    fn data_addressed_through_the_table_is_what_the_kernel_reads() {
        let mut table = MessageTable::new(2, 8);
        for (local, control_bytes) in [("198.51.100.2", 32), ("fe80::2", 40)] {
            table.buffer_mut(1).copy_from_slice(b"datagram");
            table.address(1, 4, &remote().with_local(local.parse().unwrap()));
            table = *Box::new(table);
            let [payload, name, control] = send_as_the_kernel_does(&table, 1);
            assert_eq!((payload, name.len(), control.len()), (b"data".as_slice(), 16, control_bytes));
            assert_eq!(name[2..8], [0, 7, 192, 0, 2, 1]);
        }
        table.address(1, 0, &remote());
        assert_eq!(send_as_the_kernel_does(&table, 1)[2], [0; 0]);
    }

    #[test]
    fn no_length_exceeds_its_buffer() {
        let mut table = MessageTable::new(2, 8);
        table.address(0, usize::MAX, &remote());
        assert_eq!(table.slots[0].iovec.iov_len, 8);
        table.headers[1].msg_len = u32::MAX;
        assert_eq!(table.transferred_bytes(1), 8);
    }
}
