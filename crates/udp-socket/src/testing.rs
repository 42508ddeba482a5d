//! Helpers of the tests: random numbers, and waiting for datagrams with a deadline.

use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use crate::{BatchSocket, Path, PortSharing, ReceiveBatch, SendBatch, SendReport, SocketOptions};

/// How long a datagram on the loopback interface may take before a test fails.
const DEADLINE: Duration = Duration::from_secs(10);

/// Marsaglia's xorshift64, with a fixed seed so that failures are reproducible.
pub(crate) struct XorShift(u64);

impl XorShift {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn next_u32(&mut self) -> u32 {
        u32::try_from(self.next_u64() >> 32).expect("the high half has 32 bits")
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next_u64() >> 1).expect("a 64-bit target") % bound
    }

    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill_with(|| self.next_u64().to_le_bytes()[4]);
    }
}

/// Returns a socket on a loopback address, with a port of the kernel's choice.
pub(crate) fn socket_on(ip: &str) -> BatchSocket {
    BatchSocket::bind(&SocketOptions::new(SocketAddr::new(ip.parse().unwrap(), 0))).unwrap()
}

/// Returns a reuseport group of `size` sockets on one loopback address, in bind order. Parallel tests must use
/// different addresses, because the kernel may choose the port of another group of the same user for port 0.
pub(crate) fn group_on(ip: &str, size: u16) -> Vec<BatchSocket> {
    let mut options = SocketOptions::new(SocketAddr::new(ip.parse().unwrap(), 0));
    options.sharing = PortSharing::ReusePort;
    let mut group = Vec::new();
    for _ in 0..size {
        let socket = BatchSocket::bind(&options).unwrap();
        options.address = socket.local_address();
        group.push(socket);
    }
    group
}

pub(crate) fn queue(batch: &mut SendBatch, bytes: &[u8], path: &Path) {
    batch.next_buffer().expect("the batch has room")[..bytes.len()].copy_from_slice(bytes);
    batch.commit(bytes.len(), path);
}

/// Sends a batch of which no datagram may be refused or unsent.
pub(crate) fn send_all(socket: &BatchSocket, batch: &mut SendBatch) {
    let queued = batch.len();
    assert_eq!(socket.send(batch), SendReport { sent: queued, refused: 0, unsent: 0 });
    assert!(batch.is_empty());
}

/// Receives until `count` datagrams have arrived over any of the sockets, and passes each, with the index of its
/// socket, to `each`.
pub(crate) fn receive_over(
    sockets: &[BatchSocket],
    count: usize,
    mut each: impl FnMut(usize, crate::Received<'_>),
) {
    let deadline = Instant::now() + DEADLINE;
    let mut batch = ReceiveBatch::new(16, 2_048);
    let mut arrived = 0;
    while arrived < count {
        assert!(Instant::now() < deadline, "{arrived} of {count} datagrams arrived in time");
        wait_readable(sockets);
        for (index, socket) in sockets.iter().enumerate() {
            arrived += socket.receive(&mut batch).unwrap();
            batch.iter().for_each(|received| each(index, received));
        }
    }
    assert_eq!(arrived, count, "no datagram arrives twice");
}

/// Waits until one of the sockets is readable, for at most 100 ms.
pub(crate) fn wait_readable(sockets: &[BatchSocket]) {
    const MOMENT_MS: libc::c_int = 100;
    let poll_entry =
        |socket: &BatchSocket| libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let mut entries: Vec<_> = sockets.iter().map(poll_entry).collect();
    let count = libc::nfds_t::try_from(entries.len()).expect("few sockets");
    // SAFETY: the entries live through the call, and the count is theirs.
    let ready = unsafe { libc::poll(entries.as_mut_ptr(), count, MOMENT_MS) };
    assert!(ready >= 0, "poll works");
}
