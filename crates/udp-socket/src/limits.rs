//! Every bound of this crate, with its reason.

/// The most datagrams in one batch. `sendmmsg` takes no more than `UIO_MAXIOV` messages in one call.
pub const BATCH_DATAGRAMS_MAX: usize = 1_024;

/// The most bytes in one buffer. The length field of a UDP header has 16 bits.
pub const DATAGRAM_BYTES_MAX: usize = 65_535;

/// The most datagrams that one message is cut into. The kernel's `UDP_MAX_SEGMENTS` was 64 before Linux 6.9.
pub const SEGMENTS_MAX: usize = 64;

/// The bytes of a version 1 info hash (SHA-1), which is what steering reads.
pub const INFO_HASH_BYTES: usize = 20;

/// How often one receive asks the kernel again after an error that tells nothing about the datagrams that
/// wait. A socket holds one pending error, so the second attempt meets datagrams; the bound only keeps a
/// stream of ICMP errors from holding the caller.
pub const RECEIVE_ATTEMPTS_MAX: usize = 8;
