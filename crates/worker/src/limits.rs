//! The limits of a worker, each with its reason.

/// Bytes of a datagram that are read. A scrape of 74 torrents has 1496, and an announce with BEP 41 options rarely a
/// third of that. Longer datagrams are truncated and still answered.
pub const DATAGRAM_BYTES_MAX: usize = 2048;

/// glommio's preemption, in milliseconds. The core's loop is its only task and does not need it. It is long because glommio
/// 0.9 parks an executor that has work if the timer fires between its start and the first check of it, which happens if the
/// thread is off its core that long: with 2 ms, one start in a hundred hung on a busy machine.
pub const PREEMPT_MS: u64 = 1000;

/// Connections that the kernel queues for a listener until the core accepts them: the arrivals of part of a second.
pub const BACKLOG_MAX: u32 = 4096;

/// Bytes of a connection's receive buffer: half of the longest head. The kernel takes twice as much for it, in each of many
/// thousand connections, and would let a client fill 32 MiB.
pub const CONNECTION_RECEIVE_BUFFER_BYTES: usize = 8 << 10;

/// Bytes of a connection's send buffer: most answers. The kernel takes twice as much for it, and would let a client that reads
/// nothing fill 4 MiB. What does not fit is kept and counted by the connection.
pub const CONNECTION_SEND_BUFFER_BYTES: usize = 16 << 10;

/// Bytes of the send buffer of a connection over which all torrents are sent: with a round trip of a fifth of a second, its client
/// receives a megabyte a second. The kernel takes at most as many as the sysctl `net.core.wmem_max` allows.
pub const SCRAPE_SEND_BUFFER_BYTES: usize = 192 << 10;

/// Bytes that glommio reserves for file IO, which the data plane does not do.
pub(crate) const FILE_IO_BYTES: usize = 64 * 1024;

/// Attempts to find a free port where any will do, in case another program takes one meanwhile.
pub(crate) const FREE_PORT_ATTEMPTS_MAX: usize = 16;

/// Nanoseconds by which the kernel may prolong a wait to end several at once. Its default is half of the wait for datagrams.
pub(crate) const TIMER_SLACK_NS: u64 = 1000;
