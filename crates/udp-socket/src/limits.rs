//! The limits of this crate, each with its reason.

/// The most datagrams in one batch: `sendmmsg` takes at most `UIO_MAXIOV` messages in one call.
pub const BATCH_DATAGRAMS_MAX: usize = 1_024;

/// The most bytes in one buffer: the length field of a UDP header has 16 bits.
pub const DATAGRAM_BYTES_MAX: usize = 65_535;

/// The most datagrams that one message is segmented into: `UDP_MAX_SEGMENTS` of kernels before Linux 6.9.
pub const SEGMENTS_MAX: usize = 64;

/// How often one receive repeats the system call after an error that is not about the waiting datagrams. A socket
/// holds one pending error, so the second attempt receives datagrams; the limit stops a stream of ICMP errors from
/// keeping the core busy.
pub const RECEIVE_ATTEMPTS_MAX: usize = 8;

/// The most instructions of a filter: `BPF_MAXINSNS` of Linux.
pub(crate) const FILTER_INSTRUCTIONS_MAX: usize = 4_096;
